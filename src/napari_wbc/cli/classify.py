"""``napari-wbc classify``: single-cell images into a table of classes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_wbc.cli import options
from napari_wbc.cli.terminal import DONE, FAILED, Bars, before_the_work, report_error, say, wants_progress
from napari_wbc.errors import InputError, WbcError

_EXAMPLE = """\
  napari-wbc classify cells/ --um-per-px 0.13 --out classes.csv
      one row per image of the folder: path, label, confidence, p_<class>, novelty
  napari-wbc classify manifest.csv --out classes.csv
      the same for the images of a CSV file with the columns path and um_per_px
"""
# Images are read and classified in groups: bounded memory, and progress.
_GROUP = 256


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = options.new_command(
        commands,
        "classify",
        summary="classify single-cell images",
        description="Classify images that show one cell each, at their centre.",
        example=_EXAMPLE,
    )
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="images, folders of images, or CSV files with path,um_per_px"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the CSV file to write")
    options.add_model(parser)
    parser.add_argument(
        "--um-per-px", type=options.um_per_px, metavar="X", help="µm per pixel, where no CSV file tells it"
    )
    options.add_run(parser, run)


@dataclass(frozen=True)
class CellImage:
    """An image of one cell, as it is named in the result, where it lies, and its scale."""

    name: str
    path: Path
    um_per_px: float


def run(args: argparse.Namespace) -> int:
    """Classify every image; one that fails does not stop the others."""
    import pandas as pd

    from napari_wbc.classification.bundle import load_model
    from napari_wbc.classification.predict import choose_device
    from napari_wbc.cli.places import writable_file, write_table
    from napari_wbc.execution.progress import Progress

    with before_the_work():
        writable_file(args.out)
        model = load_model(args.model)
        choose_device(args.device)
    images: list[CellImage] = []
    failed = 0
    for path in args.paths:
        try:
            images += _cell_images(Path(path), args.um_per_px)
        except WbcError as error:
            failed += 1
            report_error(error, about=path, debug=args.debug)
    tables = []
    with Bars(wants_progress(asked=args.progress, quiet=args.quiet)) as bars:
        for start in range(0, len(images), _GROUP):
            group = images[start : start + _GROUP]
            try:
                tables.append(_classify(group, model, args.device))
            except InputError:
                # One image spoils its group: go through it one by one and name those that fail.
                for image in group:
                    try:
                        tables.append(_classify([image], model, args.device))
                    except InputError as error:
                        failed += 1
                        report_error(error, about=image.name, debug=args.debug)
            bars(Progress("Classifying cells", start + len(group), len(images), "cell"))
    if not tables:
        return FAILED
    table = pd.concat(tables, ignore_index=True)
    write_table(table, args.out)
    if not args.quiet:
        say(table["label"].value_counts().rename("cells").to_string())
        say(f"{len(table)} cells -> {args.out}")
    return FAILED if failed else DONE


def _classify(images: Sequence[CellImage], model: Any, device: str) -> Any:
    from napari_wbc.classification.predict import classify

    table = classify(
        [image.path for image in images],
        model=model,
        um_per_px=[image.um_per_px for image in images],
        device=device,
    )
    table.insert(0, "path", [image.name for image in images])
    return table


def _cell_images(path: Path, um_per_px: float | None) -> list[CellImage]:
    """Give the images that a path stands for."""
    if path.suffix.lower() == ".csv":
        return images_of_csv(path, um_per_px)
    if path.is_dir():
        from napari_wbc.training.adapters.published import IMAGE_SUFFIXES

        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES)
        if not files:
            raise InputError(
                f"{path}: no image in this folder; give a folder with PNG, JPEG, WebP, BMP or TIFF files"
            )
    else:
        files = [path]
    if um_per_px is None:
        raise InputError(f"{path}: the scale of single-cell images cannot be guessed; give --um-per-px")
    return [CellImage(str(file), file, um_per_px) for file in files]


def images_of_csv(path: Path, um_per_px: float | None) -> list[CellImage]:
    """Give the images that a CSV file with the columns ``path`` and ``um_per_px`` names.

    Parameters
    ----------
    path : pathlib.Path
        The CSV file.
    um_per_px : float or None
        Scale of all images where it has no such column.

    Raises
    ------
    InputError
        It cannot be read, or does not tell place and scale.
    """
    import pandas as pd

    from napari_wbc.csv_file import read_csv

    manifest = read_csv(path, "a CSV file", dtype=str, keep_default_na=False, encoding="utf-8-sig")
    if "path" not in manifest.columns:
        raise InputError(f"{path}: the CSV file has no column 'path'; give one with path and um_per_px")
    if "um_per_px" in manifest.columns:
        scales = pd.to_numeric(manifest["um_per_px"], errors="coerce")
        wrong = ~scales.between(0.01, 5.0)
        if wrong.any():
            line = int(wrong.to_numpy().argmax()) + 2
            raise InputError(f"{path}: line {line} has no number from 0.01 to 5 as um_per_px")
    elif um_per_px is not None:
        scales = pd.Series(um_per_px, index=manifest.index)
    else:
        raise InputError(f"{path}: the CSV file has no column 'um_per_px'; add it, or give --um-per-px")
    return [
        CellImage(str(name), path.parent / str(name), float(scale))
        for name, scale in zip(manifest["path"], scales, strict=True)
    ]
