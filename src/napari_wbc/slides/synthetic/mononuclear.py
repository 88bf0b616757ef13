"""Drawings of lymphocytes, monocytes and erythroblasts, by textbook morphology."""

from __future__ import annotations

import math

import numpy as np

from napari_wbc.slides.synthetic.canvas import Canvas, Field, inside
from napari_wbc.slides.synthetic.outlines import arc, blob, ellipse, ribbon, union
from napari_wbc.slides.synthetic.parts import Chromatin, paint_cytoplasm, paint_nucleus, round_cell

_LYMPHOCYTE = Chromatin((0.70, 0.86, 0.98, 1.07, 1.19), rim=1.2, hue=-0.06, fine_um=0.10, channels=0.4)
_LARGE_LYMPHOCYTE = Chromatin((0.56, 0.73, 0.86, 0.97, 1.12), rim=1.2, hue=-0.09, fine_um=0.10, channels=0.4)
_MONOCYTE = Chromatin((0.40, 0.55, 0.69, 0.86, 1.12), rim=1.8, hue=-0.12, channels=0.5)


def lymphocyte(canvas: Canvas) -> None:
    """Draw a round, dense nucleus in a thin rim of blue cytoplasm; one in five is larger and paler."""
    rng = canvas.rng
    large = rng.random() < 0.2
    nucleus_radius = rng.normal(4.6, 0.2) if large else rng.normal(4.0, 0.22)
    radius = nucleus_radius + (rng.uniform(0.8, 1.8) if large else rng.uniform(0.2, 0.75))
    frilly = rng.random() < 0.35
    cell = round_cell(canvas, radius, irregular=0.045, ruffle_um=0.2 if frilly else 0.11)
    for _ in range(int(rng.integers(1, 4)) if frilly else 0):
        # Small blebs of cytoplasm.
        angle = rng.uniform(0, 2 * math.pi)
        place = (radius * math.sin(angle), radius * math.cos(angle))
        cell = union(cell, ellipse(canvas.y, canvas.x, place, rng.uniform(0.5, 0.95), 0.6, angle), 0.4)
    for _ in range(int(rng.integers(2, 9))):
        # Faint short hairs that drying left.
        angle, length = rng.uniform(0, 2 * math.pi), rng.uniform(0.3, 0.9)
        bend = angle + rng.normal(0, 0.06)
        root = (0.88 * radius * math.sin(angle), 0.88 * radius * math.cos(angle))
        tip = ((radius + length) * math.sin(bend), (radius + length) * math.cos(bend))
        cell = union(cell, ribbon(canvas.y, canvas.x, [root, tip], [0.06, -0.08]), 0.1)
    canvas.cell |= cell < 0
    azure = rng.uniform(0.28, 0.42) if large else rng.uniform(0.60, 1.0)
    paint_cytoplasm(canvas, cell, azure=azure, plasma=0.08, mottling=0.22, edge=0.45)
    towards = rng.uniform(0, 2 * math.pi)
    off = (radius - nucleus_radius - 0.15) * rng.uniform(0.2, 0.9)
    y, x = canvas.warped(1.5, 0.14)
    harmonics = [
        (2, rng.uniform(0.01, 0.07), rng.uniform(0, 6)),
        (3, rng.normal(0, 0.012), rng.uniform(0, 6)),
    ]
    nucleus = blob(y, x, nucleus_radius, harmonics, (off * math.sin(towards), off * math.cos(towards)))
    nucleus = np.maximum(nucleus, cell + 0.05)
    if rng.random() < 0.25:
        dent = rng.uniform(0, 2 * math.pi)
        place = (nucleus_radius * math.sin(dent), nucleus_radius * math.cos(dent))
        nucleus = np.maximum(nucleus, -ellipse(y, x, place, 0.9, 0.6, dent))
    paint_nucleus(canvas, nucleus, _LARGE_LYMPHOCYTE if large else _LYMPHOCYTE)


