"""Whether an adapted model may be used: it must be better where it is meant for, and not worse where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_wbc.adaptation.measure import (
    BeforeAfter,
    OfClass,
    before_and_after,
    by_class,
    compared,
    probability_of_label,
)
from napari_wbc.leukocytes import class_of
from napari_wbc.training.evaluation.bootstrap import Interval
from napari_wbc.training.manifests import label_members

#: Chance that a gain is one, over draws of the slides, below which it is none. One of two measures has to reach it: the
#: share recognised, which few labels hardly settle, or the probability given to the labels.
_LEAST_SURE = 0.95
#: The share of all cells that are right may be lower by this at most, whatever is gained on rare classes.
_MOST_LOST = 0.01
#: A label that a model which learned from other cells finds less likely than this should be looked at again. Some cells
#: are hard; a larger share of such labels is more than that.
_UNLIKELY = 0.15
_SUSPECTS_WARNED = 0.1
#: Names of cells in a text.
_SHOWN = 8
#: Fewer cells of a class say little about it.
FEW = 5


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What source and adapted model say of cells that neither learned from.

    Attributes
    ----------
    labels, groups, names : numpy.ndarray of str, shape (n,)
        As in :class:`~napari_wbc.adaptation.cells.LabelledCells`; what must be drawn together.
    before : numpy.ndarray, shape (n, k)
        Probabilities of the source, a column for every class; those of new classes are 0.
    after : numpy.ndarray, shape (n, k)
        Probabilities of the adapted model.
    """

    labels: NDArray[np.str_]
    groups: NDArray[np.str_]
    names: NDArray[np.str_]
    before: NDArray[np.floating]
    after: NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Guard:
    """What both models say of cells of the training laboratories that neither was trained on.

    Attributes
    ----------
    cells : int
        Number of them.
    before, after : float
        Accuracy over all of them: of every class of a laboratory there are as many, where there are so many. A mean
        over the laboratories would hang on the one with the fewest cells.
    domains : dict of str to tuple of float
        Before and after, by laboratory.
    error : float
        Standard error of the difference.
    """

    cells: int
    before: float
    after: float
    domains: Mapping[str, tuple[float, float]]
    error: float

    @property
    def lost(self) -> float:
        """What the adapted model gets wrong more, as a share; negative where it is better."""
        return self.before - self.after

    def forgets(self, limit: float) -> bool:
        """Tell whether more is lost than a limit: by more than the standard error, which some hundred cells have.

        Without that tolerance much less is learned for hardly less forgotten (docs/fine-tuning.md).
        """
        return self.lost - self.error > limit


