"""The stain of a slide: directions of red cells and nuclei in optical density, and the thresholds between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu

from napari_wbc.execution.progress import CancelToken

Vector = tuple[float, float, float]
Density = NDArray[np.float32]

#: Axis for slides without red cells: the mean of axes learned on four stains.
FALLBACK_AXIS: Vector = (0.34, 0.44, -0.83)
_RED_CELLS_START = np.array([0.37, 0.77, 0.52])
#: Directions of nuclei to start from: Giemsa, May-Grünwald-Giemsa, Wright, a camera of little colour.
_NUCLEI = [
    np.array(n) / np.linalg.norm(n)
    for n in ((0.36, 0.90, 0.20), (0.53, 0.83, 0.19), (0.45, 0.89, -0.05), (0.65, 0.73, 0.15))
]
_FOREGROUND_OD = 0.03
#: Least threshold of nuclei, and how many spreads above the red cells it lies at least.
_LEAST_NUCLEAR, _SPREADS = 0.06, 4.0
_LEAST_CYTOPLASM = 0.022
#: Least difference between the blue parts of the directions of red cells and nuclei; against typical red cells, for
#: few nuclei and for many.
_LESS_BLUE, _LESS_BLUE_THAN_TYPICAL = 0.04, (0.15, 0.3)
#: Least sine of the angle between them.
_UNLIKE = 0.1
#: Nuclei lie at least that many spreads above the rest.
_LEAST_DISTANCE = 4.0
#: Spread along the red cells' direction, as a share of their density.
_OVERLAPS = 0.25
#: Of fewer nuclei the scatter is hardly known.
_MANY_NUCLEI = 12
#: Seven red cells: less is no sample of a stain.
_LEAST_RED_CELLS_UM2 = 300.0
#: With less than two of them beside the leukocytes, their direction is taken to be the typical one.
_FEW_RED_CELLS_UM2 = 90.0
_FEW_NUCLEI_UM2 = 250.0
#: Least area of red cells over that of nuclei on a smear of blood.
_RED_CELLS_PER_NUCLEI = 0.25
#: Contrasts that show nuclei darker than red cells in any Romanowsky stain: R + G - B, and R.
_CONTRASTS: tuple[Vector, ...] = ((1.0, 1.0, -1.0), (1.0, 0.0, 0.0))
#: Less than that is no sample of nuclei.
_LEAST_NUCLEI_UM2 = 15.0
#: Area of small dark things that is left out of the spread of red cells.
_SPECKS_UM2 = 12.0
#: Pixels that statistics are taken of, about.
_ENOUGH = 200_000
#: Haemoglobin absorbs blue: a direction with less of it need not be that of red cells.
_LEAST_BLUE = 0.2


@dataclass(frozen=True, slots=True)
class Stain:
    """Directions and thresholds; see :class:`napari_wbc.segmentation.SlideModel` for their meaning."""

    red_cell_axis: Vector
    nuclear_axis: Vector
    cytoplasm_axis: Vector
    threshold_nucleus: float
    threshold_cytoplasm: float
    red_cell_density: float
    red_cell_fraction: float
    confidence: float
    nuclei: list[NDArray[np.bool_]]


def along(density: Density, axis: Vector) -> Density:
    """Scalar product with an axis, summed in a fixed order (a matrix product may differ in the last bit)."""
    result: Density = density[..., 0] * np.float32(axis[0])
    result += density[..., 1] * np.float32(axis[1])
    result += density[..., 2] * np.float32(axis[2])
    return result


def fit_stain(densities: list[Density], um: float, cancel: CancelToken | None = None) -> Stain:
    """Fit the stain to smoothed optical densities of sampled places.

    Parameters
    ----------
    densities : list of numpy.ndarray of float32, shape (height, width, 3)
        Optical density against the background.
    um : float
        µm per px of them.
    cancel : CancelToken, optional
        Looked at before every guess.

    Notes
    -----
    Several guesses of what is nuclear each give an axis, that axis gives better nuclei, and so on; the guess whose
    nuclei stand out most from everything else wins.
    """
    cancel = cancel or CancelToken()
    foreground = [d.mean(axis=2) > _FOREGROUND_OD for d in densities]
    best: _Separation | None = None
    seen: set[bytes] = set()
    for start in _starts(densities, foreground, um):
        guess: _Separation | None = start
        own: set[bytes] = set()
        for _ in range(4):
            cancel.check()
            if guess is None or guess.area(um) < _LEAST_NUCLEI_UM2 or guess.fingerprint in own:
                break
            if guess.fingerprint in seen:
                guess = None  # it leads where an earlier guess led
                break
            own.add(guess.fingerprint)
            guess = _refined(guess, densities, foreground, um)
        seen |= own
        if guess is None or guess is start or guess.distance < _LEAST_DISTANCE:
            continue
        if best is None or guess.merit(um) > best.merit(um):
            best = guess
    if best is None:
        best = _without_nuclei(densities, foreground, um)
    rest = best.beside(foreground, um)
    red, red_pixels = _red_cells(densities, rest)
    if best.area(um) < _LEAST_NUCLEI_UM2 and (
        red_pixels * um**2 < _LEAST_RED_CELLS_UM2 or red[2] < _LEAST_BLUE
    ):
        # Nothing is there, or stained plasma, or the leukocytes themselves, were taken for red cells.
        return _stain_without_red_cells(densities, um)
    if red_pixels * um**2 < _FEW_RED_CELLS_UM2:
        red, red_pixels = _unit(_RED_CELLS_START), 0
    nucleus = _NUCLEI[0]
    if best.area(um) >= _LEAST_NUCLEI_UM2:
        nucleus = np.median(best.nuclear_colours(densities), axis=0).astype(np.float64)
    cytoplasm_axis = _vector(_unit(nucleus - (nucleus @ red) * red))
    cytoplasm = _pooled([along(d, cytoplasm_axis) for d in densities], rest)
    mu, sigma = _spread(cytoplasm, um, tail=False)
    dense = _pooled([along(d, _vector(red)) for d in densities], rest)
    support = float(np.clip(red_pixels * um**2 / 2000.0, 0.0, 1.0))
    return Stain(
        red_cell_axis=_vector(red),
        nuclear_axis=_vector(best.axis),
        cytoplasm_axis=cytoplasm_axis,
        threshold_nucleus=best.threshold(um),
        threshold_cytoplasm=max(_LEAST_CYTOPLASM, mu + 2 * sigma),
        red_cell_density=float(np.percentile(dense, 60)) if dense.size else 0.2,
        red_cell_fraction=red_pixels / max(1, sum(mask.size for mask in foreground)),
        confidence=support * float(np.clip(1.5 - best.sigma / 0.04, 0.2, 1.0)),
        nuclei=best.blobs,
    )


def _starts(
    densities: list[Density], foreground: list[NDArray[np.bool_]], um: float
) -> Iterator[_Separation]:
    """Guess what is nuclear: by typical directions seen across that of red cells, or by the darkest blobs.

    Where leukocytes cover much of what is seen (a crop around one cell), there is no pure sample of red cells to
    begin with: there, two cuts of the most telling contrast tell the nuclei from the rest.
    """
    red, red_pixels = _red_cells(densities, foreground)
    if red_pixels * um**2 >= _LEAST_RED_CELLS_UM2:
        for n in _NUCLEI:
            yield _separate(densities, foreground, _unit(n - (n @ red) * red), um)
        yield _separate(densities, foreground, np.array([0.5, 0.866, 0.0]), um)
    for contrast in _CONTRASTS:
        axis = _unit(np.array(contrast))
        values = _pooled([along(d, _vector(axis)) for d in densities], foreground)
        for _ in range(2):
            if values.size < 50 or not values.max() > values.min():
                break
            cut = float(threshold_otsu(values))
            yield _separate(densities, None, axis, um, cut=cut)
            values = values[values > cut]


def _without_nuclei(densities: list[Density], foreground: list[NDArray[np.bool_]], um: float) -> _Separation:
    """Look across the direction of red cells for nuclei that are not there."""
    red, _ = _red_cells(densities, foreground)
    lone = _separate(densities, foreground, _unit(_NUCLEI[0] - (_NUCLEI[0] @ red) * red), um)
    return replace(lone, blobs=[np.zeros_like(mask) for mask in lone.blobs])


def _refined(
    guess: _Separation, densities: list[Density], foreground: list[NDArray[np.bool_]], um: float
) -> _Separation | None:
    """Learn the axis from the blobs of a guess, and find the blobs again; None where they are no nuclei."""
    nucleus = np.median(guess.nuclear_colours(densities), axis=0).astype(np.float64)
    rest = guess.beside(foreground, um)
    red, pixels = _red_cells(densities, rest)
    less_blue = _LESS_BLUE
    if pixels * um**2 < max(_FEW_RED_CELLS_UM2, _RED_CELLS_PER_NUCLEI * guess.area(um)):
        # Hardly red cells beside them: these may be the red cells, the more so the more there are.
        many = guess.area(um) > _FEW_NUCLEI_UM2
        red, less_blue = _unit(_RED_CELLS_START), _LESS_BLUE_THAN_TYPICAL[many]
    direction = _unit(nucleus)
    if red[2] - direction[2] < less_blue or 1.0 - float(direction @ red) ** 2 < _UNLIKE**2:
        return None  # overlaps of red cells, or dirt
    nuclei = guess.typical_colours(densities)
    # Precipitate is as dark in blue as in the rest: single blobs are judged like all of them together.
    nuclei = nuclei[red[2] - nuclei[:, 2] / np.linalg.norm(nuclei, axis=1) >= less_blue]
    axis = _fisher(densities, rest, red, nucleus, nuclei)
    return _separate(densities, rest, axis, um, nucleus)


def _stain_without_red_cells(densities: list[Density], um: float) -> Stain:
    """Fall back to an axis that fits most stains."""
    lone = _separate(densities, None, np.array(FALLBACK_AXIS), um)
    return Stain(
        red_cell_axis=_vector(_unit(_RED_CELLS_START)),
        nuclear_axis=FALLBACK_AXIS,
        cytoplasm_axis=FALLBACK_AXIS,
        threshold_nucleus=lone.threshold(um),
        threshold_cytoplasm=_LEAST_CYTOPLASM,
        red_cell_density=0.2,
        red_cell_fraction=0.0,
        confidence=0.0,
        nuclei=lone.blobs,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Separation:
    """How an axis sets nuclei apart from everything else that is stained."""

    axis: NDArray[np.float64]
    maps: list[Density]
    blobs: list[NDArray[np.bool_]]
    #: Also parts too small for a nucleus: platelets, and nuclei that the border cuts.
    dark: list[NDArray[np.bool_]]
    mu: float
    sigma: float

    def beside(self, foreground: list[NDArray[np.bool_]], um: float) -> list[NDArray[np.bool_]]:
        """Give what is stained, away from everything nuclear."""
        return [f & ~_near(mask, um) for f, mask in zip(foreground, self.dark, strict=True)]

    @property
    def fingerprint(self) -> bytes:
        """Same for the same masks, from which the same follows."""
        return sha256(b"".join(np.packbits(mask).tobytes() for mask in self.dark)).digest()

    def values(self) -> Density:
        return _pooled(self.maps, self.blobs)

    def nuclear_colours(self, densities: list[Density]) -> Density:
        """Densities of the upper half of the blobs."""
        values = self.values()
        colours = _pooled(densities, self.blobs)
        return colours[values >= np.median(values)] if values.size else colours

    def typical_colours(self, densities: list[Density]) -> NDArray[np.float64]:
        """Median densities of the single blobs, shape (blobs, 3)."""
        colours = []
        for d, mask in zip(densities, self.blobs, strict=True):
            labels, _ = ndimage.label(mask)
            for number, box in enumerate(ndimage.find_objects(labels), start=1):
                colours.append(np.median(d[box][labels[box] == number], axis=0))
        return np.array(colours, np.float64).reshape(-1, 3)

    def area(self, um: float) -> float:
        return sum(int(mask.sum()) for mask in self.blobs) * um**2

    @property
    def distance(self) -> float:
        """Spreads between the rest and the nuclei."""
        values = self.values()
        return (float(np.percentile(values, 25)) - self.mu) / self.sigma if values.size else 0.0

    def merit(self, um: float) -> float:
        """Distance, of less worth where there are few nuclei."""
        area = self.area(um)
        return self.distance * area / (area + 30.0)

    def threshold(self, um: float) -> float:
        floor = max(_LEAST_NUCLEAR, self.mu + _SPREADS * self.sigma)
        if self.area(um) < 30.0:
            return floor
        return max(floor, 0.5 * float(np.percentile(self.values(), 90)))


def _separate(
    densities: list[Density],
    rest: list[NDArray[np.bool_]] | None,
    axis: NDArray[np.float64],
    um: float,
    nucleus: NDArray[np.float64] | None = None,
    cut: float | None = None,
) -> _Separation:
    """Set nuclei apart along an axis: by a given cut, or half way to the density of nuclei where that is known."""
    maps = [along(d, _vector(axis)) for d in densities]
    mu, sigma = 0.0, 0.01
    if rest is not None:
        mu, sigma = _spread(_pooled(maps, rest), um, tail=nucleus is not None)
    if cut is not None:
        threshold = cut
    elif nucleus is None:
        threshold = mu + 3.0 * sigma
    else:
        threshold = mu + max(2.0 * sigma, 0.5 * (float(nucleus @ axis) - mu))
    dark = [_solid(q > max(threshold, _LEAST_NUCLEAR), um) for q in maps]
    return _Separation(axis, maps, [_large(mask, um) for mask in dark], dark, mu, sigma)


def _fisher(
    densities: list[Density],
    rest: list[NDArray[np.bool_]],
    red: NDArray[np.float64],
    nucleus: NDArray[np.float64],
    nuclei: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Axis that sets a nuclear density best apart from the rest, as in Fisher's discriminant.

    Overlapping red cells are twice as dense: the spread along their direction is taken as that wide at least. What
    differs from nucleus to nucleus (single densities, shape (n, 3)) tells nuclei from the rest less well.
    """
    pooled = _pooled(densities, rest)
    pixels = pooled[:: max(1, len(pooled) // _ENOUGH)].astype(np.float64)
    if not len(pixels):
        pixels = np.zeros((1, 3))
    centre = np.median(pixels, axis=0)
    strength = float(np.linalg.norm(centre))
    centred = np.clip(pixels - centre, -0.3, 0.3)
    scatter = centred.T @ centred / len(pixels)
    scatter += (_OVERLAPS * strength) ** 2 * np.outer(red, red) + 0.008**2 * np.eye(3)
    # One small field tells little of how nuclei differ on a slide, and what was taken for nuclei may be something else.
    if len(densities) > 1 and len(nuclei) >= _MANY_NUCLEI:
        scatter += np.cov(nuclei, rowvar=False)
    return _unit(np.linalg.solve(scatter, nucleus - centre).astype(np.float64))


def _pooled(maps: list[Density], masks: list[NDArray[np.bool_]]) -> Density:
    """Values, or colours, inside the masks."""
    return np.concatenate([q[mask] for q, mask in zip(maps, masks, strict=True)])


def _near(mask: NDArray[np.bool_], um: float) -> NDArray[np.bool_]:
    """Pixels within 3 µm of a mask."""
    near: NDArray[np.bool_] = ndimage.binary_dilation(mask, iterations=max(1, round(3.0 / um)))
    return near


def _solid(mask: NDArray[np.bool_], um: float) -> NDArray[np.bool_]:
    """Parts of a mask that are solid enough for nuclei: 1 µm wide."""
    solid: NDArray[np.bool_] = ndimage.binary_opening(mask, iterations=max(1, round(0.7 / um)))
    return solid


def _large(mask: NDArray[np.bool_], um: float) -> NDArray[np.bool_]:
    """Parts of a mask of 10 µm² and more."""
    labels, count = ndimage.label(mask)
    keep = np.bincount(labels.ravel(), minlength=count + 1) * um**2 >= 10.0
    keep[0] = False
    blobs: NDArray[np.bool_] = keep[labels]
    return blobs


def _red_cells(
    densities: list[Density], foreground: list[NDArray[np.bool_]]
) -> tuple[NDArray[np.float64], int]:
    """Robust direction of red cells, and how many pixels follow it."""
    red = _unit(_RED_CELLS_START)
    pixels = _pooled(densities, foreground)
    step = max(1, len(pixels) // _ENOUGH)
    pixels = pixels[::step]
    norm = np.sqrt((pixels**2).sum(axis=1))
    solid = norm > 0.06
    if not solid.any():
        return red, 0
    # Nuclei are darker than red cells.
    solid &= norm < 2.0 * np.median(norm[solid])
    units = pixels[solid] / norm[solid][:, None]
    for limit in (0.80, 0.85, 0.90, 0.95, 0.95, 0.95):
        chosen = units[units @ red.astype(np.float32) > limit]
        if not len(chosen):
            break
        red = _unit(np.median(chosen, axis=0).astype(np.float64))
    return red, step * int((units @ red.astype(np.float32) > 0.95).sum())


def _spread(values: Density, um: float, tail: bool) -> tuple[float, float]:
    """Median and robust standard deviation; with ``tail`` the upper tail counts where it is the longer one."""
    if not values.size:
        return 0.0, 0.01
    # In a small image a platelet or two are no tail.
    least = 0.025 + min(0.05, _SPECKS_UM2 / (values.size * um**2))
    values = values[:: max(1, values.size // _ENOUGH)]
    middle, high = np.percentile(values, [50, 100 * (1 - least)])
    deviation = max(0.004, 1.4826 * float(np.median(np.abs(values - middle))))
    return float(middle), max(deviation, 0.5 * float(high - middle)) if tail else deviation


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    unit: NDArray[np.float64] = vector / np.linalg.norm(vector)
    return unit


def _vector(values: NDArray[np.float64]) -> Vector:
    r, g, b = (float(v) for v in values)
    return r, g, b
