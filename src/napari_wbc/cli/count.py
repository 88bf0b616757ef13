"""``napari-wbc count``: the main job over a batch of images."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
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
from napari_wbc.errors import WbcError

if TYPE_CHECKING:
    from napari_wbc.pipeline import CountOptions

_EXAMPLE = """\
  napari-wbc count smear.svs field.png --out results
      writes results/smear/ and results/field/, each with cells.csv, differential.csv, differential.json,
      report.html, overlay.png, cells.geojson and run.json, and prints the differentials
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
        "images", nargs="+", metavar="IMAGE", help="a smear image of any size; an OME-Zarr folder"
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
        help="white cell count in 10^9 per litre, for absolute counts (one number for all images)",
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
    from napari_wbc.cli.places import result_folders, writable_folder

    with before_the_work():
        writable_folder(args.out)
        batch = _prepare(args)
    if args.same_slide:
        try:
            slide_model = shared_slide_model(args.images, args.um_per_px)
        except WbcError as error:
            report_error(error, debug=args.debug)
            return FAILED
        batch.options = replace(batch.options, slide_model=slide_model)
    folders = result_folders(args.images, args.out)
    failed = 0
    with Bars(wants_progress(asked=args.progress, quiet=args.quiet), len(folders)) as bars:
        for image, folder in folders.items():
            try:
                text = batch.count(image, folder, bars)
            except KeyboardInterrupt:
                if not journal_of(folder).exists():
                    raise
                error_line("interrupted; with --resume the same command goes on from here")
                return INTERRUPTED
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one image, the others are finished
                failed += 1
                report_error(error, about=image, debug=args.debug)
            else:
                if not args.quiet:
                    say(text)
            bars.next_input()
    if failed and len(folders) > 1:
        error_line(f"{failed} of {len(folders)} images failed; the others are finished")
    return FAILED if failed else DONE


def _prepare(args: argparse.Namespace) -> _Batch:
    """Load what all images share, so that a wrong name is said once and at once."""
    from napari_wbc.classification.bundle import load_model
    from napari_wbc.classification.predict import choose_device
    from napari_wbc.differential.profile import load_profile
    from napari_wbc.pipeline import CountOptions
    from napari_wbc.segmentation.reuse import known_slide_model

    profile = load_profile(args.profile)
    choose_device(args.device)
    options.check_scheduler(args)
    return _Batch(
        CountOptions(
            um_per_px=args.um_per_px,
            slide_model=known_slide_model(args.slide_model),
            model=load_model(args.model),
            device=args.device,
            workers=args.workers,
            scheduler=args.scheduler,
            profile=profile,
            wbc_per_l=args.wbc,
        ),
        args.resume,
    )


def journal_of(folder: Path) -> Path:
    """Give the file beside a folder of results in which finished tiles are noted until the folder is there."""
    return folder.with_name(f"{folder.name}.journal")


@dataclass
class _Batch:
    """What is the same for all images."""

    options: CountOptions
    resume: bool

    def count(self, image: str, folder: Path, bars: Bars) -> str:
        """Count one image, write its results; give the text for stdout."""
        from napari_wbc.differential.provenance_rows import scale_text, stain_text
        from napari_wbc.pipeline import count
        from napari_wbc.results import check_folder
        from napari_wbc.slides import open_slide

        check_folder(folder)
        journal = journal_of(folder)
        if not self.resume:
            journal.unlink(missing_ok=True)
        slide = open_slide(image)
        try:
            if self.resume and self._is_done(slide, folder):
                journal.unlink(missing_ok=True)
                return f"{image}: counted before, see {folder}"
            result = count(slide, **vars(replace(self.options, journal=journal)), progress=bars)
            result.write(folder)
        finally:
            slide.close()
        known = f"Scale: {scale_text(result.run['scale'])}\nStain: {stain_text(result.run['slide_model'])}"
        return f"{image}\n{result.differential.to_text()}\n{known}\n-> {folder}\n"

    def _is_done(self, slide: Any, folder: Path) -> bool:
        from napari_wbc.provenance import read_run, same_run
        from napari_wbc.results import is_complete
        from napari_wbc.slides import image_sha256

        record = read_run(folder) if is_complete(folder) else None
        return record is not None and same_run(
            record,
            image_sha256=image_sha256(slide),
            model_sha256=self.options.model.sha256,  # type: ignore[union-attr]
            parameters=self.options.parameters(self.options.profile),  # type: ignore[arg-type]
        )
