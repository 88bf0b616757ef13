"""The parts that every cell is drawn from: the body, its cytoplasm, the nucleus with its chromatin."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from napari_wbc.slides.synthetic.canvas import Canvas, Field, by_quantiles, inside
from napari_wbc.slides.synthetic.outlines import blob, union


@dataclass(frozen=True, slots=True)
class Chromatin:
    """Texture of a nucleus.

    Attributes
    ----------
    quantiles : tuple of float
        The 5, 25, 50, 75 and 95 % quantiles of the concentration; 1 is the median of a neutrophil's nucleus.
    rim : float
        How much darker the edge is, in standard deviations of the texture.
    hue : float
        Negative: redder; added density in red, as a share of that of chromatin.
    fine_um, coarse_um : float
        Sizes of the two grains of the texture. The defaults give the autocorrelation that real nuclei have.
    coarse_share : float
        Weight of the coarse grains.
    channels : float
        Weight of light, winding channels between clumps.
    """

    quantiles: tuple[float, float, float, float, float]
    rim: float
    hue: float = 0.0
    fine_um: float = 0.11
    coarse_um: float = 0.30
    coarse_share: float = 0.30
    channels: float = 0.0


def round_cell(canvas: Canvas, radius: float, irregular: float, ruffle_um: float = 0.08) -> Field:
    """Make the outline of a round cell, a little oval, uneven, often flattened; marks it as the cell."""
    rng = canvas.rng
    harmonics = [
        (2, abs(rng.normal(0, irregular)) + 0.01, rng.uniform(0, 2 * math.pi)),
        (3, rng.normal(0, irregular * 0.5), rng.uniform(0, 2 * math.pi)),
        (4, rng.normal(0, irregular * 0.35), rng.uniform(0, 2 * math.pi)),
        (5, rng.normal(0, irregular * 0.25), rng.uniform(0, 2 * math.pi)),
    ]
    y, x = canvas.warped(0.7 if ruffle_um < 0.12 else 0.55, ruffle_um)
    cell = blob(y, x, radius, harmonics)
    if rng.random() < 0.35:
        # Where a neighbour pressed on it.
        angle = rng.uniform(0, 2 * math.pi)
        plane = y * math.sin(angle) + x * math.cos(angle) - radius * rng.uniform(0.78, 0.92)
        cell = -union(-cell, -plane, 0.8)
    canvas.cell |= cell < 0
    return cell


def paint_cytoplasm(
    canvas: Canvas,
    cell: Field,
    azure: float,
    plasma: float,
    mottling: float,
    edge: float = 0.25,
    edge_um: float = 0.30,
) -> None:
    """Fill a cell with cytoplasm: blue (``azure``) and pink (``plasma``), cloudy, darker by ``edge`` at its rim."""
    body = inside(cell, edge_um)
    clouds = 1 + mottling * (0.85 * canvas.noise(0.12) + 0.5 * canvas.noise(0.5))
    rim = 1 + edge * np.exp(-((cell + 0.25) ** 2) / 0.06)
    fill = body * np.clip(clouds, 0.15, 2.5) * rim
    canvas.add("azure", azure * fill)
    canvas.add("plasma", plasma * fill)
    canvas.hue = canvas.hue + 0.022 * canvas.noise(0.18) * body


def paint_nucleus(canvas: Canvas, distance: Field, chromatin: Chromatin, edge_um: float = 0.26) -> None:
    """Fill a nucleus with chromatin and mark it as the nucleus; what lay below is hidden."""
    fill = inside(distance, edge_um)
    stain = canvas.stain
    texture = canvas.grains(
        chromatin.fine_um * stain.grain, chromatin.coarse_um * stain.grain, chromatin.coarse_share
    )
    if chromatin.channels:
        texture = texture + chromatin.channels * np.abs(canvas.noise(0.26 * stain.grain))
    texture = texture + chromatin.rim * np.exp(-((distance + 0.22) ** 2) / 0.06)
    for dye in ("azure", "plasma", "eosin", "granule"):
        canvas.thin_out(dye, 0.95 * fill)
    median = chromatin.quantiles[2]
    # No two nuclei took up the same amount of stain.
    amount, contrast = canvas.rng.normal(1, 0.05), stain.contrast * canvas.rng.normal(1, 0.10)
    concentration = amount * (
        median + contrast * (by_quantiles(texture, distance < 0, chromatin.quantiles) - median)
    )
    canvas.add("chromatin", concentration * fill)
    canvas.hue = (
        canvas.hue * (1 - fill)
        + (chromatin.hue + 0.055 * stain.contrast * canvas.noise(0.15 * stain.grain)) * fill
    )
    canvas.nucleus |= distance < 0
    canvas.cell |= distance < 0
