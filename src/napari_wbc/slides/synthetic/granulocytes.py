"""Drawings of the granulocytes and of their precursors, by textbook morphology."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from napari_wbc.slides.synthetic.canvas import Canvas, Field, inside
from napari_wbc.slides.synthetic.outlines import arc, ellipse, ribbon, union
from napari_wbc.slides.synthetic.parts import Chromatin, paint_cytoplasm, paint_nucleus, round_cell

DENSE = Chromatin(quantiles=(0.42, 0.72, 0.93, 1.08, 1.26), rim=1.2, channels=1.6)
#: The younger the cell, the paler the chromatin.
CLUMPED = Chromatin(quantiles=(0.40, 0.62, 0.83, 1.05, 1.28), rim=0.6, hue=-0.05, channels=1.2)
OPEN = Chromatin(quantiles=(0.38, 0.57, 0.78, 1.00, 1.26), rim=0.25, hue=-0.06)


def segmented_neutrophil(canvas: Canvas) -> None:
    """Draw three to five lobes on thin strands in pale pink cytoplasm with fine granules."""
    rng = canvas.rng
    radius = rng.normal(6.35, 0.33)
    cell = round_cell(canvas, radius, irregular=0.035)
    _neutrophil_cytoplasm(canvas, cell)
    lobes = int(rng.choice([2, 3, 4, 5], p=[0.10, 0.47, 0.33, 0.10]))
    nucleus = _lobed_nucleus(canvas, lobes, rng.normal(50, 4), radius, strand=(0.16, 0.5), warp_um=0.20)
    paint_nucleus(canvas, nucleus, DENSE)


def band_neutrophil(canvas: Canvas) -> None:
    """Draw a curved sausage of a nucleus, nowhere pinched to a thread."""
    rng = canvas.rng
    radius = rng.normal(6.2, 0.3)
    cell = round_cell(canvas, radius, irregular=0.03)
    _neutrophil_cytoplasm(canvas, cell)
    span = rng.uniform(2.4, 4.4)
    bend = rng.uniform(2.6, 3.2)
    start = rng.uniform(0, 2 * math.pi)
    towards = start + span / 2
    # The bow lies against the cell's edge, its hollow near the middle.
    shift = rng.uniform(0.0, 0.8)
    centre = (shift * math.sin(towards), shift * math.cos(towards))
    points = 16
    t = np.linspace(-1, 1, points)
    width = 52 / (2 * bend * span + 7.0)
    waist = rng.choice([-1, 1]) * rng.uniform(0.03, 0.2)
    widths = width * (1 + waist * np.cos(math.pi * t * rng.uniform(0.9, 1.7)))
    y, x = canvas.warped(0.9, 0.2)
    nucleus = ribbon(y, x, arc(bend, start, span, centre, points), list(widths))
    paint_nucleus(canvas, nucleus, DENSE)


def eosinophil(canvas: Canvas) -> None:
    """Draw two lobes in cytoplasm packed with coarse orange-red granules."""
    rng = canvas.rng
    radius = rng.normal(6.3, 0.3)
    cell = round_cell(canvas, radius, irregular=0.035)
    paint_cytoplasm(canvas, cell, azure=0.10, plasma=0.30, mottling=0.15)
    # Pale blue cytoplasm shows between the granules in places, most of them at the edge.
    bare = inside(-(canvas.noise(1.1) + 0.4 * np.clip(cell + 1.2, 0, 1) - rng.uniform(1.1, 1.9)), 0.5)
    canvas.add("azure", 0.12 * bare * inside(cell, 0.35))
    full = inside(cell + 0.15, 0.4) * (1 - 0.85 * bare)
    size = min(canvas.stain.grain, 1.7)
    granules = canvas.packed_dots(full, 0.52 * size, 0.145 * size)
    strength = rng.uniform(0.85, 1.1)
    canvas.add("eosin", strength * full * (0.17 + 0.36 * np.tanh(0.9 * granules)))
    canvas.add("granule", 0.06 * np.exp(-((cell + 0.15) ** 2) / 0.03))
    lobes = int(rng.choice([2, 3], p=[0.82, 0.18]))
    nucleus = _lobed_nucleus(
        canvas, lobes, rng.normal(58, 4), radius, strand=(0.22, 0.6), warp_um=0.12, stretch=(1.0, 1.25)
    )
    paint_nucleus(canvas, nucleus, Chromatin((0.40, 0.62, 0.82, 1.01, 1.22), rim=1.2, channels=1.4))


def basophil(canvas: Canvas) -> None:
    """Draw coarse dark violet granules over a pale, folded nucleus that they half hide."""
    rng = canvas.rng
    radius = rng.normal(5.9, 0.4)
    cell = round_cell(canvas, radius, irregular=0.04)
    paint_cytoplasm(canvas, cell, azure=0.12, plasma=0.60, mottling=0.3)
    y, x = canvas.warped(1.2, 0.4)
    lobes = _lobed_nucleus(
        canvas,
        int(rng.choice([2, 3])),
        rng.normal(66, 6),
        radius,
        (0.9, 1.6),
        warp_um=0.3,
        stretch=(1.0, 1.3),
    )
    middle = ellipse(y, x, (0, 0), radius * 0.55, radius * 0.42, rng.uniform(0, 3))
    nucleus = union(lobes, middle, 1.0)
    paint_nucleus(canvas, nucleus, Chromatin((0.36, 0.52, 0.66, 0.82, 1.05), rim=0.3))
    # Granules lie thickest in some cells, elsewhere water has washed part of them out.
    load = rng.uniform(0.45, 1.0)
    zone = inside(cell + 0.1, 0.3) * np.clip(load * (1.0 + 0.35 * canvas.noise(1.0)), 0.05, 1).astype(
        np.float32
    )
    granules = np.tanh(0.9 * canvas.dots(zone, per_um2=3.4, sigma_um=rng.uniform(0.13, 0.18), spread=0.25))
    canvas.thin_out("chromatin", 0.6 * granules)
    canvas.add("granule", 1.12 * granules)
    # Granules at the edge stick out.
    canvas.cell |= (granules > 0.4) & (cell < 0.6)


def metamyelocyte(canvas: Canvas) -> None:
    """Draw an indented, bean-shaped nucleus; granular, rather pale cytoplasm."""
    rng = canvas.rng
    radius = rng.normal(6.8, 0.35)
    cell = round_cell(canvas, radius, irregular=0.04)
    _immature_cytoplasm(canvas, cell, azure=rng.uniform(0.10, 0.28), granules=rng.uniform(0.5, 3.5))
    span = rng.uniform(1.4, 2.3)
    start = rng.uniform(0, 2 * math.pi)
    towards = start + span / 2
    bend = rng.uniform(2.5, 3.1)
    # The back of the bean lies against the cell's edge.
    back = bend - (radius - 3.1) * rng.uniform(0.55, 1.0)
    centre = (-back * math.sin(towards), -back * math.cos(towards))
    points = 10
    t = np.linspace(-1, 1, points)
    widths = rng.uniform(2.85, 3.2) * (1 - 0.16 * (1 - t * t) * rng.uniform(0, 1.3))
    y, x = canvas.warped(1.3, 0.25)
    nucleus = np.maximum(ribbon(y, x, arc(bend, start, span, centre, points), list(widths)), cell + 0.25)
    paint_nucleus(canvas, nucleus, CLUMPED)


def myelocyte(canvas: Canvas) -> None:
    """Draw an oval nucleus beside the middle; granules in pink to bluish cytoplasm."""
    rng = canvas.rng
    radius = rng.normal(6.75, 0.4)
    cell = round_cell(canvas, radius, irregular=0.04)
    _immature_cytoplasm(canvas, cell, azure=rng.uniform(0.14, 0.34), granules=rng.uniform(1.0, 5.0))
    nucleus = _eccentric_oval(canvas, radius, rng.normal(82, 8), flat=rng.uniform(0.70, 0.9), gap=0.4)
    paint_nucleus(canvas, np.maximum(nucleus, cell + 0.25), CLUMPED)


def promyelocyte(canvas: Canvas) -> None:
    """Draw a large cell: a big round nucleus with nucleoli, blue cytoplasm, many azurophil granules."""
    rng = canvas.rng
    radius = rng.normal(7.85, 0.5)
    cell = round_cell(canvas, radius, irregular=0.045)
    paint_cytoplasm(canvas, cell, azure=rng.uniform(0.28, 0.42), plasma=0.20, mottling=0.22)
    nucleus = _eccentric_oval(canvas, radius, rng.normal(122, 10), flat=rng.uniform(0.78, 0.95), gap=0.3)
    nucleus = np.maximum(nucleus, cell + 0.25)
    paint_nucleus(canvas, nucleus, OPEN)
    # Golgi zone: a pale area in the cytoplasm beside the nucleus.
    pale = inside(-(canvas.noise(2.2) - 0.9), 0.8) * inside(-nucleus, 1.0)
    canvas.thin_out("azure", 0.6 * pale)
    middle = _middle(canvas, nucleus)
    for _ in range(int(rng.integers(1, 4))):
        angle, r = rng.uniform(0, 2 * math.pi), rng.uniform(0.5, 3.2)
        place = (middle[0] + r * math.sin(angle), middle[1] + r * math.cos(angle))
        nucleolus = ellipse(canvas.y, canvas.x, place, 1.1, 0.85, angle)
        canvas.thin_out("chromatin", 0.25 * inside(nucleolus, 0.6) * inside(nucleus + 0.8, 0.3))
    zone = inside(cell + 0.15, 0.3) * np.where(nucleus < 0, 0.35, 1.0).astype(np.float32) * (1 - 0.5 * pale)
    granules = canvas.dots(zone, rng.uniform(2.5, 6.0), 0.105, spread=0.3)
    canvas.add("granule", rng.uniform(0.5, 0.8) * np.tanh(0.9 * granules))


def _neutrophil_cytoplasm(canvas: Canvas, cell: Field) -> None:
    rng = canvas.rng
    paint_cytoplasm(canvas, cell, azure=rng.uniform(0.0, 0.05), plasma=rng.uniform(0.55, 0.80), mottling=0.26)
    pink = np.clip(0.5 + 0.5 * canvas.noise(1.8), 0, 1.5).astype(np.float32)
    canvas.add("eosin", rng.uniform(0.0, 0.07) * pink * inside(cell + 0.4, 1.0))
    zone = inside(cell + 0.2, 0.3) * np.clip(0.7 + 0.4 * canvas.noise(1.2), 0, 1).astype(np.float32)
    granules = canvas.dots(zone, rng.uniform(1.5, 4.5), 0.10, spread=0.5)
    canvas.add("granule", rng.uniform(0.05, 0.16) * np.tanh(0.8 * granules))
    # A few darker ones.
    azurophil = canvas.dots(zone, rng.uniform(0.3, 1.0), 0.12, spread=0.4)
    canvas.add("granule", rng.uniform(0.15, 0.45) * np.tanh(azurophil))


def _immature_cytoplasm(canvas: Canvas, cell: Field, azure: float, granules: float) -> None:
    rng = canvas.rng
    paint_cytoplasm(canvas, cell, azure=azure, plasma=0.50, mottling=0.24)
    # Blue and pink parts lie side by side.
    blue = np.clip(canvas.noise(1.6), 0, 2).astype(np.float32)
    canvas.add("azure", 0.10 * blue * inside(cell, 0.35))
    zone = inside(cell + 0.15, 0.3) * np.clip(0.75 + 0.35 * canvas.noise(1.5), 0, 1).astype(np.float32)
    dots = canvas.dots(zone, granules, 0.105, spread=0.4)
    canvas.add("granule", rng.uniform(0.22, 0.5) * np.tanh(0.9 * dots))


def _lobed_nucleus(
    canvas: Canvas,
    lobes: int,
    area_um2: float,
    cell_radius: float,
    strand: tuple[float, float],
    *,
    warp_um: float,
    stretch: tuple[float, float] = (1.1, 1.7),
) -> Field:
    """Make lobes on a bow or a zigzag inside the cell, each joined to the next by a strand.

    ``strand`` is the range of the strands' half width and ``stretch`` that of the lobes' length to width.
    """
    rng = canvas.rng
    areas = area_um2 * rng.dirichlet(np.full(lobes, 16.0))
    radii = np.sqrt(areas / math.pi)
    room = cell_radius - 0.45 - radii
    turn = rng.uniform(0, 2 * math.pi)
    zigzag = lobes in (3, 4) and rng.random() < 0.3
    if zigzag:
        along = np.linspace(-1, 1, lobes) * (cell_radius - 0.5 - radii.max()) * rng.uniform(0.85, 1.0)
        across = rng.uniform(0.8, 1.9) * np.where(np.arange(lobes) % 2, 1, -1) * (1 if lobes == 3 else 0.8)
        directions = np.full(lobes, turn + rng.uniform(-0.6, 0.6)) + np.where(np.arange(lobes) % 2, 0.7, -0.7)
        middles = np.column_stack(
            [
                along * math.sin(turn) + across * math.cos(turn),
                along * math.cos(turn) - across * math.sin(turn),
            ]
        )
    else:
        span = rng.uniform(*{2: (1.7, 3.0), 3: (2.7, 4.1), 4: (3.5, 4.7), 5: (4.1, 5.0)}[lobes])
        ring = np.minimum(room, {2: 3.0, 3: 3.3, 4: 3.6, 5: 3.8}[lobes]) * rng.uniform(0.88, 1.0, lobes)
        angles = turn + span * np.arange(lobes) / (lobes - 1) + rng.normal(0, 0.10, lobes)
        directions = angles + math.pi / 2 + rng.normal(0, 0.4, lobes)
        middles = np.column_stack([ring * np.sin(angles), ring * np.cos(angles)])
        # Few lobes leave room on one side: the nucleus moves to the middle.
        middles -= rng.uniform(0.2, 0.7) * middles.mean(0)
    y, x = canvas.warped(0.8, warp_um)
    nucleus: Field = np.full_like(y, 99.0)
    for middle, area, direction in zip(middles, areas, directions, strict=True):
        long = rng.uniform(*stretch)
        a, b = math.sqrt(area / math.pi * long), math.sqrt(area / math.pi / long)
        lobe = ellipse(y, x, (float(middle[0]), float(middle[1])), a, b, float(direction))
        nucleus = union(nucleus, lobe, 0.2)
    for first, second in pairwise(middles):
        half = rng.uniform(*strand)
        nucleus = union(nucleus, ribbon(y, x, [tuple(first), tuple(second)], [half, half]), 0.35)
    return nucleus


def _eccentric_oval(canvas: Canvas, cell_radius: float, area_um2: float, flat: float, gap: float) -> Field:
    """Make an oval that lies against one side of the cell."""
    rng = canvas.rng
    a = math.sqrt(area_um2 / math.pi / flat)
    b = a * flat
    towards = rng.uniform(0, 2 * math.pi)
    off = max(0.0, cell_radius - b - gap) * rng.uniform(0.6, 1.0)
    y, x = canvas.warped(1.6, 0.3)
    tilt = towards + math.pi / 2 + rng.normal(0, 0.3)
    return ellipse(y, x, (off * math.sin(towards), off * math.cos(towards)), a, b, tilt)


def _middle(canvas: Canvas, distance: Field) -> tuple[float, float]:
    where = distance < 0
    return float(canvas.y[where].mean()), float(canvas.x[where].mean())
