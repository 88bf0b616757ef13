"""Outlines of nuclei and cells against the truth of drawn smears, in every stain.

The only truth for nuclei at hand. The smears are drawn from the textbook by the developers of the segmentation, so
that this guards against mistakes and says nothing about accuracy on real smears.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from napari_wbc.masks import paint_labels
from napari_wbc.segmentation import segment
from napari_wbc.slides.synthetic import STAINS, SmearParameters, SyntheticSmear

from .intervals import wilson_interval
from .tables import markdown, with_interval

SHAPE = 2400, 3200


def measure() -> list[dict[str, Any]]:
    """A row per stain: share found, and Dice of nuclei and cells of those found, cell by cell."""
    return [_measure(stain) for stain in STAINS]


def _measure(stain: str) -> dict[str, Any]:
    height, width = SHAPE
    smear = SyntheticSmear(SmearParameters(height=height, width=width, stain=stain, seed=7))
    truth = smear.cells(0, 0, height, width)
    found = segment(smear.draw(0, 0, height, width), um_per_px=smear.parameters.um_per_px)
    masks = [cell.mask for cell in truth]
    dice = {
        part: _dice(
            paint_labels(masks, range(1, len(masks) + 1), SHAPE, part=part).astype(np.int64),
            labels.astype(np.int64),
        )
        for part, labels in (("nucleus", found.nuclei), ("cell", found.cells))
    }
    rows, columns = linear_sum_assignment(-dice["nucleus"])
    pairs = [(r, c) for r, c in zip(rows, columns, strict=True) if dice["nucleus"][r, c] > 0]
    values = {part: np.array([table[pair] for pair in pairs]) for part, table in dice.items()}
    share = len(pairs) / len(truth)
    result: dict[str, Any] = {"stain": stain, "drawn": len(truth), "false": len(found.table) - len(pairs)}
    result["found"] = (share, *wilson_interval(share, len(truth)))
    for part, of in values.items():
        result[part] = {"mean": float(of.mean()), "percentile_5": float(np.percentile(of, 5))}
    return result


def _dice(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Dice of all pairs of labels, shape (n_truth, n_found)."""
    n, m = int(truth.max()), int(found.max())
    shared = np.bincount((truth * (m + 1) + found).ravel(), minlength=(n + 1) * (m + 1)).reshape(n + 1, m + 1)
    areas = shared.sum(axis=1)[1:, None] + shared.sum(axis=0)[None, 1:]
    return 2 * shared[1:, 1:] / np.maximum(areas, 1)


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: a row per stain."""
    return markdown(
        [
            {
                "drawn stain": row["stain"],
                "cells": row["drawn"],
                "found": with_interval(row["found"]),
                "false finds": row["false"],
                "Dice of nuclei, mean (5th percentile)": "{mean:.3f} ({percentile_5:.3f})".format(
                    **row["nucleus"]
                ),
                "Dice of cells, mean (5th percentile)": "{mean:.3f} ({percentile_5:.3f})".format(
                    **row["cell"]
                ),
            }
            for row in rows
        ]
    )
