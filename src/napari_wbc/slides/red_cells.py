"""The scale from the red cells: by far the most of what is round on a smear is of one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_wbc.slides.circles import Circles, find_circles
from napari_wbc.slides.pixels import block_means
from napari_wbc.slides.scale import MAX_UM_PER_PX, MIN_UM_PER_PX
from napari_wbc.slides.slide import Scale, Slide

# A red cell is 7.5 µm from edge to edge. The circles lie at half of its optical density, within the blurred edge:
# on 173 fields of four public sets their median was 0.86 to 0.92 of the side of the boxes that people drew.
_CIRCLE_UM = 7.5 * 0.893

_WINDOW_PX = 1536
_CENTRE_PX = 768
_REDUCTIONS = (1, 2, 4)
_ENOUGH_CELLS = 300

_LEAST_CELLS = 4
_LEAST_CONFIDENCE = 0.25
_SMALLEST_DIAMETER = 12.0
# Logarithms of diameter: the width of the kernel, and what still counts as the same size.
_KERNEL, _SAME_SIZE, _OTHER_SIZE = 0.08, 0.2, 0.25
# Red cells make up at least this share of all outlines.
_EXPLAINED = 0.1
# Leukocytes are this much denser than the median of all round things.
_DENSER = 1.9


@dataclass(frozen=True)
class _Size:
    """The most common diameter at one reduction, level-0 px."""

    diameter: float
    count: int
    confidence: float


def estimate_from_red_cells(slides: Sequence[Slide], sample_tiles: int) -> Scale | None:
    """See :func:`napari_wbc.slides.estimate_scale`.

    Parameters
    ----------
    slides : sequence of Slide
        The slide, or several fields of it.
    sample_tiles : int
        How many windows of each to look at, at most.

    Returns
    -------
    Scale or None
        With the number of red cells that it rests on.
    """
    found: dict[int, list[Circles]] = {reduction: [] for reduction in _REDUCTIONS}
    windows = ((slide, window) for slide in slides for window in _windows(slide, sample_tiles))
    for slide, window in windows:
        pixels = slide.read(0, *window)
        for reduction in _REDUCTIONS:
            reduced = block_means(_centre(pixels) if reduction == 1 else pixels, reduction)
            if min(reduced.shape[:2]) >= 4 * _SMALLEST_DIAMETER:
                found[reduction].append(find_circles(reduced))
        sizes = [size for k, circles in found.items() if (size := _most_common_size(circles, k)) is not None]
        if max((size.count for size in sizes), default=0) >= _ENOUGH_CELLS:
            break
    else:
        sizes = [size for k, circles in found.items() if (size := _most_common_size(circles, k)) is not None]
    return _agreement(sizes)


def _agreement(sizes: list[_Size]) -> Scale | None:
    """Scale from the sizes at all reductions; those that differ from the best one take away confidence."""
    if not sizes:
        return None
    logs = np.log([size.diameter for size in sizes])
    weights = np.array([size.confidence for size in sizes])
    same = np.abs(logs[:, None] - logs[None]) < np.log(1.15)
    agreeing = same[int(np.argmax((same * weights).sum(axis=1) + 1e-3 * weights))]
    um_per_px = _CIRCLE_UM / float(np.exp(np.average(logs[agreeing], weights=weights[agreeing])))
    confidence = float(weights[agreeing].max() * weights[agreeing].sum() / weights.sum())
    if confidence < _LEAST_CONFIDENCE or not MIN_UM_PER_PX <= um_per_px <= MAX_UM_PER_PX:
        return None
    count = max(size.count for size, agrees in zip(sizes, agreeing, strict=True) if agrees)
    return Scale(round(um_per_px, 5), "red_cells", round(confidence, 3), count)


def _most_common_size(found: list[Circles], reduction: int) -> _Size | None:
    """Mode of the diameters over all windows, or None when nothing has a mode."""
    logs, weights = [], []
    for circles in found:
        if circles.diameter.size:
            pale = circles.density < _DENSER * np.median(circles.density)
            logs.append(np.log(circles.diameter[pale]))
            weights.append((circles.coverage * circles.diameter)[pale])
    if sum(part.size for part in logs) < _LEAST_CELLS:
        return None
    log, weight = np.concatenate(logs), np.concatenate(weights)
    grid = np.arange(log.min() - 0.1, log.max() + 0.1, 0.01)
    kernels = weight * np.exp(-0.5 * ((grid[:, None] - log) / _KERNEL) ** 2)
    # Without its largest part, so that a size has to be shared by two at least.
    height = kernels.sum(axis=1) - kernels.max(axis=1)
    top = int(height.argmax())
    others = height[np.abs(grid - grid[top]) > _OTHER_SIZE]
    rival = float(others.max(initial=0.0) / height[top])
    inside = np.abs(log - grid[top]) < _SAME_SIZE
    count = int(inside.sum())
    diameter = float(np.exp(np.median(log[inside]))) if count else 0.0
    if count < _LEAST_CELLS or diameter < _SMALLEST_DIAMETER:
        return None
    share = float(weight[inside].sum() / weight.sum())
    # Specks of one size are no red cells where most of the outline is that of something else.
    explained = float(np.pi * weight[inside].sum() / sum(circles.outline_px for circles in found))
    confidence = (
        (1 - 2 ** (-(count - 1) / 4)) * share * max(0.0, 1 - rival) * min(1.0, explained / _EXPLAINED)
    )
    return _Size(diameter * reduction, count, confidence)


def _windows(slide: Slide, most: int) -> list[tuple[int, int, int, int]]:
    """Windows of level 0 as (y, x, height, width): the ones with about a third of their area stained."""
    rows, columns = slide.shape
    height, width = min(rows, _WINDOW_PX), min(columns, _WINDOW_PX)
    ys = _spread(rows, height)
    xs = _spread(columns, width)
    places = [(y, x, height, width) for y in ys for x in xs]
    if len(places) <= most:
        return places
    # A small patch at the centre of each place tells glass from cells from clumps.
    side = min(256, height, width)
    green = [
        slide.read(0, y + (height - side) // 2, x + (width - side) // 2, side, side)[::4, ::4, 1]
        for y, x, _, _ in places
    ]
    bright = float(np.percentile(np.stack(green), 98))
    stained = np.array([np.mean(patch < 0.87 * bright) for patch in green])
    order = np.argsort(np.abs(stained - 0.35), kind="stable")
    return [places[i] for i in order[:most]]


def _spread(length: int, side: int, most: int = 12) -> list[int]:
    """Lay windows that do not overlap evenly over an axis."""
    count = min(most, length // side)
    gap = (length - count * side) / (count + 1)
    return [round(gap + i * (side + gap)) for i in range(count)]


def _centre(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = min(pixels.shape[0], _CENTRE_PX), min(pixels.shape[1], _CENTRE_PX)
    y, x = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return pixels[y : y + height, x : x + width]
