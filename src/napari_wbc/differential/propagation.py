"""What the errors of the classifier add to the intervals: its confusion, propagated by bootstrap."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.cell_table import probability_columns
from napari_wbc.confusion import Confusion
from napari_wbc.differential.profile import Profile
from napari_wbc.differential.tally import counted_rows
from napari_wbc.leukocytes import UNIDENTIFIED, is_nucleated

#: Replicates of the bootstrap.
REPLICATES = 2000
#: It starts from the same seed always: the same cells give the same intervals.
SEED = 0
_STEPS = 150

Shares = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Draws:
    """Replicates of a bootstrap.

    Attributes
    ----------
    classes : tuple of str
        Of the columns; a class may come twice (as the model's cells and as those that a person labelled).
    cells : numpy.ndarray of float64, shape (replicates, len(classes))
        Cells of each class.
    """

    classes: tuple[str, ...]
    cells: Shares

    def of(self, names: Collection[str]) -> Shares:
        """Give the cells of some classes together, shape (replicates,)."""
        return np.asarray(self.cells[:, [name in names for name in self.classes]].sum(axis=1))


@dataclass(frozen=True)
class Evidence:
    """What is known of the class of each leukocyte and erythroblast, summed over the cells.

    Attributes
    ----------
    said : dict of str to int
        Cells that only the model has labelled, by what it said (``unidentified``, too).
    expected : dict of str to float
        Their calibrated probabilities, summed by class; empty where the table has none.
    settled : dict of str to int
        Cells that a person has labelled, by class.
    """

    said: Mapping[str, int]
    expected: Mapping[str, float]
    settled: Mapping[str, int]


@dataclass(frozen=True)
class Propagated:
    """Intervals that hold the errors of the classifier beside the chance of sampling.

    Attributes
    ----------
    intervals : dict of str to tuple of float
        By row of the differential, percent: from the least to the largest limit of the sampling interval and of the
        bootstraps below. It holds the stated percentage.
    by_probabilities, by_confusion : dict of str to tuple of float
        Central 95 % of each bootstrap, percent; empty where its source is missing.
    laboratories : tuple of str
        Whose cells the confusion was measured on.
    draws : dict of str to Draws
        The replicates by source.
    """

    intervals: Mapping[str, tuple[float, float]]
    by_probabilities: Mapping[str, tuple[float, float]]
    by_confusion: Mapping[str, tuple[float, float]]
    laboratories: tuple[str, ...]
    draws: Mapping[str, Draws] = field(default_factory=dict, repr=False)

    @property
    def sources(self) -> tuple[str, ...]:
        """What the errors were taken from: ``probabilities``, ``confusion``; nothing where no cell is the model's."""
        return tuple(self.draws)

    @property
    def note(self) -> str:
        """One sentence for people: what the intervals hold."""
        if not self.sources:
            return ""
        parts = {
            "probabilities": "the calibrated probabilities of the cells",
            "confusion": "the model's confusion on laboratories that it was not trained on "
            f"({', '.join(self.laboratories)})",
        }
        return (
            "With the errors of the model: sampling, and a bootstrap over "
            + " and over ".join(parts[source] for source in self.sources)
            + ". Cells that were not found, or were called platelet or artifact, are not in it."
        )


def evidence_of(cells: pd.DataFrame, profile: Profile) -> Evidence:
    """Sum up what is known of the cells that count.

    Parameters
    ----------
    cells : pandas.DataFrame
        With ``label``, ``status`` and ``flags``, and ``p_<class>`` columns where the model gave probabilities.
    profile : Profile
        Of the laboratory.

    Examples
    --------
    >>> from napari_wbc.differential.profile import load_profile
    >>> cells = pd.DataFrame({"label": ["monocyte", "platelet", "lymphocyte"], "flags": "",
    ...     "status": ["model", "model", "reviewed"], "p_monocyte": [0.8, 0.0, 0.5], "p_lymphocyte": [0.2, 0.0, 0.5]})
    >>> evidence_of(cells, load_profile(None))
    Evidence(said={'monocyte': 1}, expected={'monocyte': 0.8, 'lymphocyte': 0.2}, settled={'lymphocyte': 1})
    """
    rows = counted_rows(cells, profile)
    nucleated = [row for row in rows.unique() if is_nucleated(row) and row not in profile.outside_flags]
    candidate = rows.isin(nucleated)
    by_model = (candidate | (rows == UNIDENTIFIED)) & (cells["status"] == "model")
    by_person = candidate & (cells["status"] == "reviewed")
    columns = [c for c in probability_columns(cells) if is_nucleated(c[2:])]
    chances = cells.loc[by_model, columns].to_numpy(float)
    totals = chances.sum(axis=1, keepdims=True)
    expected: dict[str, float] = {}
    if columns and len(chances) and np.isfinite(totals).all() and (totals > 0).all():
        sums = (chances / totals).sum(axis=0)
        expected = {c[2:]: float(v) for c, v in zip(columns, sums, strict=True)}
    return Evidence(
        said=_counts(cells.loc[by_model, "label"]),
        expected=expected,
        settled=_counts(cells.loc[by_person, "label"]),
    )


def propagate(
    evidence: Evidence,
    profile: Profile,
    sampling: Mapping[str, tuple[float, float]],
    confusion: Confusion | None = None,
    *,
    replicates: int = REPLICATES,
    confidence: float = 0.95,
) -> Propagated:
    """Propagate the errors of a classifier into the intervals of the percentages.

    Two bootstraps, each over ``replicates``. *Probabilities*: cells are drawn with replacement, and of each drawn cell
    its class is drawn from its calibrated probabilities, which is the same as drawing classes from the mean of the
    probabilities. *Confusion*: cells are drawn with replacement, a confusion matrix C is drawn
    (:meth:`~napari_wbc.confusion.Confusion.draw`), and the shares x of the true classes are those of greatest
    likelihood for the drawn counts of labels, whose shares are expected to be x C; found by expectation maximisation.
    Cells that a person labelled keep their label in both.

    Parameters
    ----------
    evidence : Evidence
        Of the cells.
    profile : Profile
        Tells which row a class is counted in.
    sampling : mapping of str to tuple of float
        Interval of every row in the denominator for the chance of sampling alone, percent.
    confusion : Confusion, optional
        Of the model.
    replicates : int, optional
        Of each bootstrap.
    confidence : float, optional
        Coverage.

    Returns
    -------
    Propagated
        Without cells that only the model has labelled, the intervals are those of sampling.

    References
    ----------
    Efron, Tibshirani, An Introduction to the Bootstrap (1993). Dempster, Laird, Rubin, J. R. Stat. Soc. B 39 (1977)
    1-38. Rogan, Gladen, Am. J. Epidemiol. 107 (1978) 71-76 (two classes, without the bootstrap). Saerens, Latinne,
    Decaestecker, Neural Comput. 14 (2002) 21-41.

    Examples
    --------
    >>> from napari_wbc.differential.profile import load_profile
    >>> evidence = Evidence({"lymphocyte": 60, "monocyte": 40}, {"lymphocyte": 55.0, "monocyte": 45.0}, {})
    >>> sampling = {"lymphocyte": (50.2, 69.1), "monocyte": (30.9, 49.8)}
    >>> propagate(evidence, load_profile(None), sampling).intervals["lymphocyte"]
    (45.0, 69.1)
    """
    random = np.random.default_rng(SEED)
    draws: dict[str, Draws] = {}
    if evidence.said and evidence.expected:
        draws["probabilities"] = _draw_classes(evidence, replicates, random)
    if evidence.said and confusion is not None:
        draws["confusion"] = _draw_unmixed(evidence, confusion, replicates, random)
    limits = {source: _limits(drawn, profile, sampling, confidence) for source, drawn in draws.items()}
    intervals = {}
    for name, interval in sampling.items():
        ends = [interval, *(of[name] for of in limits.values() if name in of)]
        intervals[name] = min(low for low, _ in ends), max(high for _, high in ends)
    return Propagated(
        intervals=intervals,
        by_probabilities=limits.get("probabilities", {}),
        by_confusion=limits.get("confusion", {}),
        laboratories=confusion.laboratories if "confusion" in draws and confusion is not None else (),
        draws=draws,
    )


def _draw_classes(evidence: Evidence, replicates: int, random: np.random.Generator) -> Draws:
    """Draw classes from the mean of the probabilities."""
    names = (*evidence.expected, *evidence.settled)
    weights = np.array([*evidence.expected.values(), *evidence.settled.values()], float)
    drawn = random.multinomial(round(weights.sum()), weights / weights.sum(), replicates)
    return Draws(names, drawn.astype(float))


def _draw_unmixed(
    evidence: Evidence, confusion: Confusion, replicates: int, random: np.random.Generator
) -> Draws:
    """Draw cells and confusion matrices, and give the cells of each class that explain the drawn labels best."""
    # A label that the confusion says nothing about, as a class of the user's own, is taken as it is.
    known = [evidence.said.get(name, 0) for name in confusion.said]
    certain = [(name, number) for name, number in evidence.said.items() if name not in confusion.said]
    certain += evidence.settled.items()
    numbers = np.array([*known, *(number for _, number in certain)], float)
    drawn = random.multinomial(int(numbers.sum()), numbers / numbers.sum(), replicates).astype(float)
    observed, kept = drawn[:, : len(known)], drawn[:, len(known) :]
    true = unmix(observed, confusion.draw(replicates, random)) * observed.sum(axis=1, keepdims=True)
    return Draws((*confusion.classes, *(name for name, _ in certain)), np.hstack([true, kept]))


def unmix(observed: Shares, matrices: Shares, steps: int = _STEPS) -> Shares:
    """Find the shares of the true classes that explain counts of labels best.

    Parameters
    ----------
    observed : numpy.ndarray, shape (b, s)
        Cells by label.
    matrices : numpy.ndarray, shape (b, k, s)
        Chance of every label for a cell of every class; rows sum to 1.
    steps : int, optional
        Of expectation maximisation.

    Returns
    -------
    numpy.ndarray of float64, shape (b, k)
        Shares of greatest likelihood; they are 0 or more and sum to 1 (0 where nothing was observed).

    References
    ----------
    Dempster, Laird, Rubin, J. R. Stat. Soc. B 39 (1977) 1-38, section 4.3 (mixtures).

    Examples
    --------
    >>> matrix = np.array([[[0.9, 0.1], [0.2, 0.8]]])
    >>> unmix(np.array([[62.0, 38.0]]), matrix).round(3).tolist()
    [[0.6, 0.4]]
    """
    totals = observed.sum(axis=1, keepdims=True)
    labels = np.divide(observed, totals, out=np.zeros_like(observed), where=totals > 0)
    shares = np.full(matrices.shape[:2], 1.0 / matrices.shape[1])
    transposed = np.ascontiguousarray(matrices.transpose(0, 2, 1))
    for _ in range(steps):
        expected = (shares[:, None, :] @ matrices)[:, 0]
        ratio = labels / np.maximum(expected, 1e-300)
        shares = shares * (ratio[:, None, :] @ transposed)[:, 0]
    return np.asarray(shares)


def _limits(
    drawn: Draws, profile: Profile, sampling: Mapping[str, tuple[float, float]], confidence: float
) -> dict[str, tuple[float, float]]:
    if not sampling:
        return {}
    rows = [profile.row_of(name) for name in drawn.classes]
    cells = np.array([drawn.cells[:, [row == name for row in rows]].sum(axis=1) for name in sampling]).T
    totals = cells.sum(axis=1)
    percents = 100 * cells[totals > 0] / totals[totals > 0, None]
    if not len(percents):
        return {}
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(percents, [tail, 100 - tail], axis=0)
    return {
        name: (round(float(a), 1), round(float(b), 1)) for name, a, b in zip(sampling, low, high, strict=True)
    }


def _counts(labels: pd.Series[str]) -> dict[str, int]:
    return {str(name): int(number) for name, number in labels.value_counts(sort=False).items()}
