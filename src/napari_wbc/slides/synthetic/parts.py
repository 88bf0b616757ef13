"""The parts that every cell is drawn from: the body, its cytoplasm, the nucleus with its chromatin."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from napari_wbc.slides.synthetic.canvas import Canvas, Field, by_quantiles, inside
from napari_wbc.slides.synthetic.outlines import blob


@dataclass(frozen=True, slots=True)
class Chromatin:
    """Texture of a nucleus.

    Attributes
    ----------
    quantiles : tuple of float
        The 5, 25, 50, 75 and 95 % quantiles of the concentration; 1 is the median of a neutrophil's nucleus.
    fine_um, coarse_um : float
        Sizes of the two grains of the texture.
    rim : float
        How much darker the edge is, in standard deviations of the texture.
    coarse_share : float
        Weight of the coarse grains.
    """

    quantiles: tuple[float, float, float, float, float]
    fine_um: float
    coarse_um: float
    rim: float
    coarse_share: float = 0.45


def round_cell(canvas: Canvas, radius: float, irregular: float) -> Field:
    """Outline of a cell that is round but for some ovalness and unevenness; marks it as the cell."""
    rng = canvas.rng
    harmonics = [
        (2, abs(rng.normal(0, irregular)) + 0.01, rng.uniform(0, 2 * math.pi)),
        (3, rng.normal(0, irregular * 0.5), rng.uniform(0, 2 * math.pi)),
        (4, rng.normal(0, irregular * 0.35), rng.uniform(0, 2 * math.pi)),
        (5, rng.normal(0, irregular * 0.25), rng.uniform(0, 2 * math.pi)),
    ]
    y, x = canvas.warped(1.0, 0.07)
    cell = blob(y, x, radius, harmonics)
    canvas.cell |= cell < 0
    return cell


def paint_cytoplasm(
    canvas: Canvas, cell: Field, azure: float, plasma: float, mottling: float, edge_um: float = 0.35
) -> None:
    """Fill a cell with cytoplasm: blue (``azure``) and pink (``plasma``), cloudy, a little darker at the edge."""
    body = inside(cell, edge_um)
    clouds = 1 + mottling * (0.7 * canvas.noise(0.22) + 0.7 * canvas.noise(0.7))
    edge = 1 + 0.25 * np.exp(-((cell + 0.3) ** 2) / 0.08)
    fill = (body * np.clip(clouds, 0.2, 2.5) * edge).astype(np.float32)
    canvas.add("azure", azure * fill)
    canvas.add("plasma", plasma * fill)


def paint_nucleus(canvas: Canvas, distance: Field, chromatin: Chromatin, edge_um: float = 0.30) -> None:
    """Fill a nucleus with chromatin and mark it as the nucleus; what lay below is hidden."""
    fill = inside(distance, edge_um)
    texture = canvas.grains(chromatin.fine_um, chromatin.coarse_um, chromatin.coarse_share)
    texture = texture + chromatin.rim * np.exp(-((distance + 0.25) ** 2) / 0.12)
    for dye in ("azure", "plasma", "eosin", "granule"):
        canvas.thin_out(dye, 0.92 * fill)
    canvas.add("chromatin", by_quantiles(texture, chromatin.quantiles) * fill)
    canvas.nucleus |= distance < 0
    canvas.cell |= distance < 0
