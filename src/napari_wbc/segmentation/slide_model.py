"""The slide model: light, stain and thresholds of one slide, from pixels pooled over sampled places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_wbc.errors import InputError
from napari_wbc.execution.progress import CancelToken
from napari_wbc.segmentation.background import (
    OPTICAL_DENSITY,
    Background,
    fit_background,
    middle_light,
    terms,
)
from napari_wbc.segmentation.grid import Grid
from napari_wbc.segmentation.kernels import project, smooth, smoothing_reach
from napari_wbc.segmentation.plain import from_plain, to_plain
from napari_wbc.segmentation.stain import Vector, along, fit_stain
from napari_wbc.segmentation.surroundings import TABLE_SHAPE, Surroundings, fit_surroundings
from napari_wbc.slides.slide import RGB, Scale, Slide

Field = TypeVar("Field")

#: Of the plain values; it rises when a model means something else.
VERSION = 1
COARSE_UM = 0.5
#: Of the first pass: nuclei are wider, colour fringes and granules are finer.
SMOOTHING_UM = 0.7
#: Of the second pass.
FINE_SMOOTHING_UM = 0.35
#: The axes that keep the channels as they are.
CHANNELS: tuple[Vector, Vector, Vector] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
#: Windows that a model is fitted to, at most.
MOST_WINDOWS = 36
#: Side of such a window, and of the blocks in it whose brightest pixels show the empty slide.
_WINDOW_UM, _BLOCK_UM = 150.0, 10.0
#: Of the polynomial of the light, where all of a slide is looked at.
MOST_DEGREE = 4
#: Optical density by which the brightest of a field may be darker than the empty slide of another field.
_DARKER_THAN_GLASS = 0.06


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
        Unit direction along which nuclei stand out most from everything else.
    cytoplasm_axis : tuple of float
        Unit direction of nuclei across that of red cells: red cells read 0, cytoplasm a little.
    threshold_nucleus, threshold_cytoplasm : float
        On the densities along these axes.
    red_cell_density : float
        Typical density of red cells along their axis.
    red_cell_fraction : float
        Share of the sampled area that red cells cover.
    confidence : float
        0 (the fallback axis without any support) to 1.
    um_per_px : float
        Scale that it was fitted with, µm per level-0 px.
    scale_confidence : float
        Of this scale, 0 to 1.
    surroundings : Surroundings
        Colours around leukocytes.
    """

    background: Background
    red_cell_axis: Vector
    nuclear_axis: Vector
    cytoplasm_axis: Vector
    threshold_nucleus: float
    threshold_cytoplasm: float
    red_cell_density: float
    red_cell_fraction: float
    confidence: float
    um_per_px: float
    scale_confidence: float
    surroundings: Surroundings

    @property
    def scale(self) -> Scale:
        """Scale for other fields of the same slide."""
        return Scale(self.um_per_px, "slide_model", self.scale_confidence)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for ``run.json``; :meth:`from_dict` gives the same model again, to the last bit."""
        plain: dict[str, Any] = to_plain(self)
        # For readers: the colour of the empty slide in its middle.
        rgb = [round(value, 2) for value in self.background.rgb]
        return {"version": VERSION, **plain, "background": {"rgb": rgb, **plain["background"]}}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> SlideModel:
        """Give the model that :meth:`to_dict` put into plain values.

        Parameters
        ----------
        plain : mapping
            As it comes from JSON.

        Raises
        ------
        InputError
            When it is no slide model, or one of another version.
        """
        if not isinstance(plain, Mapping) or "version" not in plain:
            raise InputError("no slide model, or one of an earlier version; count the slide again")
        if plain["version"] != VERSION:
            raise InputError(
                f"a slide model of version {plain['version']}, and this is version {VERSION}; "
                "count the slide again"
            )
        try:
            model = from_plain(cls, plain)
            _refuse_impossible(model)
        except ValueError as error:
            raise InputError(f"the slide model is damaged ({error}); count the slide again") from None
        return model

    def density_along(
        self, axes: Sequence[Vector], pixels: RGB, grid: Grid, y0: int, x0: int
    ) -> NDArray[np.float32]:
        """Optical density against the background along some axes.

        Parameters
        ----------
        axes : sequence of (float, float, float)
            Directions in optical density (R, G, B).
        pixels : numpy.ndarray of uint8, shape (height, width, 3)
            A window of a grid.
        grid : Grid
            That grid.
        y0, x0 : int
            Corner of the window, grid px.

        Returns
        -------
        numpy.ndarray of float32, shape (len(axes), height, width)
        """
        return _density_along(axes, pixels, self.background, grid, y0, x0)

    def nuclear_density(self, density: NDArray[np.float32]) -> NDArray[np.float32]:
        """Density along the nuclear axis, shape (height, width)."""
        return along(density, self.nuclear_axis)


def _refuse_impossible(model: SlideModel) -> None:
    """Raise ValueError about numbers that no fit gives and that nothing could be segmented with."""
    light, around = model.background, model.surroundings
    for holder, name in (
        (model, "um_per_px"), (around, "red_cell_density"), (around, "spread"),
        (light, "height_px"), (light, "width_px"),
    ):  # fmt: skip
        if not getattr(holder, name) > 0:
            raise ValueError(f"{name} is not above 0")
    if not 0 <= light.degree <= MOST_DEGREE:
        raise ValueError(f"degree is not one of 0 to {MOST_DEGREE}")
    if [len(channel) for channel in light.coefficients] != [len(terms(light.degree))] * 3:
        raise ValueError("coefficients are not those of that degree")
    if around.evidence.shape != TABLE_SHAPE or not np.isfinite(around.evidence).all():
        raise ValueError("evidence is of a wrong shape or not finite")


def fit_slide_model(
    slides: Slide | Sequence[Slide],
    um_per_px: float,
    *,
    scale_confidence: float = 1.0,
    cancel: CancelToken | None = None,
) -> SlideModel:
    """Fit the light, the stain directions and the thresholds of a slide.

    Parameters
    ----------
    slides : Slide or sequence of Slide
        The slide, or several fields of it: their pixels are pooled, each against its own light.
    um_per_px : float
        µm per level-0 px.
    scale_confidence : float, optional
        How sure that is, to be kept in the model.
    cancel : CancelToken, optional
        Looked at several times a second.

    Returns
    -------
    SlideModel
        With the fallback axis and a low confidence where there are too few red cells. The light of several fields
        is the middle one of theirs; :func:`relight` gives the model for each of them.

    Notes
    -----
    All pixels are pooled: statistics per tile would make the result depend on the tiling.
    """
    cancel = cancel or CancelToken()
    # Enough windows whatever their fields: some of many fields, fewer windows of each of some.
    fields = even_choice([slides] if isinstance(slides, Slide) else list(slides))
    lights, raw = [], []
    for field in fields:
        grid = Grid.at(field, um_per_px, COARSE_UM)
        places = _sample(field, grid, cancel, MOST_WINDOWS // len(fields))
        lights.append(_background(places, grid, field.shape))
        raw += [_density_along(CHANNELS, pixels, lights[-1], grid, y, x) for y, x, pixels in places]
    background = middle_light(lights)
    stain = fit_stain(_smoothed(raw, SMOOTHING_UM / grid.um), grid.um, cancel)
    cancel.check()
    surroundings = fit_surroundings(
        _smoothed(raw, FINE_SMOOTHING_UM / grid.um),
        stain.nuclei,
        stain.red_cell_axis,
        stain.cytoplasm_axis,
        stain.red_cell_density,
        grid.um,
    )
    return SlideModel(
        background=background,
        red_cell_axis=stain.red_cell_axis,
        nuclear_axis=stain.nuclear_axis,
        cytoplasm_axis=stain.cytoplasm_axis,
        threshold_nucleus=stain.threshold_nucleus,
        threshold_cytoplasm=stain.threshold_cytoplasm,
        red_cell_density=stain.red_cell_density,
        red_cell_fraction=stain.red_cell_fraction,
        confidence=stain.confidence,
        um_per_px=um_per_px,
        scale_confidence=scale_confidence,
        surroundings=surroundings,
    )


def even_choice(fields: Sequence[Field]) -> Sequence[Field]:
    """Give every so many-th of many fields, no more than a slide model is fitted to.

    Parameters
    ----------
    fields : sequence
        Slides, files or arrays, at least one.

    Examples
    --------
    >>> even_choice(range(5)), even_choice(range(100))
    (range(0, 5), range(0, 100, 3))
    """
    return fields[:: -(-len(fields) // MOST_WINDOWS)]


def relight(
    model: SlideModel, slide: Slide, um_per_px: float, *, cancel: CancelToken | None = None
) -> SlideModel:
    """Give the model for another field of its slide: the same stain in the light of that field.

    Parameters
    ----------
    model : SlideModel
        Fitted to some field, or to several.
    slide : Slide
        The field to segment.
    um_per_px : float
        Its µm per level-0 px.
    cancel : CancelToken, optional
        Looked at several times a second.

    Returns
    -------
    SlideModel
        All but the background is that of ``model``. The background is fitted to the field; where no empty slide
        shows in it (a crop of one cell, a dense place), the light of ``model`` stays.
    """
    grid = Grid.at(slide, um_per_px, COARSE_UM)
    places = _sample(slide, grid, cancel or CancelToken(), MOST_WINDOWS)
    light = _background(places, grid, slide.shape)
    if light.middle_density() - model.background.middle_density() > _DARKER_THAN_GLASS:
        light = model.background.for_shape(slide.shape)
    return replace(model, background=light, um_per_px=um_per_px)


def _density_along(
    axes: Sequence[Vector], pixels: RGB, background: Background, grid: Grid, y0: int, x0: int
) -> NDArray[np.float32]:
    y, x = background.positions(
        grid.level0_range(y0, pixels.shape[0]), grid.level0_range(x0, pixels.shape[1])
    )
    return project(pixels, OPTICAL_DENSITY, background.tables, y, x, np.array(axes, np.float32))


def _smoothed(densities: list[NDArray[np.float32]], sigma: float) -> list[NDArray[np.float32]]:
    """Smooth planes, and put the channels last."""
    return [np.ascontiguousarray(np.moveaxis(smooth(planes, sigma), 0, 2)) for planes in densities]


Place = tuple[int, int, RGB]


def _sample(slide: Slide, grid: Grid, cancel: CancelToken, most: int) -> list[Place]:
    """Windows of the coarse grid: all of a small slide, else an even lattice of ``most`` windows."""
    size = max(16, round(_WINDOW_UM / grid.um))
    height, width = grid.shape
    columns = max(1, min(-(-width // size), most, round((most * width / height) ** 0.5)))
    rows = max(1, min(-(-height // size), most // columns))
    if rows * size >= height and columns * size >= width:
        return [(0, 0, grid.read(slide, 0, 0, height, width))]
    places = []
    for i in range(rows):
        for j in range(columns):
            cancel.check()
            y = max(0, min(height - size, round((i + 0.5) * height / rows - size / 2)))
            x = max(0, min(width - size, round((j + 0.5) * width / columns - size / 2)))
            places.append((y, x, grid.read(slide, y, x, min(height, y + size), min(width, x + size))))
    return places


def _background(places: list[Place], grid: Grid, shape: tuple[int, int]) -> Background:
    """Fit the field to the bright pixels of blocks (G between its 90th and 99th percentile)."""
    step = max(4, round(_BLOCK_UM / grid.um))
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
    return fit_background(
        np.array(ys), np.array(xs), np.array(ods, np.float64), shape, MOST_DEGREE if len(places) == 1 else 2
    )


def smoothed_along(
    axes: Sequence[Vector],
    slide: Slide,
    model: SlideModel,
    grid: Grid,
    window: tuple[int, int, int, int],
    sigma_um: float,
) -> NDArray[np.float32]:
    """Smoothed optical density along some axes; the same at a place for every window.

    Parameters
    ----------
    axes : sequence of (float, float, float)
        Directions in optical density (R, G, B). Smoothing what was projected is smoothing fewer planes.
    slide : Slide
        The slide.
    model : SlideModel
        Of the slide.
    grid : Grid
        Where to look.
    window : tuple of int
        ``(y0, x0, y1, x1)``, grid px, inside the grid.
    sigma_um : float
        Of the gaussian, µm.

    Returns
    -------
    numpy.ndarray of float32, shape (len(axes), y1 - y0, x1 - x0)
    """
    y0, x0, y1, x1 = window
    sigma = sigma_um / grid.um
    # What lies further out than the gaussian reaches does not count.
    frame = smoothing_reach(sigma) + 1
    top, left = max(0, y0 - frame), max(0, x0 - frame)
    bottom, right = min(grid.shape[0], y1 + frame), min(grid.shape[1], x1 + frame)
    density = model.density_along(axes, grid.read(slide, top, left, bottom, right), grid, top, left)
    return smooth(density, sigma)[:, y0 - top : y1 - top, x0 - left : x1 - left]


def smoothed_density(
    slide: Slide, model: SlideModel, grid: Grid, window: tuple[int, int, int, int], sigma_um: float
) -> NDArray[np.float32]:
    """Smoothed optical density of a window, shape (height, width, 3); see :func:`smoothed_along`."""
    return np.moveaxis(smoothed_along(CHANNELS, slide, model, grid, window, sigma_um), 0, 2)
