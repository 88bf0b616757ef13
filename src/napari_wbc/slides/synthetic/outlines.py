"""Outlines of cells and nuclei as signed distances (µm, negative inside)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from napari_wbc.slides.synthetic.canvas import Field


def ellipse(y: Field, x: Field, centre: tuple[float, float], a: float, b: float, angle: float) -> Field:
    """Ellipse with half axes ``a`` (along ``angle``) and ``b``; the distance is approximate away from its edge."""
    dy, dx = y - centre[0], x - centre[1]
    u = (dx * math.cos(angle) + dy * math.sin(angle)) / a
    v = (-dx * math.sin(angle) + dy * math.cos(angle)) / b
    r = np.sqrt(u * u + v * v)
    return ((r - 1) * math.sqrt(a * b)).astype(np.float32)


def blob(
    y: Field,
    x: Field,
    radius: float,
    harmonics: Sequence[tuple[int, float, float]],
    centre: tuple[float, float] = (0, 0),
) -> Field:
    """Round shape whose radius varies with the direction: ``harmonics`` are (order, amplitude, phase)."""
    dy, dx = y - centre[0], x - centre[1]
    theta = np.arctan2(dy, dx)
    edge = radius * (
        1 + sum(amplitude * np.cos(order * theta - phase) for order, amplitude, phase in harmonics)
    )
    distance: Field = np.sqrt(dy * dy + dx * dx) - edge
    return distance


def ribbon(y: Field, x: Field, path: Sequence[tuple[float, float]], half_widths: Sequence[float]) -> Field:
    """Thick line through the points of ``path`` with a half width at each of them: a sausage."""
    distance = np.full(y.shape, np.inf, np.float32)
    for (y0, x0), (y1, x1), w0, w1 in zip(
        path[:-1], path[1:], half_widths[:-1], half_widths[1:], strict=True
    ):
        dy, dx = y1 - y0, x1 - x0
        length2 = max(dy * dy + dx * dx, 1e-9)
        t = np.clip(((y - y0) * dy + (x - x0) * dx) / length2, 0, 1)
        to_axis = np.sqrt((y - y0 - t * dy) ** 2 + (x - x0 - t * dx) ** 2)
        np.minimum(distance, to_axis - (w0 + t * (w1 - w0)), out=distance)
    return distance


def arc(
    radius: float, start: float, span: float, centre: tuple[float, float], points: int = 14
) -> list[tuple[float, float]]:
    """Points along a circular arc."""
    angles = start + np.linspace(0, span, points)
    return [(centre[0] + radius * math.sin(a), centre[1] + radius * math.cos(a)) for a in angles]


def union(first: Field, second: Field, fillet: float = 0.0) -> Field:
    """Unite two shapes, the notch between them rounded over ``fillet`` µm."""
    if fillet <= 0:
        return np.minimum(first, second)
    h = np.clip(0.5 + 0.5 * (second - first) / fillet, 0, 1)
    return (second * (1 - h) + first * h - fillet * h * (1 - h)).astype(np.float32)
