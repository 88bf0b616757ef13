"""Finder and classifier together: what the classifier rejects, and what it loses.

The bundled model was trained on cells of these very fields, so its losses are those of a model at home.
``--model`` takes another bundle, such as one that never saw the laboratory.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

import napari_wbc as wbc
from napari_wbc.leukocytes import UNIDENTIFIED

from .fields import Field
from .intervals import share_interval
from .matching import Finds, score
from .readings import Readings
from .tables import markdown, with_interval

#: Labels by which the classifier says that a candidate is no nucleated cell.
REJECTED = ("artifact", "platelet")


def measure(fields: Iterable[Field], model_name: str) -> pd.DataFrame:
    """Count every field; a row per field."""
    model = wbc.load_model(model_name)
    known = Readings()
    rows = []
    for field in fields:
        cells = wbc.count(field.pixels, model, um_per_px=field.um_per_px, device="cpu").cells
        boxes = cells[["bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1"]].to_numpy(float)
        finds = Finds(
            boxes, cells[["y_px", "x_px"]].to_numpy(float), np.zeros(field.pixels.shape[:2], np.int32)
        )
        kept = ~cells["label"].isin(REJECTED).to_numpy()
        before = score(field, finds)
        after = score(field, Finds(boxes[kept], finds.centres[kept], finds.cells))
        readings = np.array(
            [
                known.reading(field.path, "find", y, x, field.um_per_px)
                for y, x in finds.centres[before.unmarked]
            ],
            dtype=object,
        )
        rows.append(
            {
                "domain": field.domain,
                "group": field.group,
                "path": field.path,
                "marked": before.marked,
                "found": before.found,
                "by_centre": before.by_centre,
                "found_after": after.found,
                "by_centre_after": after.by_centre,
                "unmarked": len(before.unmarked),
                "unmarked_rejected": int((~kept[before.unmarked]).sum()),
                "leukocytes_unmarked": int((readings == "leukocyte").sum()),
                "leukocytes_unmarked_rejected": int((~kept[before.unmarked])[readings == "leukocyte"].sum()),
                "unidentified": int((cells["label"] == UNIDENTIFIED).sum()),
            }
        )
    return pd.DataFrame(rows)


def summary(rows: pd.DataFrame) -> dict[str, Any]:
    """Sums per source, recall and precision before and after, with 95 % intervals."""
    result = {}
    for domain, of in [*rows.groupby("domain", sort=True), ("all", rows)]:
        sums = {c: int(of[c].sum()) for c in of.columns if c not in ("domain", "group", "path")}
        result[str(domain)] = sums | {
            "recall": share_interval(of, "by_centre", "marked"),
            "recall_after": share_interval(of, "by_centre_after", "marked"),
            "precision": share_interval(of, "by_centre", "found"),
            "precision_after": share_interval(of, "by_centre_after", "found_after"),
        }
    return result


def table(figures: dict[str, Any]) -> str:
    """Markdown: a row per source."""
    return markdown(
        [
            {
                "source": domain,
                "marked WBC": f["marked"],
                "finds": f["found"],
                "recall before": with_interval(f["recall"]),
                "recall after": with_interval(f["recall_after"]),
                "marked WBC lost by the classifier": f["by_centre"] - f["by_centre_after"],
                "unmarked finds": f["unmarked"],
                "of these rejected": f["unmarked_rejected"],
                "read as leukocytes": f["leukocytes_unmarked"],
                "of those rejected": f["leukocytes_unmarked_rejected"],
                "precision before": with_interval(f["precision"]),
                "precision after": with_interval(f["precision_after"]),
                "unidentified": f["unidentified"],
            }
            for domain, f in figures.items()
        ]
    )
