"""What is looked at before anything is learned: whether labels are enough, and what is odd about the cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_wbc.adaptation.cells import Copies, LabelledCells
from napari_wbc.adaptation.enough import LEAST_CELLS, LEAST_CLASSES, LEAST_PER_CLASS, is_enough
from napari_wbc.adaptation.start import Start
from napari_wbc.classification.novelty import NoveltyReference
from napari_wbc.errors import InputError
from napari_wbc.training.manifests import label_members

#: Share of the cells that lie beyond all that the source was ever right about: then they are hardly blood cells.
_FOREIGN = 0.5


def check_enough(cells: LabelledCells) -> None:
    """Make sure that there is something to learn from and to judge by.

    Raises
    ------
    InputError
        There is not; the message says what is missing.
    """
    counts = cells.counts()
    if is_enough(counts):
        return
    there = ", ".join(f"{label} {n}" for label, n in counts.items()) or "none"
    if len(counts) == 1 and len(cells) >= LEAST_CELLS:
        raise InputError(
            f"all {len(cells)} labelled cells are {next(iter(counts))}, which does not tell what is none; label "
            f"{LEAST_PER_CLASS} or more of another class as well"
        )
    raise InputError(
        f"too few labelled cells to learn from and to judge by ({there}); label {LEAST_CELLS} or more, "
        f"{LEAST_PER_CLASS} each of {LEAST_CLASSES} classes at least"
    )


def check_labels(start: Start, cells: LabelledCells) -> None:
    """Make sure that every label stands for a class.

    Raises
    ------
    InputError
        One does not, as "not_leukocyte" for a model that knows leukocytes only.
    """
    labels = list(map(str, cells.labels))
    unknown = np.flatnonzero(~label_members(labels, start.classes).any(axis=1))
    if len(unknown):
        raise InputError(
            f"the label {labels[unknown[0]]!r} stands for none of the classes of {start.model.name}; give these cells "
            "a class, or leave them out"
        )


def noticed(
    start: Start, copies: Copies, logits: NDArray[np.floating], embeddings: NDArray[np.floating]
) -> list[str]:
    """Say what is odd about the labelled cells, before anything is learned from them."""
    found = []
    if copies.contradicting:
        found.append(
            f"{len(copies.contradicting)} cells bear more than one label and were left out; look at them again"
        )
    elif copies.dropped:
        found.append(f"{copies.dropped} images show a cell that is there already; each cell counts once")
    reference = NoveltyReference.of(start.model)
    beyond = reference.score(logits, embeddings) > reference.quantiles[-1]
    if beyond.mean() > _FOREIGN:
        found.append(
            f"{100 * beyond.mean():.0f} % of these images are less like blood cells than any that the source was right "
            "about; make sure that each shows one cell at its centre and that the scale is right"
        )
    return found
