"""``yolo/``: the cells as YOLO annotations, polygons as fractions of the image."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_wbc.cell_table import counted
from napari_wbc.differential import RESEARCH_USE
from napari_wbc.errors import OutputError, system_reason
from napari_wbc.exchange.classes import numbered_classes
from napari_wbc.exchange.formats import Contents
from napari_wbc.execution.atomic import atomic_folder


def write_yolo(path: Path, contents: Contents) -> None:
    """Write ``data.yaml`` and ``labels/<stem of the image>.txt``: one line per cell that counts.

    Format: https://docs.ultralytics.com/datasets/segment, a class number from 0 and the corners of a polygon as
    fractions of width and height. A cell is one polygon there: of a cell in several parts, the largest. The image is
    not copied; it belongs into ``images/`` beside ``labels/``.

    Raises
    ------
    OutputError
        The place cannot be written to, or holds anything else.
    """
    import yaml

    numbers = numbered_classes(contents.cells)
    shown = counted(contents.cells.reset_index(drop=True))
    height, width = contents.slide.shape
    lines = []
    for row, label in zip(shown.index, shown["label"], strict=True):
        # A tenth of a px on a slide of 100,000 px is the sixth digit.
        corners = np.clip(contents.outlines[row][0][:-1] / (width, height), 0, 1)
        lines.append(" ".join([str(numbers[str(label)]), *(f"{v:.7f}" for v in corners.ravel())]))
    note = f"# {RESEARCH_USE}\n# Put the image into images/, under the name that its file in labels/ has.\n"
    data = {
        "path": ".",
        "train": "images",
        "val": "images",
        "names": {n: name for name, n in numbers.items()},
    }
    if path.exists() and not (path / "data.yaml").is_file():
        raise OutputError(f"{path}: something else is there; give another place for the YOLO annotations")
    try:
        with atomic_folder(path) as temporary:
            (temporary / "labels").mkdir()
            stem = Path(contents.run["image"]["name"]).stem
            (temporary / "labels" / f"{stem}.txt").write_text(
                "".join(f"{line}\n" for line in lines), encoding="utf-8"
            )
            (temporary / "data.yaml").write_text(
                note + yaml.safe_dump(data, sort_keys=False), encoding="utf-8"
            )
    except OSError as error:
        raise OutputError(f"cannot write {path}: {system_reason(error)}") from None
