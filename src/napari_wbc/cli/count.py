"""``napari-wbc count``: the main job over a batch of images."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_wbc.cli import options
from napari_wbc.cli.same_slide import add_same_slide, shared_slide_model
from napari_wbc.cli.terminal import (
    DONE,
    FAILED,
    INTERRUPTED,
    Bars,
    before_the_work,
    error_line,
    report_error,
    say,
    wants_progress,
)
from napari_wbc.errors import InputError, WbcError, expected_line
from napari_wbc.execution.progress import Progress

if TYPE_CHECKING:
    from napari_wbc.batch import CountedBefore, ImageCounted, ImageFailed
    from napari_wbc.cohort import CohortImage
    from napari_wbc.pipeline import CountOptions
    from napari_wbc.sample_sheet import SheetRow

_EXAMPLE = """\
  napari-wbc count smear.svs field.png --out results
      writes results/smear/ and results/field/, each with cells.csv, differential.csv, differential.json,
      report.html, overlay.png, cells.geojson and run.json, and prints the differentials
  napari-wbc count smear.svs --out results --export fhir,parquet
      writes differential.fhir.json and cells.parquet as well
  napari-wbc count slides.csv --out results
      counts the images that a sample sheet names (columns image, slide, um_per_px, wbc, profile); of several images
      also counts.csv, slides.csv, classes.csv and cohort.html, which shows them side by side
  napari-wbc count --same-slide fields/*.png --out results
      learns stain and scale from all fields together
"""


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = options.new_command(
        commands,
        "count",
        summary="find, classify and count the leukocytes of images",
        description="Find every leukocyte, classify it, and write the differential count of each image.",
        example=_EXAMPLE,
    )
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="a smear image of any size; an OME-Zarr folder; a folder of images; a sample sheet (.csv)",
    )
    parser.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="folder for the results, DIR/<stem>/"
    )
    options.add_model(parser)
    options.add_scale(parser)
    add_same_slide(parser)
    options.add_workers(parser)
    parser.add_argument(
        "--profile", metavar="FILE", help="the lab's profile, YAML (default: adult peripheral blood)"
    )
    parser.add_argument(
        "--wbc",
        type=options.wbc_count,
        metavar="N",
        help="white cell count in 10^9 per litre, for absolute counts (of images whose sample sheet gives none)",
    )
    parser.add_argument(
        "--export",
        default="",
        metavar="FORMATS",
        help="further files for other programs, joined by commas: geojson (always written), pdf, pdf-letter, parquet, "
        "fhir, ome-zarr, coco, yolo, dicom",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on where a run that was killed or interrupted left off; skip images whose results are there, made "
        "from the same image, model and parameters",
    )
    options.add_run(parser, run)


def run(args: argparse.Namespace) -> int:
    """Count every image; one that fails does not stop the others."""
    from napari_wbc.batch import (
        BatchFinished,
        CountedBefore,
        ImageCounted,
        ImageFailed,
        ImageStarted,
        count_images,
    )
    from napari_wbc.cohort import Cohort
    from napari_wbc.exchange.formats import formats_named
    from napari_wbc.exchange.patient_names import patient_name_warning
    from napari_wbc.results import journal_of, writable_folder
    from napari_wbc.sample_sheet import batch_rows

    with before_the_work():
        rows = batch_rows(args.images)
        _check_same_slide(args, rows)
        formats_named(args.export)
        writable_folder(args.out)
        chosen = _options(args)
        batch = [_of_row(row, chosen) for row in rows]
    images = [row.image for row in rows]
    # What a sample sheet calls a slide stands in the results as well.
    warning = patient_name_warning([*images, *dict.fromkeys(row.slide for row in rows if row.slide)])
    if warning and not args.quiet:
        error_line(warning)
    if args.same_slide:
        try:
            slide_model = shared_slide_model(images, args.um_per_px)
        except WbcError as error:
            report_error(error, debug=args.debug)
            return FAILED
        batch = [replace(one, options=replace(one.options, slide_model=slide_model)) for one in batch]
    folder: Path | None = None
    page: Path | None = None
    finished = BatchFinished(0, 0, 0)
    cohort, own = Cohort(batch, args.out), {image.image: image.options for image in batch}
    with (
        Bars(wants_progress(asked=args.progress, quiet=args.quiet), len(images)) as bars,
        closing(
            count_images(images, args.out, chosen, own=own, resume=args.resume, exports=args.export)
        ) as events,
    ):
        try:
            for event in events:
                cohort.take(event)
                match event:
                    case ImageStarted():
                        folder = event.folder
                        continue
                    case BatchFinished():
                        finished = event
                        continue
                    case Progress():
                        bars(event)
                        continue
                    case ImageFailed():
                        report_error(_with_way_on(event), about=event.image, debug=args.debug)
                    case ImageCounted() | CountedBefore() if not args.quiet:
                        say(_text(event))
                bars.next_input()
        except KeyboardInterrupt:
            if folder is None or not journal_of(folder).exists():
                raise
            error_line("interrupted; with --resume the same command goes on from here")
            return INTERRUPTED
        finally:
            if len(images) > 1 and cohort.rows:
                page = cohort.write()
    if page is not None and not args.quiet:
        say(f"{len(images)} images side by side -> {page}")
    if finished.failed and finished.images > 1:
        error_line(f"{finished.failed} of {finished.images} images failed; the others are finished")
    return FAILED if finished.failed else DONE


def _with_way_on(event: ImageFailed) -> Exception:
    """Say of an image that failed on its way that what was found of it is kept."""
    from napari_wbc.results import journal_of

    line = str(event.error) if isinstance(event.error, WbcError) else expected_line(event.error)
    if line is None or not journal_of(event.folder).exists():
        return event.error
    told = WbcError(f"{line}; with --resume the same command goes on from here")
    told.__cause__ = event.error
    return told


def _options(args: argparse.Namespace) -> CountOptions:
    """Give what all images share, loaded, so that a wrong name is said before the work starts."""
    from napari_wbc.batch import prepared
    from napari_wbc.pipeline import CountOptions

    options.check_scheduler(args)
    return prepared(
        CountOptions(
            um_per_px=args.um_per_px,
            slide_model=args.slide_model,
            model=args.model,
            device=args.device,
            workers=args.workers,
            scheduler=args.scheduler,
            profile=args.profile,
            wbc_per_l=args.wbc,
        )
    )


def _check_same_slide(args: argparse.Namespace, rows: Sequence[SheetRow]) -> None:
    slides = {row.slide for row in rows}
    if args.same_slide and len(slides) > 1:
        raise InputError(
            "--same-slide is for fields of one slide, but the sample sheet names several; leave it out"
        )


def _of_row(row: SheetRow, chosen: CountOptions) -> CohortImage:
    """Give what an image is counted with: its sample sheet goes before the command line."""
    from napari_wbc.cohort import CohortImage
    from napari_wbc.differential.profile import load_profile

    known: dict[str, Any] = {"um_per_px": row.um_per_px, "wbc_per_l": row.wbc_per_l}
    if row.profile is not None:
        known["profile"] = load_profile(row.profile)
    known = {name: value for name, value in known.items() if value is not None}
    return CohortImage(row.image, replace(chosen, **known), row.slide)


def _text(event: ImageCounted | CountedBefore) -> str:
    """Give what is printed about an image."""
    from napari_wbc.batch import CountedBefore
    from napari_wbc.differential.provenance_rows import scale_text, stain_text

    if isinstance(event, CountedBefore):
        return f"{event.image}: counted before, see {event.folder}"
    known = f"Scale: {scale_text(event.run['scale'])}\nStain: {stain_text(event.run['slide_model'])}"
    return f"{event.image}\n{event.differential.to_text()}\n{known}\n-> {event.folder}\n"
