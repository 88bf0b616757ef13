"""Disagreements between program and publishers, read by eye.

``readings.csv`` holds finds that nobody marked and marks that nothing was found in, with what they look like in the
image. **Read by the developers of this package, not by a haematologist**, and only where program and marks disagree:
figures "after reading" are a check of how much of the disagreement is the marks', and never the headline.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from .fields import Field

FILE = Path(__file__).with_name("readings.csv")
#: A reading belongs to whatever lies this near.
_NEAR_UM = 5.0
_SIDE_UM, _SIDE_PX, _PER_ROW = 30.0, 200, 8


class Readings:
    """Look up readings by place.

    ``leukocyte``, ``no leukocyte``, ``unsure``, and for marks also ``marked twice``.
    """

    def __init__(self, file: Path = FILE) -> None:
        table = pd.read_csv(file, keep_default_na=False) if file.exists() else pd.DataFrame()
        self._by_path = {} if table.empty else {str(p): rows for p, rows in table.groupby("path")}

    def reading(self, path: str, kind: str, y: float, x: float, um: float) -> str:
        """Give the reading of a ``find`` or a ``mark`` at a place, or an empty string."""
        rows = self._by_path.get(path)
        if rows is None:
            return ""
        rows = rows[rows["kind"] == kind]
        distance = np.hypot(rows["y_px"] - y, rows["x_px"] - x) * um
        return str(rows.loc[distance.idxmin(), "reading"]) if len(rows) and distance.min() < _NEAR_UM else ""


def sheet(disputes: pd.DataFrame, fields: dict[str, Field], file: Path) -> None:
    """Save windows of 30 µm around disputed places, numbered as in the table, and the table beside them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = -(-len(disputes) // _PER_ROW)
    picture = Image.new("RGB", (_PER_ROW * _SIDE_PX, max(1, rows) * _SIDE_PX))
    pen = ImageDraw.Draw(picture)
    for k, place in enumerate(disputes.itertuples()):
        field = fields[str(place.path)]
        half = round(_SIDE_UM / 2 / field.um_per_px)
        y, x = int(place.y_px), int(place.x_px)
        window = Image.fromarray(field.pixels).crop((x - half, y - half, x + half, y + half))
        corner = (k % _PER_ROW) * _SIDE_PX, (k // _PER_ROW) * _SIDE_PX
        picture.paste(window.resize((_SIDE_PX - 2, _SIDE_PX - 2)), corner)
        pen.text((corner[0] + 4, corner[1] + 4), f"{k} {place.kind}", fill=(255, 0, 0))
    picture.save(file)
    disputes.reset_index(drop=True).to_csv(file.with_suffix(".csv"))


def disputes_of(scores: pd.DataFrame, known: Readings, um: dict[str, float]) -> pd.DataFrame:
    """Places of the rows of ``accuracy.measure`` on which program and marks disagree, with their reading so far."""
    rows = []
    for row in scores.itertuples():
        finds = [("find", y, x) for y, x in row.unmarked_centres]
        marks = [("mark", (y0 + y1) / 2, (x0 + x1) / 2) for y0, x0, y1, x1 in row.missed_boxes]
        for kind, y, x in finds + marks:
            reading = known.reading(row.path, kind, y, x, um[row.path])
            rows.append({"path": row.path, "kind": kind, "y_px": y, "x_px": x, "reading": reading})
    return pd.DataFrame(rows, columns=["path", "kind", "y_px", "x_px", "reading"])
