"""``napari-wbc segment``: cells and nuclei as label images, with a table."""

from __future__ import annotations

import argparse
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from napari_wbc.cli import options
from napari_wbc.cli.terminal import DONE, FAILED, Bars, before_the_work, report_error, say, wants_progress
from napari_wbc.errors import WbcError

_EXAMPLE = """\
  napari-wbc segment field.png --out labels.tif
      writes labels.tif (two channels, cells and nuclei, int32, the same number for the same cell) and labels.csv
"""


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = options.new_command(
        commands,
        "segment",
        summary="write cells and nuclei as label images",
        description="Find the leukocytes of an image; write cells and nuclei as int32 label images, and a table.",
        example=_EXAMPLE,
    )
    parser.add_argument("image", metavar="IMAGE", help="a smear image of any size")
    parser.add_argument(
        "--out",
        required=True,
        type=Path,
        metavar="FILE",
        help="label images to write, .tif or .ome.zarr; the table gets the ending .csv",
    )
    options.add_scale(parser)
    options.add_slide_model(parser)
    options.add_workers(parser)
    options.add_run(parser, run)


def run(args: argparse.Namespace) -> int:
    """Segment the image."""
    from napari_wbc.cli.places import writable_file, write_table
    from napari_wbc.differential.provenance_rows import scale_text, stain_text
    from napari_wbc.execution.progress import Progress
    from napari_wbc.segmentation import cells_to_table, segment_slide, sort_cells
    from napari_wbc.segmentation.label_file import check_label_path, write_labels
    from napari_wbc.segmentation.quality import Lattice, with_regions
    from napari_wbc.segmentation.reuse import known_slide_model, slide_model_of
    from napari_wbc.slides import open_slide, resolve_scale
    from napari_wbc.slides.open import stem_of

    with before_the_work():
        check_label_path(args.out)
        table_path = args.out.parent / f"{stem_of(args.out)}.csv"
        writable_file(table_path)
        known = known_slide_model(args.slide_model)
        options.check_scheduler(args)
    try:
        with (
            closing(open_slide(args.image)) as slide,
            Bars(wants_progress(asked=args.progress, quiet=args.quiet)) as bars,
        ):
            scale = resolve_scale(slide, args.um_per_px, of_slide=known.scale if known else None)
            model = slide_model_of(slide, scale, known)
            found, regions = [], []
            for result in segment_slide(
                slide,
                scale.um_per_px,
                slide_model=model,
                workers=args.workers,
                scheduler=args.scheduler,
            ):
                found += result.findings.cells
                regions += result.findings.regions
                bars(Progress("Finding cells", result.done, result.total, "tile"))
            cells = sort_cells(found)
            write_labels(args.out, [cell.mask for cell in cells], slide.shape, um_per_px=scale.um_per_px)
            lattice = Lattice(slide.shape, scale.um_per_px)
            write_table(with_regions(cells_to_table(cells), regions, lattice), table_path)
    except WbcError as error:
        report_error(error, about=args.image, debug=args.debug)
        return FAILED
    if not args.quiet:
        say(f"{len(cells)} cells -> {args.out}, {table_path}")
        say(f"Scale: {scale_text(asdict(scale))}\nStain: {stain_text(model.to_dict())}")
    return DONE
