"""The slide model: light, stain and thresholds of one slide, from pixels pooled over sampled places."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_wbc.segmentation.background import OPTICAL_DENSITY, Background, fit_background
from napari_wbc.segmentation.grid import Grid
from napari_wbc.slides.slide import RGB, Slide

COARSE_UM = 0.5
Vector = tuple[float, float, float]

_RED_CELLS_START = np.array([0.37, 0.77, 0.52])
_NUCLEUS = np.array([0.36, 0.90, 0.20])
#: Axis for slides without red cells: the mean of axes learned on four stains.
_FALLBACK_AXIS: Vector = (0.34, 0.44, -0.83)
_FOREGROUND_OD = 0.03


@dataclass(frozen=True, slots=True)
class SlideModel:
    """Light, stain and thresholds of one slide.

    Attributes
    ----------
    background : Background
        Optical density of the empty slide at every position.
    red_cell_axis : tuple of float
        Unit direction of red cells in optical density (R, G, B).
    nuclear_axis : tuple of float
        Unit direction along which nuclei stand out and red cells read 0.
    threshold_nucleus, threshold_cytoplasm : float
        On the density along the nuclear axis.
    red_cell_fraction : float
        Share of the sampled area that red cells cover.
    confidence : float
        0 (the fallback axis without any support) to 1.
    um_per_px : float
        Scale that it was fitted with, µm per level-0 px.
    """

    background: Background
    red_cell_axis: Vector
    nuclear_axis: Vector
    threshold_nucleus: float
    threshold_cytoplasm: float
    red_cell_fraction: float
    confidence: float
    um_per_px: float

    def to_dict(self) -> dict[str, object]:
        """Plain values, for ``run.json``."""
        return asdict(self) | {"background": {"rgb": self.background.rgb, **asdict(self.background)}}

    def optical_density(self, pixels: RGB, grid: Grid, y0: int, x0: int) -> NDArray[np.float32]:
        """Optical density of a window of a grid against the background, shape (height, width, 3)."""
        y = grid.level0(np.arange(y0, y0 + pixels.shape[0]))
        x = grid.level0(np.arange(x0, x0 + pixels.shape[1]))
        density: NDArray[np.float32] = OPTICAL_DENSITY[pixels] - self.background.field(y, x)
        return np.clip(density, -0.1, 2.0, out=density)

    def nuclear_density(self, density: NDArray[np.float32]) -> NDArray[np.float32]:
        """Density along the nuclear axis, shape (height, width)."""
        return along(density, self.nuclear_axis)


def along(density: NDArray[np.float32], axis: Vector) -> NDArray[np.float32]:
    """Scalar product with an axis, summed in a fixed order (a matrix product may differ in the last bit)."""
    result: NDArray[np.float32] = density[..., 0] * np.float32(axis[0])
    result += density[..., 1] * np.float32(axis[1])
    result += density[..., 2] * np.float32(axis[2])
    return result


def fit_slide_model(slide: Slide, um_per_px: float) -> SlideModel:
    """Fit the light, the stain directions and the thresholds of a slide.

    Parameters
    ----------
    slide : Slide
        The slide.
    um_per_px : float
        µm per level-0 px.

    Returns
    -------
    SlideModel
        With the fallback axis and a low confidence where there are too few red cells.

    Notes
    -----
    All pixels are pooled: statistics per tile would make the result depend on the tiling.
    """
    grid = Grid.at(slide, um_per_px, COARSE_UM)
    places = _sample(slide, grid)
    background = _background(places, grid, slide.shape)
    unfitted = SlideModel(background, (0.0, 0.0, 0.0), _FALLBACK_AXIS, 0.10, 0.022, 0.0, 0.0, um_per_px)
    density = np.concatenate(
        [_smooth(unfitted.optical_density(pixels, grid, y, x)).reshape(-1, 3) for y, x, pixels in places]
    )
    near_nuclei = np.concatenate([_near_nuclei(unfitted, pixels, grid, y, x).ravel() for y, x, pixels in places])
    foreground = density.mean(axis=1) > _FOREGROUND_OD
    red_cells, direction = _red_cells(density, foreground & ~near_nuclei)
    area_um2 = float(red_cells.sum()) * grid.um**2
    if area_um2 < 150.0:
        # Three red cells: less is no sample of a stain.
        axis, mu, sigma, confidence = _FALLBACK_AXIS, 0.0, 0.01, 0.0
    else:
        axis = _nuclear_axis(direction)
        q = along(density[red_cells], axis)
        mu = float(np.median(q))
        sigma = 1.4826 * float(np.median(np.abs(q - mu)))
        confidence = float(np.clip(area_um2 / 2000.0, 0.0, 1.0) * np.clip(1.5 - sigma / 0.04, 0.2, 1.0))
    q = along(density, axis)
    floor = max(0.10, mu + 5 * sigma)
    strong = q[q > floor]
    nucleus = floor
    if strong.size * grid.um**2 > 30.0:
        nucleus = max(floor, 0.5 * float(np.percentile(strong, 90)))
    return SlideModel(
        background=background,
        red_cell_axis=_vector(direction),
        nuclear_axis=axis,
        threshold_nucleus=nucleus,
        threshold_cytoplasm=max(0.022, mu + 2 * sigma),
        red_cell_fraction=float(red_cells.mean()),
        confidence=confidence,
        um_per_px=um_per_px,
    )


Place = tuple[int, int, RGB]


def _sample(slide: Slide, grid: Grid, window_um: float = 150.0, most: int = 36) -> list[Place]:
    """Windows of the coarse grid: all of a small slide, else an even lattice of ``most`` windows."""
    size = max(16, round(window_um / grid.um))
    height, width = grid.shape
    columns = max(1, min(-(-width // size), round((most * width / height) ** 0.5)))
    rows = max(1, min(-(-height // size), most // columns))
    if rows * size >= height and columns * size >= width:
        return [(0, 0, grid.read(slide, 0, 0, height, width))]
    places = []
    for i in range(rows):
        for j in range(columns):
            y = max(0, min(height - size, round((i + 0.5) * height / rows - size / 2)))
            x = max(0, min(width - size, round((j + 0.5) * width / columns - size / 2)))
            places.append((y, x, grid.read(slide, y, x, min(height, y + size), min(width, x + size))))
    return places


def _background(places: list[Place], grid: Grid, shape: tuple[int, int], block_um: float = 16.0) -> Background:
    """Fit the field to the bright pixels of blocks (G between its 90th and 99th percentile)."""
    step = max(4, round(block_um / grid.um))
    ys, xs, ods = [], [], []
    for y0, x0, pixels in places:
        for y in range(0, max(1, pixels.shape[0] - step // 2), step):
            for x in range(0, max(1, pixels.shape[1] - step // 2), step):
                block = pixels[y : y + step, x : x + step].reshape(-1, 3)
                low, high = np.percentile(block[:, 1], [90, 99])
                bright = block[(block[:, 1] >= low) & (block[:, 1] <= high)]
                ods.append(OPTICAL_DENSITY[bright].mean(axis=0))
                ys.append(grid.level0(y0 + min(y + step, pixels.shape[0]) / 2 + y / 2 - 0.5))
                xs.append(grid.level0(x0 + min(x + step, pixels.shape[1]) / 2 + x / 2 - 0.5))
    return fit_background(np.array(ys), np.array(xs), np.array(ods, np.float64), shape)


def _smooth(density: NDArray[np.float32]) -> NDArray[np.float32]:
    smooth: NDArray[np.float32] = ndimage.gaussian_filter(density, (0.7, 0.7, 0), mode="nearest")
    return smooth


def _near_nuclei(model: SlideModel, pixels: RGB, grid: Grid, y: int, x: int) -> NDArray[np.bool_]:
    """Pixels within 3 µm of what is surely a nucleus, judged along the fallback axis."""
    q = model.nuclear_density(_smooth(model.optical_density(pixels, grid, y, x)))
    core = ndimage.binary_opening(q > 0.2, iterations=2)
    near: NDArray[np.bool_] = ndimage.binary_dilation(core, iterations=max(1, round(3.0 / grid.um)))
    return near


def _red_cells(density: NDArray[np.float32], candidates: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Robust direction of red cells, and the pixels that follow it."""
    norm = np.sqrt((density**2).sum(axis=1))
    solid = candidates & (norm > 0.06)
    direction = _RED_CELLS_START / np.linalg.norm(_RED_CELLS_START)
    kept = solid
    if not solid.any():
        return solid, direction
    unit = density / np.maximum(norm, 1e-6)[:, None]
    limit = 0.80
    for _ in range(6):
        kept = solid & (unit @ direction.astype(np.float32) > limit)
        if not kept.any():
            return kept, direction
        direction = np.median(unit[kept], axis=0).astype(np.float64)
        direction /= np.linalg.norm(direction)
        limit = min(0.95, limit + 0.05)
    return kept, direction


def _nuclear_axis(red: NDArray[np.float64]) -> Vector:
    axis = _NUCLEUS - (_NUCLEUS @ red) * red
    return _vector(axis / np.linalg.norm(axis))


def _vector(values: NDArray[np.float64]) -> Vector:
    r, g, b = (float(v) for v in values)
    return r, g, b