def monocyte(canvas: Canvas) -> None:
    """Draw a kidney- or horseshoe-shaped nucleus of fine chromatin; much grey-blue cytoplasm, vacuoles."""
    rng = canvas.rng
    radius = rng.normal(7.3, 0.45)
    cell = round_cell(canvas, radius, irregular=0.06, ruffle_um=rng.uniform(0.08, 0.25))
    if rng.random() < 0.25:
        # A foot of cytoplasm.
        angle = rng.uniform(0, 2 * math.pi)
        place = (radius * math.sin(angle), radius * math.cos(angle))
        foot = ellipse(canvas.y, canvas.x, place, rng.uniform(1.5, 2.6), 1.7, angle)
        cell = union(cell, foot, 1.5)
        canvas.cell |= cell < 0
    paint_cytoplasm(canvas, cell, azure=rng.uniform(0.28, 0.38), plasma=0.12, mottling=0.24, edge_um=0.45)
    shade = np.clip(canvas.noise(1.4), -1.5, 1.5).astype(np.float32)
    canvas.add("azure", 0.06 * (1 + shade) * inside(cell, 0.45))
    canvas.add("granule", 0.16 * np.tanh(canvas.dots(inside(cell + 0.3, 0.3), 1.5, 0.10)))
    nucleus = np.maximum(_folded_nucleus(canvas), cell + 0.3)
    paint_nucleus(canvas, nucleus, _MONOCYTE)
    if rng.random() < 0.6:
        # A fold: a dark line across the nucleus.
        angle = rng.uniform(0, 2 * math.pi)
        line = canvas.y * math.cos(angle) - canvas.x * math.sin(angle) + 0.7 * canvas.noise(1.8)
        canvas.add("chromatin", 0.28 * np.exp(-((line / 0.2) ** 2)) * inside(nucleus + 0.4, 0.4))
    clusters = int(rng.poisson(1.3))
    places = [(rng.uniform(0, 2 * math.pi), rng.uniform(0.6, 0.95)) for _ in range(int(rng.poisson(1.5)))]
    for _ in range(clusters):
        angle = rng.uniform(0, 2 * math.pi)
        places += [
            (angle + rng.normal(0, 0.25), rng.uniform(0.65, 0.98)) for _ in range(int(rng.integers(2, 7)))
        ]
    for angle, share in places:
        size, r = rng.uniform(0.25, 0.8), radius * share
        hole = ellipse(
            canvas.y, canvas.x, (r * math.sin(angle), r * math.cos(angle)), size, size * 0.9, angle
        )
        empty = 0.85 * inside(hole, 0.25) * inside(-nucleus - 0.1, 0.3)
        for dye in ("azure", "plasma", "granule"):
            canvas.thin_out(dye, empty)


def _folded_nucleus(canvas: Canvas) -> Field:
    rng = canvas.rng
    span, start = rng.uniform(1.6, 4.0), rng.uniform(0, 2 * math.pi)
    towards = start + span / 2
    bend = rng.uniform(2.7, 3.4)
    width = float(np.clip(112 / (2 * bend * span + 13.5), 2.0, 3.8))
    points = 12
    t = np.linspace(-1, 1, points)
    widths = width * (1 + 0.12 * np.sin(t * rng.uniform(2, 4) + rng.uniform(0, 6)))
    back = 0.55 * bend * math.sin(span / 2) / (span / 2) + rng.uniform(-0.5, 0.5)
    centre = (-back * math.sin(towards), -back * math.cos(towards))
    y, x = canvas.warped(1.5, 0.5)
    nucleus = ribbon(y, x, arc(bend, start, span, centre, points), list(widths))
    if rng.random() < 0.4:
        angle = rng.uniform(0, 2 * math.pi)
        bulge = ellipse(y, x, (2.6 * math.sin(angle), 2.6 * math.cos(angle)), 2.4, 2.0, angle)
        nucleus = union(nucleus, bulge, 0.8)
    return nucleus


def erythroblast(canvas: Canvas) -> None:
    """Draw a small, round, very dense nucleus in grey to pinkish cytoplasm."""
    rng = canvas.rng
    radius = rng.normal(4.4, 0.35)
    cell = round_cell(canvas, radius, irregular=0.06, ruffle_um=0.12)
    ripe = rng.random()
    paint_cytoplasm(canvas, cell, azure=0.46 - 0.26 * ripe, plasma=0.05, mottling=0.12)
    canvas.add("haemoglobin", (0.10 + 0.65 * ripe) * inside(cell, 0.4))
    nucleus_radius = min(rng.normal(3.1, 0.25) - 0.3 * (ripe - 0.5), radius - 0.6)
    towards = rng.uniform(0, 2 * math.pi)
    off = (radius - nucleus_radius - 0.2) * rng.uniform(0.1, 0.9)
    y, x = canvas.warped(1.5, 0.08)
    oval = [(2, rng.uniform(0, 0.05), rng.uniform(0, 6))]
    nucleus = blob(y, x, nucleus_radius, oval, (off * math.sin(towards), off * math.cos(towards)))
    # The ripest nuclei are without structure.
    spread = 1.0 - 0.6 * ripe
    low, second, median, third, high = (0.96 + spread * d for d in (-0.44, -0.14, 0.0, 0.08, 0.18))
    paint_nucleus(canvas, nucleus, Chromatin((low, second, median, third, high), rim=0.5, coarse_share=0.5))
    canvas.thin_out("haemoglobin", 0.8 * inside(nucleus, 0.3))
