"""Drawings of lymphocytes, monocytes and erythroblasts, by textbook morphology."""

from __future__ import annotations

import math

import numpy as np

from napari_wbc.slides.synthetic.canvas import Canvas, inside
from napari_wbc.slides.synthetic.outlines import arc, blob, ellipse, ribbon, union
from napari_wbc.slides.synthetic.parts import Chromatin, paint_cytoplasm, paint_nucleus, round_cell


def lymphocyte(canvas: Canvas) -> None:
    """Draw a round, dense nucleus in a thin rim of blue cytoplasm; one in five is larger and paler."""
    rng = canvas.rng
    large = rng.random() < 0.2
    nucleus_radius = rng.normal(4.75, 0.2) if large else rng.normal(4.35, 0.22)
    radius = nucleus_radius + (rng.uniform(1.0, 2.0) if large else rng.uniform(0.35, 0.85))
    cell = round_cell(canvas, radius, irregular=0.03 if not large else 0.05)
    azure = rng.uniform(0.28, 0.40) if large else rng.uniform(0.45, 0.75)
    paint_cytoplasm(canvas, cell, azure=azure, plasma=0.15, mottling=0.18)
    towards = rng.uniform(0, 2 * math.pi)
    off = (radius - nucleus_radius - 0.15) * rng.uniform(0.2, 0.9)
    y, x = canvas.warped(1.5, 0.14)
    harmonics = [
        (2, rng.uniform(0.01, 0.06), rng.uniform(0, 6)),
        (3, rng.normal(0, 0.012), rng.uniform(0, 6)),
    ]
    nucleus = blob(y, x, nucleus_radius, harmonics, (off * math.sin(towards), off * math.cos(towards)))
    if rng.random() < 0.25:
        dent = rng.uniform(0, 2 * math.pi)
        notch = ellipse(
            y, x, (nucleus_radius * math.sin(dent), nucleus_radius * math.cos(dent)), 0.9, 0.6, dent
        )
        nucleus = np.maximum(nucleus, -notch)
    pale = 0.90 if large else 1.0
    q = (0.60, 0.80, 0.94, 1.06, 1.22)
    paint_nucleus(
        canvas, nucleus, Chromatin(tuple(pale * v for v in q), 0.20, 0.55, rim=0.35, coarse_share=0.6)
    )  # type: ignore[arg-type]


def monocyte(canvas: Canvas) -> None:
    """Draw a kidney- or horseshoe-shaped nucleus of fine chromatin; much grey-blue cytoplasm, vacuoles."""
    rng = canvas.rng
    radius = rng.normal(7.5, 0.5)
    cell = round_cell(canvas, radius, irregular=0.06)
    paint_cytoplasm(
        canvas,
        cell,
        azure=rng.uniform(0.28, 0.40),
        plasma=rng.uniform(0.15, 0.30),
        mottling=0.20,
        edge_um=0.6,
    )
    canvas.add("granule", 0.12 * np.tanh(canvas.dots(inside(cell + 0.3, 0.3), 1.0, 0.13)))
    span, start = rng.uniform(1.7, 3.6), rng.uniform(0, 2 * math.pi)
    towards = start + span / 2
    bend = rng.uniform(2.6, 3.3)
    width = np.clip(104 / (2 * bend * span + 13.5), 2.1, 3.6)
    points = 12
    t = np.linspace(-1, 1, points)
    widths = width * (1 + 0.12 * np.sin(t * rng.uniform(2, 4) + rng.uniform(0, 6)))
    back = 0.55 * bend * math.sin(span / 2) / (span / 2) + rng.uniform(-0.5, 0.5)
    y, x = canvas.warped(1.6, 0.45)
    nucleus = ribbon(
        y,
        x,
        arc(bend, start, span, (-back * math.sin(towards), -back * math.cos(towards)), points),
        list(widths),
    )
    if rng.random() < 0.5:
        angle = rng.uniform(0, 2 * math.pi)
        bulge = ellipse(y, x, (2.6 * math.sin(angle), 2.6 * math.cos(angle)), 2.4, 2.0, angle)
        nucleus = union(nucleus, bulge, 0.8)
    nucleus = np.maximum(nucleus, cell + 0.3)
    paint_nucleus(canvas, nucleus, Chromatin((0.40, 0.57, 0.72, 0.90, 1.16), 0.15, 0.36, rim=0.6))
    # A fold: a dark line across the nucleus.
    if rng.random() < 0.6:
        angle = rng.uniform(0, 2 * math.pi)
        line = np.abs(canvas.y * math.cos(angle) - canvas.x * math.sin(angle) + 0.6 * canvas.noise(2.0))
        canvas.add("chromatin", 0.25 * np.exp(-((line / 0.3) ** 2)) * inside(nucleus + 0.4, 0.4))
    for _ in range(int(rng.poisson(2.2))):
        angle, r = rng.uniform(0, 2 * math.pi), radius * rng.uniform(0.5, 0.95)
        size = rng.uniform(0.3, 0.75)
        hole = ellipse(
            canvas.y, canvas.x, (r * math.sin(angle), r * math.cos(angle)), size, size * 0.9, angle
        )
        share = 0.8 * inside(hole, 0.3) * inside(-nucleus - 0.1, 0.3)
        for dye in ("azure", "plasma", "granule"):
            canvas.thin_out(dye, share)


def erythroblast(canvas: Canvas) -> None:
    """Draw a small, round, very dense nucleus in grey to pinkish cytoplasm."""
    rng = canvas.rng
    radius = rng.normal(4.7, 0.35)
    cell = round_cell(canvas, radius, irregular=0.045)
    ripe = rng.random()
    paint_cytoplasm(canvas, cell, azure=0.42 - 0.30 * ripe, plasma=0.15, mottling=0.08)
    canvas.add("haemoglobin", (0.15 + 0.75 * ripe) * inside(cell, 0.4))
    nucleus_radius = min(rng.normal(3.15, 0.25) - 0.35 * (ripe - 0.5), radius - 0.6)
    towards = rng.uniform(0, 2 * math.pi)
    off = (radius - nucleus_radius - 0.2) * rng.uniform(0.1, 0.8)
    y, x = canvas.warped(1.5, 0.08)
    nucleus = blob(
        y,
        x,
        nucleus_radius,
        [(2, rng.uniform(0, 0.05), rng.uniform(0, 6))],
        (off * math.sin(towards), off * math.cos(towards)),
    )
    # The ripest nuclei are without structure.
    spread = 1.0 - 0.75 * ripe
    q = tuple(1.02 + spread * d for d in (-0.38, -0.17, 0.0, 0.12, 0.28))
    paint_nucleus(canvas, nucleus, Chromatin(q, 0.2, 0.6, rim=0.4, coarse_share=0.6))  # type: ignore[arg-type]
    canvas.thin_out("haemoglobin", 0.8 * inside(nucleus, 0.3))
