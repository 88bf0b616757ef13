"""``napari-wbc manifest``: a downloaded data set into a manifest to train or evaluate with."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from napari_wbc.cli import options
from napari_wbc.cli.terminal import DONE, Bars, before_the_work, say, wants_progress

_EXAMPLE = """\
  napari-wbc manifest AML-Cytomorphology_LMU --dataset matek --out matek.csv
      one row per cell of Matek-19: path, domain, label, group, um_per_px, split, license
  napari-wbc manifest ours --dataset folders --um-per-px 0.09 --domain our_lab --out ours.csv
      the same for a folder with one folder of single-cell images per class
"""


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = options.new_command(
        commands,
        "manifest",
        summary="turn a downloaded data set into a manifest",
        description="Write the manifest (CSV) of a data set: its labels in our names, its scale, its groups. "
        "Images of one slide, and images of the same cell, get one group, so that no split tears them apart.",
        example=_EXAMPLE,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the download was unpacked")
    parser.add_argument(
        "--dataset",
        required=True,
        # Named here too, because the parser must not import what the adapters need; a test compares.
        choices=("matek", "mll23", "pbc", "raabin", "lisc", "folders"),
        help="which one it is: Matek-19, MLL23, Acevedo-20 (PBC), Raabin-WBC, LISC, or a folder per class",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the CSV file to write")
    parser.add_argument(
        "--um-per-px",
        type=options.um_per_px,
        metavar="X",
        help="µm per pixel of the images (default: that of the data set)",
    )
    parser.add_argument("--domain", default="", metavar="NAME", help="name of the laboratory in the manifest")
    parser.add_argument(
        "--workers",
        type=options.positive,
        default=1,
        metavar="N",
        help="processes that read images (default: 1)",
    )
    options.add_run(parser, run)


def run(args: argparse.Namespace) -> int:
    """Write the manifest and print its classes."""
    from napari_wbc.cli.places import writable_file
    from napari_wbc.training.new_manifest import make_manifest

    with before_the_work():
        writable_file(args.out)
    with Bars(wants_progress(asked=args.progress, quiet=args.quiet)) as bars:
        rows = make_manifest(
            args.folder,
            args.dataset,
            args.out,
            domain=args.domain,
            um_per_px=args.um_per_px,
            workers=args.workers,
            progress=bars,
        )
    if not args.quiet:
        say(rows["label"].value_counts().rename("cells").to_string())
        say(f"{len(rows)} cells in {rows['group'].nunique()} groups -> {args.out}")
    return DONE
