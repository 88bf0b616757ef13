"""What a model makes of cells whose class is known: counts, and confusion matrices drawn from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_wbc.leukocytes import UNIDENTIFIED, coarse_class, is_nucleated

#: With fewer cells of a class, a laboratory says nothing about it.
LEAST_CELLS = 10
# What is added to the counts of a row before matrices are drawn from them, in cells, spread over its columns.
_PRIOR_CELLS = 1.0
_MOST_CELLS = 10**9

Counts = Mapping[str, Mapping[str, Sequence[int]]]


@dataclass(frozen=True)
class Confusion:
    """Counts of what a model said of cells whose class is known, by laboratory.

    Attributes
    ----------
    said : tuple of str
        What the model can say of a leukocyte or an erythroblast: its fine classes, and ``unidentified``.
    unseen : dict of str to dict of str to sequence of int
        By laboratory and coarse class, how often each of ``said`` was said by the same recipe, trained without that
        laboratory.
    held_out : dict of str to dict of str to sequence of int
        By laboratory and fine class, the same for cells that were held out of laboratories trained on: how the fine
        classes within a coarse one are told apart, and the classes that only one laboratory shows.

    References
    ----------
    What is measured of laboratories that were left out of training is what a further laboratory may expect
    (Umer et al. 2023, https://arxiv.org/abs/2303.07771).
    """

    said: tuple[str, ...]
    unseen: Counts
    held_out: Counts

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> Confusion | None:
        """Read the entry ``confusion`` of a ``model.json``; None where it does not apply.

        A model that was adapted to a laboratory, or has learned further classes, makes other errors than the one it
        came from.
        """
        entry = info.get("confusion")
        if entry is None or "adaptation" in info or entry["said"] != _said_by(info["classes"]):
            return None
        return cls.from_dict(entry)

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Confusion:
        """Read what :meth:`to_dict` gave."""
        return cls(tuple(entry["said"]), entry["unseen"], entry["held_out"])

    def to_dict(self) -> dict[str, Any]:
        """Give plain values, as ``model.json`` holds them."""
        return {
            "said": list(self.said),
            "unseen": _plain(self.unseen),
            "held_out": _plain(self.held_out),
        }

    @property
    def classes(self) -> tuple[str, ...]:
        """Fine classes that something is known of."""
        coarse = {c for rows in self.unseen.values() for c, row in rows.items() if sum(row) >= LEAST_CELLS}
        fine = {c for rows in self.held_out.values() for c, row in rows.items() if sum(row) >= LEAST_CELLS}
        return tuple(c for c in self.said if c in fine or (c != UNIDENTIFIED and c in coarse))

    @property
    def laboratories(self) -> tuple[str, ...]:
        """Laboratories that were left out of training, one after the other."""
        return tuple(self.unseen)

    def draw(self, number: int, random: np.random.Generator) -> NDArray[np.float64]:
        """Draw confusion matrices: of laboratories by chance, and of their cells by chance.

        The row of a coarse class comes from one of the laboratories that have at least ``LEAST_CELLS`` cells of it,
        drawn for each class apart: errors in one class say little of those in another. Its parts come from the
        held-out cells: P(said | true) = P(coarse said | coarse true) P(said | coarse said, true).

        Parameters
        ----------
        number : int
            Of matrices.
        random : numpy.random.Generator
            Source of chance.

        Returns
        -------
        numpy.ndarray of float64, shape (number, k, s)
            Chance that a cell of each of ``classes`` is called each of ``said``; rows sum to 1.
        """
        coarse_said = list(dict.fromkeys(map(coarse_class, self.said)))
        columns = np.array([coarse_said.index(coarse_class(name)) for name in self.said])
        to_coarse = np.eye(len(coarse_said))[columns]
        matrices = np.empty((number, len(self.classes), len(self.said)))
        sums: dict[str, NDArray[np.float64] | None] = {}
        for place, name in enumerate(self.classes):
            coarse = coarse_class(name)
            fine = _drawn(self._held_out(name), number, random)
            if coarse not in sums:
                sums[coarse] = self._coarse(coarse, coarse_said, number, random)
            of_coarse = sums[coarse]
            if of_coarse is None:
                matrices[:, place] = fine
                continue
            within = fine @ to_coarse
            matrices[:, place] = of_coarse[:, columns] * fine / within[:, columns]
        return matrices

    def _coarse(
        self, coarse: str, coarse_said: Sequence[str], number: int, random: np.random.Generator
    ) -> NDArray[np.float64] | None:
        """Give drawn chances of the coarse sayings, shape (number, m); None where no laboratory tells."""
        rows = [row for of in self.unseen.values() if sum(row := of.get(coarse, ())) >= LEAST_CELLS]
        if not rows:
            return None
        laboratory = random.integers(0, len(rows), number)
        drawn = np.empty((number, len(coarse_said)))
        for i, row in enumerate(rows):
            chosen = laboratory == i
            drawn[chosen] = _drawn(self._summed(row, coarse_said), int(chosen.sum()), random)
        return drawn

    def _summed(self, row: Sequence[int], coarse_said: Sequence[str]) -> NDArray[np.float64]:
        places = [coarse_said.index(coarse_class(name)) for name in self.said]
        return np.asarray(np.bincount(places, row, len(coarse_said)), float)

    def _held_out(self, name: str) -> NDArray[np.float64]:
        rows = [np.asarray(of[name], float) for of in self.held_out.values() if name in of]
        return np.sum(rows, axis=0) if rows else np.zeros(len(self.said))


def confusion_problem(entry: Any, classes: Sequence[str]) -> str:
    """Say what is wrong with the entry ``confusion`` of a ``model.json``, or nothing.

    Examples
    --------
    >>> row = [9, 1, 0]
    >>> good = {"said": ["monocyte", "lymphocyte", "unidentified"], "unseen": {"a": {"monocyte": row}}, "held_out": {}}
    >>> confusion_problem(good, ["monocyte", "lymphocyte", "platelet"])
    ''
    """
    if not isinstance(entry, dict) or set(entry) != {"said", "unseen", "held_out"}:
        return "does not hold said, unseen and held_out"
    # A model that learned further classes may still hold what was measured before.
    said = entry["said"]
    if not isinstance(said, list) or not all(isinstance(name, str) for name in said):
        return "has no list of classes in said"
    if len(set(said)) != len(said) or not set(said) <= set(_said_by(classes)):
        return "lists other classes than those of leukocytes and erythroblasts that the model has, and unidentified"
    length = len(entry["said"])
    for part in ("unseen", "held_out"):
        if not isinstance(entry[part], dict) or not all(isinstance(v, dict) for v in entry[part].values()):
            return f"has no laboratories in {part}"
        for rows in entry[part].values():
            for row in rows.values():
                if not isinstance(row, list) or len(row) != length or not all(map(_is_count, row)):
                    return f"has a row in {part} that is not {length} counts"
    return ""


def _said_by(classes: Sequence[str]) -> list[str]:
    return [*(c for c in classes if is_nucleated(c)), UNIDENTIFIED]


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_CELLS


def _drawn(counts: NDArray[np.float64], number: int, random: np.random.Generator) -> NDArray[np.float64]:
    # A floor keeps what was never said possible, so that no cell of a slide is impossible.
    drawn = np.maximum(random.dirichlet(counts + _PRIOR_CELLS / len(counts), number), 1e-9)
    return np.asarray(drawn / drawn.sum(axis=1, keepdims=True))


def _plain(counts: Counts) -> dict[str, dict[str, list[int]]]:
    return {lab: {name: [int(v) for v in row] for name, row in rows.items()} for lab, rows in counts.items()}
