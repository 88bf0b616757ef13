"""``napari-wbc sample``: draw a synthetic smear with its ground truth."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from napari_wbc.cli import options
from napari_wbc.cli.terminal import DONE, Bars, before_the_work, say, wants_progress

_EXAMPLE = """\
  napari-wbc sample --out slide.ome.tiff --size 20000x20000 --seed 7
      writes slide.ome.tiff, and slide.truth.csv with every leukocyte that was drawn
"""


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = options.new_command(
        commands,
        "sample",
        summary="draw a synthetic smear with its ground truth",
        description=(
            "Draw a synthetic smear, the same for the same seed, and its ground truth beside it. "
            "It is for trying out and testing; it says nothing about accuracy on real smears."
        ),
        example=_EXAMPLE,
    )
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the image to write")
    parser.add_argument(
        "--size",
        type=options.size,
        default=(3000, 4000),
        metavar="WxH",
        help="width and height, px (default: 4000x3000)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="another number, another smear (default: 0)"
    )
    parser.add_argument(
        "--um-per-px", type=options.um_per_px, default=0.1, metavar="X", help="µm per pixel (default: 0.1)"
    )
    # Named here too, because the parser must not import what draws; a test compares.
    parser.add_argument(
        "--format", choices=("ome.tiff", "ome.zarr", "svs", "png"), help="default: by the ending of FILE"
    )
    options.add_run(parser, run)


def run(args: argparse.Namespace) -> int:
    """Draw the smear."""
    from napari_wbc.cli.places import writable_file
    from napari_wbc.slides.synthetic import SmearParameters, write_sample

    with before_the_work():
        writable_file(args.out)
        height, width = args.size
        parameters = SmearParameters(height=height, width=width, um_per_px=args.um_per_px, seed=args.seed)
    with Bars(wants_progress(asked=args.progress, quiet=args.quiet)) as bars:
        written = write_sample(args.out, parameters, format=args.format, progress=bars)
    if not args.quiet:
        say(str(written))
    return DONE
