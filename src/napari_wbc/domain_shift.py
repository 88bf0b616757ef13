"""How far a slide lies from the laboratories that a model was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DomainShift:
    """How far the cells of a slide, taken together, lie from those of the nearest training domain.

    Attributes
    ----------
    nearest : str
        The training domain.
    ratio : float
        Distance over the limit for so many cells; beyond 1 the slide is unlike every training domain.
    cells : int
        Leukocytes and erythroblasts that it rests on.
    """

    nearest: str
    ratio: float
    cells: int

    @property
    def beyond(self) -> bool:
        """Whether the slide is unlike every training domain."""
        return self.ratio > 1.0

    def to_dict(self) -> dict[str, Any]:
        """Give plain values, for JSON."""
        return {"nearest": self.nearest, "ratio": round(self.ratio, 2), "cells": self.cells}
