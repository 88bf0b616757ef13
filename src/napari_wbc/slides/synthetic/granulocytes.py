"""Drawings of the granulocytes and of their precursors, by textbook morphology."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from napari_wbc.slides.synthetic.canvas import Canvas, Field, inside
from napari_wbc.slides.synthetic.outlines import arc, ellipse, ribbon, union
from napari_wbc.slides.synthetic.parts import Chromatin, paint_cytoplasm, paint_nucleus, round_cell

DENSE = Chromatin(quantiles=(0.50, 0.80, 1.00, 1.14, 1.30), fine_um=0.17, coarse_um=0.42, rim=0.9)
#: The younger the cell, the finer and paler the chromatin.
CLUMPED = Chromatin(quantiles=(0.44, 0.68, 0.88, 1.07, 1.28), fine_um=0.16, coarse_um=0.38, rim=0.5)
OPEN = Chromatin(quantiles=(0.42, 0.63, 0.82, 1.01, 1.24), fine_um=0.15, coarse_um=0.34, rim=0.25)


def segmented_neutrophil(canvas: Canvas) -> None:
    """Draw three to five lobes on thin strands in pale pink cytoplasm with fine granules."""
    rng = canvas.rng
    radius = rng.normal(6.45, 0.35)
    cell = round_cell(canvas, radius, irregular=0.035)
    _neutrophil_cytoplasm(canvas, cell)
    lobes = int(rng.choice([2, 3, 4, 5], p=[0.12, 0.45, 0.33, 0.10]))
    nucleus = _lobed_nucleus(
        canvas, lobes, area_um2=rng.normal(50, 4), cell_radius=radius, strand=(0.22, 0.55)
    )
    paint_nucleus(canvas, nucleus, DENSE)


def band_neutrophil(canvas: Canvas) -> None:
    """Draw a curved sausage of a nucleus, nowhere pinched to a thread."""
    rng = canvas.rng
    radius = rng.normal(6.3, 0.3)
    cell = round_cell(canvas, radius, irregular=0.03)
    _neutrophil_cytoplasm(canvas, cell)
    span = rng.uniform(2.6, 4.4)
    bend = rng.uniform(2.5, 3.1)
    start = rng.uniform(0, 2 * math.pi)
    towards = start + span / 2
    # The bow lies against the cell's edge, its hollow near the middle.
    shift = rng.uniform(0.0, 0.9)
    centre = (shift * math.sin(towards), shift * math.cos(towards))
    points = 16
    t = np.linspace(-1, 1, points)
    width = 50 / (2 * bend * span + 8.0)
    widths = width * (
        1 + 0.16 * np.cos(math.pi * t * rng.uniform(0.9, 1.7)) * rng.choice([-1, 1]) * rng.uniform(0.2, 1)
    )
    widths = widths * (1 + 0.05 * rng.standard_normal(points))
    y, x = canvas.warped(0.9, 0.16)
    nucleus = ribbon(y, x, arc(bend, start, span, centre, points), list(widths))
    paint_nucleus(canvas, nucleus, DENSE)


def eosinophil(canvas: Canvas) -> None:
    """Draw two lobes in cytoplasm packed with coarse orange-red granules."""
    rng = canvas.rng
    radius = rng.normal(6.5, 0.3)
    cell = round_cell(canvas, radius, irregular=0.03)
    body = inside(cell, 0.35)
    paint_cytoplasm(canvas, cell, azure=0.20, plasma=0.35, mottling=0.10)
    # A few clear spots between the granules, most of them at the edge.
    clear = inside(-(canvas.noise(0.9) + 0.25 * np.clip(cell + 1.0, 0, 1) - rng.uniform(1.4, 2.0)), 0.5)
    granules = canvas.packed_dots(inside(cell + 0.25, 0.5) * (1 - clear), 0.62, 0.24)
    canvas.add("eosin", (0.21 + 0.27 * np.tanh(granules)) * inside(cell + 0.15, 0.4) * (1 - 0.8 * clear))
    canvas.add("granule", 0.05 * body * np.exp(-((cell + 0.25) ** 2) / 0.06))
    lobes = int(rng.choice([2, 3], p=[0.85, 0.15]))
    nucleus = _lobed_nucleus(
        canvas, lobes, area_um2=rng.normal(55, 4), cell_radius=radius, strand=(0.25, 0.7), round_lobes=True
    )
    paint_nucleus(canvas, nucleus, Chromatin((0.45, 0.68, 0.86, 1.04, 1.24), 0.17, 0.45, rim=0.9))


def basophil(canvas: Canvas) -> None:
    """Draw coarse dark violet granules over a pale, folded nucleus that they half hide."""
    rng = canvas.rng
    radius = rng.normal(6.1, 0.4)
    cell = round_cell(canvas, radius, irregular=0.03)
    paint_cytoplasm(canvas, cell, azure=0.10, plasma=0.75, mottling=0.25)
    y, x = canvas.warped(1.3, 0.45)
    lobes = _lobed_nucleus(
        canvas, int(rng.choice([2, 3])), rng.normal(60, 6), radius, (0.9, 1.6), round_lobes=True
    )
    nucleus = union(lobes, ellipse(y, x, (0, 0), radius * 0.55, radius * 0.4, rng.uniform(0, 3)), 1.0)
    paint_nucleus(canvas, nucleus, Chromatin((0.42, 0.56, 0.70, 0.84, 1.02), 0.22, 0.6, rim=0.2))
    share = rng.uniform(0.65, 1.0)
    zone = inside(cell + 0.15, 0.3) * np.where(nucleus < 0, 0.55, 1.0).astype(np.float32) * np.float32(share)
    patchy = np.clip(0.75 + 0.45 * canvas.noise(1.2), 0.1, 1).astype(np.float32)
    coarse = canvas.dots(zone * patchy, per_um2=1.25, sigma_um=0.20, spread=0.25)
    canvas.add("granule", 0.95 * np.tanh(1.15 * coarse))
    canvas.thin_out("chromatin", 0.45 * np.tanh(1.15 * coarse))
    canvas.cell |= (coarse > 0.5) & (cell < 0.6)


def metamyelocyte(canvas: Canvas) -> None:
    """Draw an indented, bean-shaped nucleus; granular, rather pale cytoplasm."""
    rng = canvas.rng
    radius = rng.normal(6.8, 0.35)
    cell = round_cell(canvas, radius, irregular=0.035)
    _immature_cytoplasm(canvas, cell, azure=rng.uniform(0.15, 0.30), granules=rng.uniform(0.5, 1.6))
    span = rng.uniform(1.5, 2.4)
    start = rng.uniform(0, 2 * math.pi)
    towards = start + span / 2
    bend = rng.uniform(2.3, 2.8)
    shift = rng.uniform(0.2, 1.0)
    centre = ((shift - 1.2) * math.sin(towards), (shift - 1.2) * math.cos(towards))
    centre = (centre[0] * 0.9, centre[1] * 0.9)
    points = 10
    t = np.linspace(-1, 1, points)
    width = rng.uniform(2.35, 2.7)
    widths = width * (1 - 0.12 * (1 - t * t) * rng.uniform(0, 1.3))
    y, x = canvas.warped(1.3, 0.25)
    nucleus = union(
        ribbon(y, x, arc(bend, start, span, centre, points), list(widths)), np.full_like(y, 9.0), 0.4
    )
    paint_nucleus(canvas, nucleus, CLUMPED)


def myelocyte(canvas: Canvas) -> None:
    """Draw an oval nucleus beside the middle; granules in pink to bluish cytoplasm."""
    rng = canvas.rng
    radius = rng.normal(7.0, 0.4)
    cell = round_cell(canvas, radius, irregular=0.035)
    _immature_cytoplasm(canvas, cell, azure=rng.uniform(0.18, 0.36), granules=rng.uniform(0.7, 2.2))
    nucleus = _eccentric_oval(
        canvas, radius, area_um2=rng.normal(80, 8), flat=rng.uniform(0.72, 0.9), gap=0.45
    )
    paint_nucleus(canvas, nucleus, CLUMPED)


def promyelocyte(canvas: Canvas) -> None:
    """Draw a large cell: a big round nucleus with nucleoli, blue cytoplasm, many azurophil granules."""
    rng = canvas.rng
    radius = rng.normal(7.9, 0.5)
    cell = round_cell(canvas, radius, irregular=0.04)
    paint_cytoplasm(canvas, cell, azure=rng.uniform(0.38, 0.55), plasma=0.25, mottling=0.15)
    nucleus = _eccentric_oval(
        canvas, radius, area_um2=rng.normal(118, 10), flat=rng.uniform(0.8, 0.95), gap=0.35
    )
    paint_nucleus(canvas, nucleus, OPEN)
    # Golgi zone: a pale area in the cytoplasm beside the nucleus.
    pale = inside(-(canvas.noise(2.2) - 1.1), 0.8) * inside(-nucleus, 1.0)
    canvas.thin_out("azure", 0.6 * pale)
    for _ in range(int(rng.integers(1, 4))):
        angle, r = rng.uniform(0, 2 * math.pi), rng.uniform(0.5, 3.0)
        middle = _middle(canvas, nucleus)
        spot = ellipse(
            canvas.y,
            canvas.x,
            (middle[0] + r * math.sin(angle), middle[1] + r * math.cos(angle)),
            1.0,
            0.8,
            angle,
        )
        canvas.thin_out("chromatin", 0.28 * inside(spot, 0.6) * inside(nucleus + 0.8, 0.3))
    zone = inside(cell + 0.2, 0.3) * np.where(nucleus < 0, 0.25, 1.0).astype(np.float32) * (1 - 0.6 * pale)
    canvas.add("granule", rng.uniform(0.5, 0.75) * np.tanh(canvas.dots(zone, rng.uniform(1.6, 3.2), 0.14)))


def _neutrophil_cytoplasm(canvas: Canvas, cell: Field) -> None:
    rng = canvas.rng
    paint_cytoplasm(canvas, cell, azure=rng.uniform(0.0, 0.06), plasma=rng.uniform(0.72, 0.95), mottling=0.13)
    canvas.add("eosin", rng.uniform(0.0, 0.05) * inside(cell + 0.4, 1.0))
    zone = inside(cell + 0.25, 0.3) * np.clip(0.7 + 0.3 * canvas.noise(1.5), 0, 1).astype(np.float32)
    strength = rng.uniform(0.10, 0.30)
    canvas.add("granule", strength * np.tanh(canvas.dots(zone, rng.uniform(0.8, 2.2), 0.13)))


def _immature_cytoplasm(canvas: Canvas, cell: Field, azure: float, granules: float) -> None:
    rng = canvas.rng
    paint_cytoplasm(canvas, cell, azure=azure, plasma=0.55, mottling=0.16)
    zone = inside(cell + 0.2, 0.3) * np.clip(0.75 + 0.35 * canvas.noise(1.5), 0, 1).astype(np.float32)
    canvas.add("granule", rng.uniform(0.25, 0.55) * np.tanh(canvas.dots(zone, granules, 0.135)))


def _lobed_nucleus(
    canvas: Canvas,
    lobes: int,
    area_um2: float,
    cell_radius: float,
    strand: tuple[float, float],
    *,
    round_lobes: bool = False,
) -> Field:
    """Make lobes along an arc inside the cell, each joined to the next by a strand (half width range in µm)."""
    rng = canvas.rng
    shares = rng.dirichlet(np.full(lobes, 14.0))
    areas = area_um2 * shares
    span = {
        2: rng.uniform(1.9, 2.7),
        3: rng.uniform(3.0, 4.2),
        4: rng.uniform(3.9, 4.8),
        5: rng.uniform(4.4, 5.2),
    }[lobes]
    start = rng.uniform(0, 2 * math.pi)
    largest = math.sqrt(areas.max() / math.pi)
    ring = min(cell_radius - largest - 0.5, {2: 2.9, 3: 3.1, 4: 3.4, 5: 3.6}[lobes]) * rng.uniform(0.92, 1.05)
    mean = start + span / 2
    shift = rng.uniform(-0.2, 0.5)
    middles = []
    y, x = canvas.warped(0.8, 0.16 if not round_lobes else 0.10)
    nucleus: Field | None = None
    for i, area in enumerate(areas):
        angle = start + span * (i + 0.5) / lobes + rng.normal(0, 0.10)
        r = ring * rng.uniform(0.86, 1.08)
        middle = (r * math.sin(angle) - shift * math.sin(mean), r * math.cos(angle) - shift * math.cos(mean))
        stretch = rng.uniform(1.0, 1.18) if round_lobes else rng.uniform(1.08, 1.45)
        a, b = math.sqrt(area / math.pi * stretch), math.sqrt(area / math.pi / stretch)
        tilt = angle + math.pi / 2 + rng.normal(0, 0.45)
        lobe = ellipse(y, x, middle, a, b, tilt)
        nucleus = lobe if nucleus is None else union(nucleus, lobe, 0.25)
        middles.append(middle)
    assert nucleus is not None  # there are two lobes or more
    for first, second in pairwise(middles):
        half = rng.uniform(*strand)
        nucleus = union(
            nucleus,
            ribbon(y, x, [first, second], [half * 1.5, half * 1.5] if lobes == 2 else [half, half]),
            0.5,
        )
    return nucleus


def _eccentric_oval(canvas: Canvas, cell_radius: float, area_um2: float, flat: float, gap: float) -> Field:
    """Make an oval that lies against one side of the cell."""
    rng = canvas.rng
    a = math.sqrt(area_um2 / math.pi / flat)
    b = a * flat
    towards = rng.uniform(0, 2 * math.pi)
    off = max(0.0, cell_radius - b - gap) * rng.uniform(0.5, 1.0)
    y, x = canvas.warped(1.6, 0.3)
    return ellipse(
        y,
        x,
        (off * math.sin(towards), off * math.cos(towards)),
        a,
        b,
        towards + math.pi / 2 + rng.normal(0, 0.3),
    )


def _middle(canvas: Canvas, distance: Field) -> tuple[float, float]:
    where = distance < 0
    return float(canvas.y[where].mean()), float(canvas.x[where].mean())
