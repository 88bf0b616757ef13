"""Metrics of a classifier, and the protocol that leaves one domain out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.classification.calibration import expected_calibration_error
from napari_wbc.leukocytes import coarse_class

#: The classes that every public data set has.
FIVE_CLASSES = ("neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil")


@dataclass(frozen=True, slots=True)
class Metrics:
    """How well predictions agree with labels.

    Attributes
    ----------
    cells : int
        Number of cells.
    accuracy, balanced_accuracy, macro_f1 : float
        Over the classes that are present in the labels; any other prediction counts as wrong.
    calibration_error : float
        Expected calibration error over 15 bins.
    f1 : dict of str to float
        Of each class.
    support : dict of str to int
        Cells of each class.
    """

    cells: int
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    calibration_error: float
    f1: dict[str, float]
    support: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Give plain values, rounded to four digits."""
        return {k: _rounded(v) for k, v in asdict(self).items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def measure(
    probabilities: NDArray[np.floating],
    classes: Sequence[str],
    labels: Sequence[str],
    *,
    level: str = "coarse",
) -> Metrics:
    """Compare probabilities with labels.

    Parameters
    ----------
    probabilities : numpy.ndarray, shape (n, k)
        In the order of ``classes``.
    classes : sequence of str
        Of the model.
    labels : sequence of str
        One for each row.
    level : {"fine", "coarse"}
        At which the classes are compared: "coarse" adds the probabilities of bands and segmented neutrophils, and of
        the immature granulocytes. Rows whose label is coarser than the level are left out.

    Returns
    -------
    Metrics
    """
    truth = np.asarray(labels, object)
    if level == "coarse":
        names = list(dict.fromkeys(coarse_class(c) for c in classes))
        merged = np.stack(
            [probabilities[:, [coarse_class(c) == n for c in classes]].sum(axis=1) for n in names], axis=1
        )
        truth = np.array([coarse_class(label) for label in truth], object)
    else:
        names, merged = list(classes), np.asarray(probabilities)
    known = np.isin(truth.astype(str), names)
    truth, merged = truth[known].astype(str), merged[known]
    if not len(truth):
        return Metrics(0, 0.0, 0.0, 0.0, 0.0, {}, {})
    predicted = np.array(names)[merged.argmax(axis=1)]
    f1, recall, support = {}, [], {}
    for name in names:
        actual = truth == name
        if not actual.any():
            continue
        hit = (actual & (predicted == name)).sum()
        f1[name] = float(2 * hit / (actual.sum() + (predicted == name).sum()))
        recall.append(hit / actual.sum())
        support[name] = int(actual.sum())
    return Metrics(
        cells=len(truth),
        accuracy=float((truth == predicted).mean()),
        balanced_accuracy=float(np.mean(recall)),
        macro_f1=float(np.mean(list(f1.values()))),
        calibration_error=expected_calibration_error(merged.max(axis=1), truth == predicted),
        f1=f1,
        support=support,
    )


def confusion(
    probabilities: NDArray[np.floating], classes: Sequence[str], labels: Sequence[str]
) -> pd.DataFrame:
    """Count label against predicted class (rows: label; columns: the class with the highest probability)."""
    predicted = np.array(classes)[np.asarray(probabilities).argmax(axis=1)]
    return pd.crosstab(pd.Series(list(labels), name="label"), pd.Series(predicted, name="predicted"))


def markdown_table(rows: Sequence[dict[str, Any]]) -> str:
    """Write rows as a Markdown table; numbers get three digits."""
    if not rows:
        return ""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for row in rows:
        cells = [f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values()]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
