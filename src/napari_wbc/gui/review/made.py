"""What comes back from beside the GUI thread."""

from __future__ import annotations

from dataclasses import dataclass

from napari_wbc.review.edits import NewCell
from napari_wbc.review.session import ReviewSession


@dataclass(frozen=True, slots=True)
class Made:
    """Cells that were made beside the GUI thread, and what they are for."""

    kind: str
    rows: tuple[int, ...]
    cells: tuple[NewCell, ...]
    session: ReviewSession


@dataclass(frozen=True, slots=True)
class Measured:
    """It is known now how the cells of a review lie to each other."""

    session: ReviewSession
