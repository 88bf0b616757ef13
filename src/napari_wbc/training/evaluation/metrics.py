"""Predictions against labels: the comparison, and the metrics that follow from its counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
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
    macro_f1_all : float
        Over all classes of the comparison; a class without a cell counts as 0.
    calibration_error : float
        Expected calibration error over 15 bins.
    f1, recall : dict of str to float
        Of each class that is present.
    support : dict of str to int
        Cells of each class that is present.
    """

    cells: int
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    macro_f1_all: float
    calibration_error: float
    f1: dict[str, float]
    recall: dict[str, float]
    support: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Give plain values, rounded to four digits."""
        return {k: _rounded(v) for k, v in asdict(self).items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return round(value, 4) if isinstance(value, float) else value


@dataclass(frozen=True, slots=True)
class Comparison:
    """Labels and predictions of n cells, as numbers of classes.

    Attributes
    ----------
    names : tuple of str
        The classes that are compared.
    rows : numpy.ndarray of int, shape (n,)
        Which of the rows given have one of these classes as label.
    truth, predicted : numpy.ndarray of int, shape (n,)
        Positions in ``names``; a prediction outside of them is ``len(names)``.
    confidence : numpy.ndarray, shape (n,)
        Probability of the predicted class.
    """

    names: tuple[str, ...]
    rows: NDArray[np.intp]
    truth: NDArray[np.intp]
    predicted: NDArray[np.intp]
    confidence: NDArray[np.float64]

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each prediction is right."""
        return np.asarray(self.truth == self.predicted)

    def counts(self) -> NDArray[np.int64]:
        """Count label against prediction, shape ``(k, k + 1)``; the last column are predictions outside."""
        k = len(self.names)
        flat = np.bincount(self.truth * (k + 1) + self.predicted, minlength=k * (k + 1))
        return flat.reshape(k, k + 1)

    def metrics(self) -> Metrics:
        """Give all metrics."""
        counts = self.counts()
        present = counts.sum(axis=1) > 0
        f1, recall = f1_of_counts(counts), recall_of_counts(counts)
        by_name = [(n, i) for i, n in enumerate(self.names) if present[i]]
        return Metrics(
            cells=len(self.truth),
            accuracy=float(self.correct.mean()) if len(self.truth) else 0.0,
            balanced_accuracy=float(recall[present].mean()) if present.any() else 0.0,
            macro_f1=float(f1[present].mean()) if present.any() else 0.0,
            macro_f1_all=float(np.where(present, f1, 0.0).mean()),
            calibration_error=expected_calibration_error(self.confidence, self.correct),
            f1={n: float(f1[i]) for n, i in by_name},
            recall={n: float(recall[i]) for n, i in by_name},
            support={n: int(counts[i].sum()) for n, i in by_name},
        )


def compare(
    probabilities: NDArray[np.floating],
    classes: Sequence[str],
    labels: Sequence[str],
    *,
    level: str = "coarse",
    names: Sequence[str] | None = None,
) -> Comparison:
    """Set the most likely class of each row against its label.

    Parameters
    ----------
    probabilities : numpy.ndarray, shape (n, k)
        In the order of ``classes``.
    classes : sequence of str
        Of the model.
    labels : sequence of str
        One for each row.
    level : {"fine", "coarse"}
        "coarse" adds the probabilities of bands and segmented neutrophils, and of the immature granulocytes, before
        the most likely class is taken.
    names : sequence of str, optional
        Classes that are compared, those of the model at this level by default. Rows with another label are left out
        (a label coarser than the level, for one); a prediction outside of them is wrong.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.array([[0.3, 0.3, 0.4]])
    >>> compare(p, ["neutrophil_band", "neutrophil_segmented", "monocyte"], ["neutrophil"]).metrics().accuracy
    1.0
    """
    merged, merged_names = _at_level(np.asarray(probabilities, float), classes, level)
    kept = tuple(names) if names is not None else merged_names
    position = {n: i for i, n in enumerate(kept)}
    wanted = [position.get(coarse_class(x) if level == "coarse" else x, -1) for x in labels]
    truth = np.array(wanted, np.intp)
    rows = np.flatnonzero(truth >= 0)
    columns = np.array([position.get(n, len(kept)) for n in merged_names], np.intp)
    chosen = merged[rows]
    best = chosen.argmax(axis=1) if len(chosen) else np.zeros(0, np.intp)
    return Comparison(kept, rows, truth[rows], columns[best], chosen[np.arange(len(rows)), best])


def _at_level(
    probabilities: NDArray[np.float64], classes: Sequence[str], level: str
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    if level == "fine":
        return probabilities, tuple(classes)
    coarse = [coarse_class(c) for c in classes]
    names = tuple(dict.fromkeys(coarse))
    columns = [probabilities[:, [c == n for c in coarse]].sum(axis=1) for n in names]
    return np.stack(columns, axis=1), names


def measure(
    probabilities: NDArray[np.floating],
    classes: Sequence[str],
    labels: Sequence[str],
    *,
    level: str = "coarse",
    names: Sequence[str] | None = None,
) -> Metrics:
    """Compare probabilities with labels; the parameters are those of :func:`compare`."""
    return compare(probabilities, classes, labels, level=level, names=names).metrics()


def recall_of_counts(counts: NDArray[np.number]) -> NDArray[np.float64]:
    """Give the share of each class that is found, nan for a class without cells.

    Parameters
    ----------
    counts : numpy.ndarray, shape (..., k, k + 1)
        Label against prediction; the last column are predictions outside the k classes.

    Returns
    -------
    numpy.ndarray, shape (..., k)
    """
    hits, actual, _ = _hits_and_margins(counts)
    return _share(hits, actual, actual > 0)


def f1_of_counts(counts: NDArray[np.number]) -> NDArray[np.float64]:
    """Give the F1 of each class, nan for a class without cells; parameters as for :func:`recall_of_counts`.

    Examples
    --------
    >>> f1_of_counts(np.array([[2, 0, 1], [1, 1, 0]])).round(3).tolist()
    [0.667, 0.667]
    """
    hits, actual, predicted = _hits_and_margins(counts)
    # The denominator cannot be 0 where there are cells.
    return _share(2.0 * hits, actual + predicted, actual > 0)


def macro_f1_of_counts(counts: NDArray[np.number]) -> NDArray[np.float64]:
    """Give the mean F1 over the classes that have cells, shape ``(...)``; nan where none has."""
    f1 = f1_of_counts(counts)
    present = ~np.isnan(f1)
    number = present.sum(axis=-1)
    return _share(np.where(present, f1, 0.0).sum(axis=-1), number, number > 0)


def accuracy_of_counts(counts: NDArray[np.number]) -> NDArray[np.float64]:
    """Give the share of right predictions, shape ``(...)``."""
    hits, actual, _ = _hits_and_margins(counts)
    total = actual.sum(axis=-1)
    return _share(hits.sum(axis=-1), total, total > 0)


def _share(part: NDArray[np.number], of: NDArray[np.number], where: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.asarray(np.divide(part, of, out=np.full(np.shape(part), np.nan), where=where))


def _hits_and_margins(
    counts: NDArray[np.number],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Give right predictions, cells and predictions of each class."""
    counts = np.asarray(counts, np.float64)
    k = counts.shape[-2]
    hits = np.diagonal(counts[..., :k], axis1=-2, axis2=-1)
    return hits, counts.sum(axis=-1), counts[..., :k].sum(axis=-2)
