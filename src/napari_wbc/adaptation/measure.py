"""Two models on the same cells: what each gets right, by class, and how sure the difference is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_wbc.classification.predict import likeliest
from napari_wbc.differential.intervals import wilson
from napari_wbc.training.evaluation.bootstrap import Interval, Statistic, group_counts, interval_of
from napari_wbc.training.evaluation.metrics import (
    Comparison,
    accuracy_of_counts,
    macro_f1_of_counts,
    recall_of_counts,
)
from napari_wbc.training.manifests import label_members

_DRAWS = 2000
#: A probability below this is as good as none.
FLOOR = 0.01


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """A measure of two models on the same cells.

    Attributes
    ----------
    before, after, difference : Interval
        Of the source, of the adapted model, and of the latter minus the former, whose interval rests on the same
        draws of cells for both.
    better : float
        Share of the draws in which the adapted model is better.
    """

    before: Interval
    after: Interval
    difference: Interval
    better: float


@dataclass(frozen=True, slots=True)
class OfClass:
    """Cells of one class.

    Attributes
    ----------
    label : str
        The class.
    cells : int
        Labelled ones.
    before, after : Interval
        Share that is recognised, with Wilson's interval.
    """

    label: str
    cells: int
    before: Interval
    after: Interval


def compared(
    probabilities: NDArray[np.floating], classes: Sequence[str], labels: NDArray[np.str_]
) -> Comparison:
    """Set predictions against labels that may be coarse or fine, also side by side.

    A prediction is right when it is one of the classes that the label stands for; a wrong one counts for the label
    that it would have been right for, where there is such a label.
    """
    names = tuple(sorted({str(x) for x in labels}))
    # A label that stands for one class comes before one that stands for several of them.
    of_name = label_members(names, classes)
    by_size = np.argsort(of_name.sum(axis=1), kind="stable")
    place = np.full(len(classes), len(names))
    for i in by_size[::-1]:
        place[of_name[i]] = i
    truth = np.array([names.index(str(x)) for x in labels], np.intp)
    index = likeliest(probabilities, classes)
    right = of_name[truth, index] if len(truth) else np.zeros(0, bool)
    confidence = np.asarray(probabilities, float)[np.arange(len(index)), index]
    return Comparison(names, np.arange(len(truth)), truth, np.where(right, truth, place[index]), confidence)


def before_and_after(
    before: Comparison, after: Comparison, groups: NDArray[np.str_], *, seed: int = 0
) -> dict[str, BeforeAfter]:
    """Measure both models; intervals by drawing whole groups (slides) again.

    Returns
    -------
    dict of str to BeforeAfter
        ``accuracy``, ``balanced_accuracy`` (the mean over the classes of the share recognised) and ``macro_f1``.
    """
    counts = [group_counts(c, list(groups)).astype(float) for c in (before, after)]
    n = len(counts[0])
    times = np.random.default_rng(seed).multinomial(n, np.full(n, 1.0 / n), size=_DRAWS).astype(float)
    drawn = [(times @ c.reshape(n, -1)).reshape(_DRAWS, *c.shape[1:]) for c in counts]
    statistics: dict[str, Statistic] = {
        "accuracy": accuracy_of_counts,
        "balanced_accuracy": _mean_recall,
        "macro_f1": macro_f1_of_counts,
    }
    result = {}
    for name, statistic in statistics.items():
        values = [float(statistic(c.sum(axis=0))) for c in counts]
        of_draws = [statistic(d) for d in drawn]
        gain = of_draws[1] - of_draws[0]
        result[name] = BeforeAfter(
            interval_of(values[0], of_draws[0]),
            interval_of(values[1], of_draws[1]),
            interval_of(values[1] - values[0], gain),
            float((gain > 0).mean()),
        )
    return result


def probability_of_label(
    before: NDArray[np.floating],
    after: NDArray[np.floating],
    classes: Sequence[str],
    labels: NDArray[np.str_],
    groups: NDArray[np.str_],
    *,
    seed: int = 0,
) -> BeforeAfter:
    """Give the geometric mean of the probability that each model gives to the labels; every class counts the same.

    It tells two models apart with fewer cells than the share that is right: it also sees how sure they are. Below
    ``FLOOR`` a probability counts as that, so that a few wrong labels cannot decide.
    """
    members = label_members(list(map(str, labels)), classes)
    scores = np.stack(
        [np.log(np.maximum(np.where(members, p, 0.0).sum(axis=1), FLOOR)) for p in (before, after)]
    )
    _, inverse, number = np.unique(labels, return_inverse=True, return_counts=True)
    weights = 1.0 / number[inverse]
    names, of_group = np.unique(groups, return_inverse=True)
    sums = np.zeros((3, len(names)))
    for row, values in zip(sums, (scores[0] * weights, scores[1] * weights, weights), strict=True):
        np.add.at(row, of_group, values)
    n = len(names)
    times = np.random.default_rng(seed).multinomial(n, np.full(n, 1.0 / n), size=_DRAWS).astype(float)
    drawn = np.exp((times @ sums[:2].T) / (times @ sums[2])[:, None])
    values = np.exp(sums[:2].sum(axis=1) / sums[2].sum())
    gain = drawn[:, 1] - drawn[:, 0]
    return BeforeAfter(
        interval_of(float(values[0]), drawn[:, 0]),
        interval_of(float(values[1]), drawn[:, 1]),
        interval_of(float(values[1] - values[0]), gain),
        float((gain > 0).mean()),
    )


def by_class(before: Comparison, after: Comparison) -> tuple[OfClass, ...]:
    """Give what is recognised of each class, in the order of its cells, most first."""
    rows = []
    for i, name in enumerate(before.names):
        inside = before.truth == i
        n = int(inside.sum())
        hits = [int(c.correct[inside].sum()) for c in (before, after)]
        rows.append(OfClass(name, n, *(Interval(h / n, *wilson(h, n)) for h in hits)))
    return tuple(sorted(rows, key=lambda row: -row.cells))


def _mean_recall(counts: NDArray[np.number]) -> NDArray[np.float64]:
    recall = recall_of_counts(counts)
    present = ~np.isnan(recall)
    return np.asarray(np.where(present, recall, 0.0).sum(axis=-1) / np.maximum(present.sum(axis=-1), 1))