@dataclass(frozen=True, slots=True)
class Verdict:
    """Figures and what follows from them.

    Attributes
    ----------
    accepted : bool
        Whether the adapted model may be used.
    reasons : tuple of str
        Why not; empty where it may.
    warnings : tuple of str
        What should be known, accepted or not.
    advice : tuple of str
        What would help.
    labels : int
        Labelled cells that it rests on.
    measures : dict of str to BeforeAfter
        ``accuracy``, ``balanced_accuracy``, ``macro_f1`` and ``probability_of_label`` on the target.
    classes : tuple of OfClass
        The same by class.
    guard : Guard or None
        None where the source brought no cells of its training.
    suspects : tuple of str
        Names of cells with more than one label, and of those whose label a model that learned from the others
        contradicts, the least likely first.
    """

    accepted: bool
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    advice: tuple[str, ...]
    labels: int
    measures: Mapping[str, BeforeAfter]
    classes: tuple[OfClass, ...]
    guard: Guard | None
    suspects: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give plain values, rounded to four digits; ``suspects`` has names of files or slides."""
        plain: dict[str, Any] = _rounded(asdict(self))
        return plain

    def text(self) -> str:
        """Give a table and the reasons, for a terminal."""
        lines = [f"{self.labels} labelled cells, each judged by a model that did not learn from its slide"]
        lines.append(f"{'':<34}{'before':>22}{'after':>22}")
        for name, m in self.measures.items():
            lines.append(
                f"{name.replace('_', ' '):<34}{_with_interval(m.before):>22}{_with_interval(m.after):>22}"
            )
        for row in self.classes:
            title = f"  {class_of(row.label).title} ({row.cells})"
            lines.append(f"{title:<34}{_with_interval(row.before):>22}{_with_interval(row.after):>22}")
        if self.guard is not None:
            title = f"source laboratories ({self.guard.cells} cells)"
            lines.append(f"{title:<34}{100 * self.guard.before:>20.1f} %{100 * self.guard.after:>20.1f} %")
        lines.append("accepted" if self.accepted else "refused:")
        lines += [f"  - {reason}" for reason in self.reasons]
        lines += [f"note: {text}" for text in (*self.warnings, *self.advice)]
        if self.suspects:
            more = f" and {len(self.suspects) - _SHOWN} more" if len(self.suspects) > _SHOWN else ""
            lines.append(f"cells to look at again: {', '.join(self.suspects[:_SHOWN])}{more}")
        return "\n".join(lines)


def guard_of(
    classes: Sequence[str],
    labels: NDArray[np.str_],
    domains: NDArray[np.str_],
    before: NDArray[np.floating],
    after: NDArray[np.floating],
) -> Guard:
    """Measure both models on the guard; probabilities ``(n, k)`` of all classes."""
    right = [compared(p, classes, labels).correct for p in (before, after)]
    by_domain = {
        str(d): (float(right[0][domains == d].mean()), float(right[1][domains == d].mean()))
        for d in np.unique(domains)
    }
    error = float((right[0].astype(float) - right[1]).std() / np.sqrt(max(1, len(labels))))
    return Guard(len(labels), float(right[0].mean()), float(right[1].mean()), by_domain, error)


def judge(
    judged: Judged,
    classes: Sequence[str],
    guard: Guard | None,
    *,
    largest_loss: float,
    warnings: Sequence[str] = (),
    suspects: Sequence[str] = (),
    torn: Sequence[str] = (),
    seed: int = 0,
) -> Verdict:
    """Decide whether an adapted model may be used.

    Parameters
    ----------
    judged : Judged
        Cells of the target.
    classes : sequence of str
        Of the adapted model.
    guard : Guard or None
        Cells of the source.
    largest_loss : float
        Of accuracy on the guard, as a share.
    warnings : sequence of str, optional
        What was noticed before.
    suspects : sequence of str, optional
        Cells that were left out because they bear more than one label.
    torn : sequence of str, optional
        Classes that were judged within a slide (:class:`~napari_wbc.adaptation.cells.Folds`).
    seed : int, optional
        Of the draws behind the intervals.
    """
    before, after = (compared(p, classes, judged.labels) for p in (judged.before, judged.after))
    measures = before_and_after(before, after, judged.groups, seed=seed)
    measures["probability_of_label"] = probability_of_label(
        judged.before, judged.after, classes, judged.labels, judged.groups, seed=seed
    )
    rows = by_class(before, after)
    contradicted = _suspects(judged, classes)
    reasons = _reasons(measures, len(rows), guard, largest_loss)
    notes = [*warnings]
    if guard is None:
        notes.append(
            "the source model brought no cells of its training, so what the adapted model forgets was not watched, and "
            "only its last layer was fitted, held close; models with replay adapt further"
        )
    if len(contradicted) >= max(2, _SUSPECTS_WARNED * len(judged.labels)):
        notes.append(
            f"{len(contradicted)} of {len(judged.labels)} labels contradict what the others teach; look at them again"
        )
    worse = [r.label for r in rows if r.cells >= FEW and r.after.value < r.before.value - 0.1]
    if worse:
        notes.append(f"less is recognised of {', '.join(worse)} than before; label more of them")
    return Verdict(
        accepted=not reasons,
        reasons=tuple(reasons),
        warnings=tuple(notes),
        advice=tuple(_advice(rows, torn, accepted=not reasons)),
        labels=len(judged.labels),
        measures=measures,
        classes=rows,
        guard=guard,
        suspects=(*suspects, *contradicted),
    )


def _reasons(
    measures: Mapping[str, BeforeAfter], classes: int, guard: Guard | None, largest_loss: float
) -> list[str]:
    reasons = []
    balanced, accuracy = measures["balanced_accuracy"], measures["accuracy"]
    figures = (
        f"the mean over the classes of the share recognised is {100 * balanced.after.value:.1f} % after "
        f"{100 * balanced.before.value:.1f} % before"
    )
    surer = measures["probability_of_label"]
    sure = max(balanced.better, surer.better) >= _LEAST_SURE
    gain = balanced.difference.value
    guessed = 1.0 / classes
    if balanced.after.low <= guessed:
        # A source that is surely wrong is outdone by one that doubts everything: that alone is no gain.
        reasons.append(
            f"what the labels teach may be no more than guessing: {figures}, where guessing among {classes} classes "
            f"gives {100 * guessed:.0f} %"
        )
        return reasons
    if gain <= 0 or surer.difference.value <= 0:
        reasons.append(f"it is not better on cells that it did not learn from: {figures}")
    elif not sure:
        reasons.append(
            f"it may be better by chance: {figures}, and the difference lies between "
            f"{100 * balanced.difference.low:+.1f} and {100 * balanced.difference.high:+.1f} points"
        )
    elif accuracy.difference.value < -_MOST_LOST:
        reasons.append(
            f"fewer cells are right in all: {100 * accuracy.after.value:.1f} % after "
            f"{100 * accuracy.before.value:.1f} % before"
        )
    if guard is not None and guard.forgets(largest_loss):
        reasons.append(
            f"it forgets: on cells of the training laboratories accuracy falls by {100 * guard.lost:.1f} "
            f"(± {100 * guard.error:.1f}) points, more "
            f"than {100 * largest_loss:g}"
        )
    return reasons


def _advice(rows: Sequence[OfClass], torn: Sequence[str], *, accepted: bool) -> list[str]:
    advice = []
    few = [f"{row.label} ({row.cells})" for row in rows if row.cells < FEW]
    if few:
        advice.append(f"few labels of {', '.join(few)}: label {FEW} or more of each")
    weak = [row.label for row in rows if row.cells >= FEW and row.after.value < 0.8]
    if weak:
        advice.append(f"weakest are {', '.join(weak[:3])}: more labels of these help most")
    if torn:
        advice.append(
            f"{', '.join(torn)}: labelled on too few slides to be judged on a slide not seen; label some elsewhere"
        )
    if not accepted and not advice:
        advice.append("label more cells, of all classes and of more slides")
    return advice


def _suspects(judged: Judged, classes: Sequence[str]) -> tuple[str, ...]:
    members = label_members(list(map(str, judged.labels)), classes)
    of_label = np.where(members, judged.after, 0.0).sum(axis=1)
    return tuple(str(judged.names[i]) for i in np.argsort(of_label, kind="stable") if of_label[i] < _UNLIKELY)


def _with_interval(estimate: Interval) -> str:
    return f"{100 * estimate.value:.1f} % ({100 * estimate.low:.0f}-{100 * estimate.high:.0f})"


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v) for v in value]
    return round(value, 4) if isinstance(value, float) else value
