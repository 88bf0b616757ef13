"""The library of drawn cells: a few dozen of each class, drawn when they are first needed."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from napari_wbc.slides.synthetic import granulocytes, mononuclear, red_cells
from napari_wbc.slides.synthetic.canvas import Canvas, Stamp
from napari_wbc.slides.synthetic.parameters import STAINS

#: How each kind of cell is drawn, how many are drawn of it, and half the side of its canvas in µm.
DRAWINGS: dict[str, tuple[Callable[[Canvas], None], int, float]] = {
    "neutrophil_segmented": (granulocytes.segmented_neutrophil, 40, 9.5),
    "neutrophil_band": (granulocytes.band_neutrophil, 24, 9.5),
    "lymphocyte": (mononuclear.lymphocyte, 40, 9.5),
    "monocyte": (mononuclear.monocyte, 32, 12.0),
    "eosinophil": (granulocytes.eosinophil, 24, 9.5),
    "basophil": (granulocytes.basophil, 24, 9.5),
    "metamyelocyte": (granulocytes.metamyelocyte, 24, 10.0),
    "myelocyte": (granulocytes.myelocyte, 24, 10.5),
    "promyelocyte": (granulocytes.promyelocyte, 24, 11.5),
    "erythroblast": (mononuclear.erythroblast, 24, 8.0),
    "red_cell": (red_cells.red_cell, 96, 5.6),
    "platelet": (red_cells.platelet, 48, 4.5),
}
KINDS = tuple(DRAWINGS)

#: Coarser canvases would alias the texture of the chromatin; stamps of coarser smears are reduced from this scale.
_FINEST_NEEDED_UM = 0.16


class StampLibrary:
    """The drawn cells of one smear; the same seed, stain and scale give the same cells.

    Use :func:`stamp_library`, which keeps the last one.
    """

    def __init__(self, seed: int, stain: str, strength: float, um_per_px: float) -> None:
        self._seed = seed
        self._stain = STAINS[stain]
        self._strength = strength
        self._um_per_px = um_per_px
        self.stamp = lru_cache(maxsize=None)(self._stamp)

    def _stamp(self, kind: str, variant: int, orientation: int) -> Stamp:
        if orientation:
            return self.stamp(kind, variant, 0).turned(orientation)
        draw, _, half_um = DRAWINGS[kind]
        per_px = math.ceil(self._um_per_px / _FINEST_NEEDED_UM - 1e-9)
        rng = np.random.default_rng([self._seed, KINDS.index(kind), variant])
        # A whole number of stamp pixels, even, so that reducing keeps the middle.
        half_um = math.ceil(half_um / self._um_per_px) * self._um_per_px
        canvas = Canvas(half_um - 1e-6, self._um_per_px / per_px, rng, self._stain)
        draw(canvas)
        return canvas.finish(self._strength, per_px)

    def variants(self, kind: str) -> int:
        """How many different cells of a kind there are."""
        return DRAWINGS[kind][1]

    @staticmethod
    def largest_leukocyte_um(kind: str) -> float:
        """How large the radius of a leukocyte is taken to be where cells must not overlap."""
        return DRAWINGS[kind][2] - 1.5


@lru_cache(maxsize=1)
def stamp_library(seed: int, stain: str, strength: float, um_per_px: float) -> StampLibrary:
    """Give the library of a smear; that of the last smear is kept, since it is often asked for again."""
    return StampLibrary(seed, stain, strength, um_per_px)
