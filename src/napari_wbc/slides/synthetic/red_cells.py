"""Drawings of what has no nucleus: red cells and platelets."""

from __future__ import annotations

import math

import numpy as np

from napari_wbc.slides.synthetic.canvas import Canvas, inside
from napari_wbc.slides.synthetic.outlines import blob


def red_cell(canvas: Canvas) -> None:
    """Draw a disc of 7.5 µm, paler in the middle; some oval, some without pallor."""
    rng = canvas.rng
    radius = float(np.clip(rng.normal(3.68, 0.22), 3.0, 4.4))
    oval = abs(rng.normal(0, 0.035)) + (rng.uniform(0.05, 0.14) if rng.random() < 0.15 else 0)
    harmonics = [
        (2, oval, rng.uniform(0, 6.3)),
        (3, rng.normal(0, 0.018), rng.uniform(0, 6.3)),
        (4, rng.normal(0, 0.010), rng.uniform(0, 6.3)),
        (5, rng.normal(0, 0.006), rng.uniform(0, 6.3)),
    ]
    cell = blob(canvas.y, canvas.x, radius, harmonics)
    shift = rng.normal(0, 0.25, 2)
    hole = blob(canvas.y, canvas.x, radius, harmonics, (float(shift[0]), float(shift[1])))
    depth = float(np.clip(rng.normal(0.62, 0.25), 0.0, 0.9))
    width = rng.uniform(0.36, 0.56)
    rho = np.clip(hole / radius + 1, 0, None)
    pallor = depth * np.exp(-((rho / width) ** rng.uniform(2.2, 4.0)))
    # The rounded edge: thinner towards the outline.
    edge = 1 - 0.30 * np.clip((cell + 1.1) / 1.1, 0, 1) ** 2
    amount = float(np.clip(rng.normal(1.0, 0.10), 0.7, 1.35))
    surface = 1 + 0.012 * canvas.noise(0.3) + 0.02 * canvas.noise(1.2)
    canvas.add(
        "haemoglobin", (amount * inside(cell, 0.45) * (1 - pallor) * edge * surface).astype(np.float32)
    )
    canvas.cell |= cell < 0


def platelet(canvas: Canvas) -> None:
    """Draw a flake of 2 to 4 µm: pale blue with violet granules in its middle."""
    rng = canvas.rng
    radius = float(np.clip(rng.lognormal(math.log(1.5), 0.25), 0.9, 2.8))
    harmonics = [(k, rng.normal(0, 0.18 / k), rng.uniform(0, 6.3)) for k in (2, 3, 4, 5)]
    y, x = canvas.warped(0.4, 0.14)
    cell = blob(y, x, radius, harmonics)
    canvas.add("azure", rng.uniform(0.16, 0.30) * inside(cell, 0.35))
    middle = inside(cell + 0.18 * radius, 0.4)
    dots = canvas.dots(middle, 9.0, 0.11, spread=0.4)
    canvas.add("granule", rng.uniform(0.5, 0.85) * np.tanh(0.6 * dots + 0.15 * middle))
    canvas.cell |= cell < 0
