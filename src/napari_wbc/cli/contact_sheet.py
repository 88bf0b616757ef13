"""``napari-wbc contact-sheet``: show what a network sees in training."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from napari_wbc.cli import options
from napari_wbc.cli.terminal import DONE, before_the_work, say

_EXAMPLE = """\
  napari-wbc contact-sheet recipe.toml --out sheet.png
      a row for each domain and class: the cell as a prediction gets it, then eight augmented versions
"""


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = options.new_command(
        commands,
        "contact-sheet",
        summary="show what a network sees in training",
        description="Draw cells of every domain and class of a training configuration, each beside what its "
        "augmentation makes of it. Look at it before a long training: every version should be a cell of the same "
        "class that some laboratory could have made.",
        example=_EXAMPLE,
    )
    parser.add_argument("config", metavar="CONFIG.toml", type=Path, help="the configuration of the training")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE.png", help="the image to write")
    parser.add_argument(
        "--versions",
        type=options.positive,
        default=8,
        metavar="N",
        help="augmented versions of each cell (default: 8)",
    )
    parser.add_argument(
        "--cells",
        type=options.positive,
        default=1,
        metavar="N",
        help="cells of each domain and class (default: 1)",
    )
    parser.add_argument(
        "--seed",
        type=options.seed,
        default=0,
        metavar="N",
        help="another number, other cells and draws (default: 0)",
    )
    options.add_run(parser, run)


def run(args: argparse.Namespace) -> int:
    """Draw the sheet."""
    from PIL import Image

    from napari_wbc.cli.places import writable_file
    from napari_wbc.errors import InputError
    from napari_wbc.execution.atomic import atomic_path
    from napari_wbc.training.config import TrainingConfig
    from napari_wbc.training.contact_sheet import choose_cells, contact_sheet
    from napari_wbc.training.manifests import load_crops
    from napari_wbc.training.train import read_manifests

    with before_the_work():
        if args.out.suffix.lower() != ".png":
            raise InputError(f"{args.out}: the sheet is a PNG; give a name that ends in .png")
        writable_file(args.out)
        config = TrainingConfig.from_toml(args.config)
        rows = choose_cells(read_manifests(config), args.cells, args.seed)
        crops = load_crops(rows)
    sheet = contact_sheet(
        crops,
        list(rows["domain"]),
        list(rows["label"]),
        config.augmentation,
        config.input_px,
        config.view,
        versions=args.versions,
        seed=args.seed,
    )
    with atomic_path(args.out) as temporary:
        Image.fromarray(sheet).save(temporary, "PNG")
    if not args.quiet:
        say(str(args.out))
    return DONE
