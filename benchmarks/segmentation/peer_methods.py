"""Other methods on the same images, from their papers and published code, in NumPy, SciPy and scikit-image.

Each takes RGB and the scale and returns a mask of nuclei. What follows is the same for all of them and in their favour,
for none of the papers says how to get separate whole cells out of a field with several: parts of one nucleus are
joined and specks dropped by the sizes that this package uses (:func:`separate_nuclei`), and the cell is what lies
within ``CYTOPLASM_UM`` of its nucleus' convex hull, a width per method that gave the best F1 on the even groups.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.signal import fftconvolve
from skimage.color import rgb2hed, rgb2hsv, rgb2lab
from skimage.feature import peak_local_max
from skimage.filters import threshold_otsu
from skimage.measure import regionprops
from skimage.morphology import disk
from skimage.segmentation import expand_labels, watershed

from .matching import Finds

RGB = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Labels = NDArray[np.int32]

#: µm around the nucleus that count as cell, chosen on the even groups (``peers --even --choose-cytoplasm``).
CYTOPLASM_UM = {"hed": 2.0, "tile Otsu": 2.0, "Tavakoli 2021": 1.5, "Banik 2020": 2.0}


def hed_watershed(pixels: RGB, um: float) -> Labels:
    """Haematoxylin of scikit-image's fixed stain matrix, Otsu, watershed on the distance to the rim.

    What a user puts together from scikit-image's gallery. The distance is smoothed and lobes are closed first, so that
    the watershed cuts touching nuclei rather than lobes.
    """
    stain = ndimage.gaussian_filter(rgb2hed(pixels)[..., 0], 0.35 / um)
    mask = stain > threshold_otsu(stain)
    mask = _opened(mask, 0.5, um)
    mask = ndimage.binary_fill_holes(ndimage.binary_closing(_padded(mask, 1.0, um), disk(round(1.0 / um))))
    mask = _unpadded(mask, 1.0, um)
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), 0.7 / um)
    labels, _ = ndimage.label(mask)
    peaks = peak_local_max(
        distance, min_distance=max(1, round(3.0 / um)), labels=labels, exclude_border=False
    )
    seeds = np.zeros(mask.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return separate_nuclei(watershed(-distance, seeds, mask=mask), um, join=False)


def tile_otsu(pixels: RGB, um: float, tile: int = 512) -> Labels:
    """Otsu on saturation times (255 - G), a threshold for each tile of at most 512 px.

    The channel is one of the five best with a perfect threshold; the threshold per tile is what tile-wise tools do.
    """
    lightest = pixels.max(axis=2).astype(np.float32)
    saturation = (lightest - pixels.min(axis=2)) / np.maximum(lightest, 1)
    channel = ndimage.gaussian_filter(saturation * (255 - pixels[..., 1].astype(np.float32)), 0.35 / um)
    mask = np.zeros(channel.shape, bool)
    rows, columns = (np.array_split(np.arange(n), -(-n // tile)) for n in channel.shape)
    for y in rows:
        for x in columns:
            part = channel[y[0] : y[-1] + 1, x[0] : x[-1] + 1]
            mask[y[0] : y[-1] + 1, x[0] : x[-1] + 1] = part > threshold_otsu(part)
    return separate_nuclei(_opened(mask, 0.5, um), um)


def tavakoli_2021(pixels: RGB, um: float) -> Labels:
    """Nuclei by Tavakoli et al., Scientific Reports 11:19428 (2021), doi 10.1038/s41598-021-98599-0.

    From the paper and the authors' code: every channel is scaled to the mean of the grey image; M and K of CMYK and S
    of HLS, in 8 bits; ``min(M, S)`` less what K exceeds M by; gaussian of 5 x 5 px; Otsu; parts below a tenth of the
    largest go. Theirs, too, that nothing depends on the scale. Assumed: 8-bit CMYK by the usual formula (the authors
    call a library for it). The paper takes as cytoplasm only what lies in the nucleus' convex hull.
    """
    values = pixels.astype(np.float32)
    grey = (values @ np.array([0.299, 0.587, 0.114], np.float32)).mean()
    balanced = np.minimum(values * (grey / values.mean(axis=(0, 1))), 255).astype(np.uint8).astype(np.float32)
    lightest, darkest = balanced.max(axis=2), balanced.min(axis=2)
    black = 255 - lightest
    magenta = 255 * (lightest - balanced[..., 1]) / np.maximum(lightest, 1)
    total, span = lightest + darkest, lightest - darkest
    saturation = 255 * span / np.maximum(np.where(total <= 255, total, 510 - total), 1)
    soft = np.minimum(magenta, saturation).astype(np.uint8).astype(np.int16)
    excess = np.maximum(
        black.astype(np.uint8).astype(np.int16) - magenta.astype(np.uint8).astype(np.int16), 0
    )
    soft = np.maximum(soft - excess, 0).astype(np.uint8)
    # The sigma that OpenCV takes for a kernel of 5 px.
    soft = ndimage.gaussian_filter(soft, 1.1, truncate=2 / 1.1, mode="mirror")
    mask = soft >= threshold_otsu(soft)
    parts, count = ndimage.label(mask)
    area = np.bincount(parts.ravel(), minlength=count + 1)
    area[0] = 0
    return separate_nuclei((area >= area.max() / 10)[parts] & mask, um)


def banik_2020(pixels: RGB, um: float) -> Labels:
    """Nuclei by Banik, Saha and Kim, Expert Systems with Applications 149:113211 (2020).

    From the authors' code: of HSV and of L*a*b* the channel with the smaller mean each, their product over the mean of
    the first, cut to 8 bits, averaged over a disc, 2-means on the values, the upper class with its holes filled.
    Images above 1024 px are reduced to a quarter. The disc has the radius of 10 px of the code's default (the authors
    set it per data set, 3 to 15 px). The 2-means starts at the least and the largest value; theirs at two zeros, from
    which MATLAB moves one to the farthest value.
    """
    shape = pixels.shape[:2]
    small = max(shape) > 1024
    if small:
        pixels = ndimage.uniform_filter(pixels, (4, 4, 0))[2::4, 2::4]
    hsv, lab = rgb2hsv(pixels) * 255, rgb2lab(pixels)
    first = hsv[..., hsv.mean(axis=(0, 1)).argmin()]
    second = np.abs(lab[..., lab.mean(axis=(0, 1)).argmin()])
    product = np.clip(first * second / max(first.mean(), 1e-6), 0, 255).round()
    blurred = _disc_mean(product)
    centres = np.array([blurred.min(), blurred.max()])
    for _ in range(100):
        upper = blurred > centres.mean()
        if not upper.any() or upper.all():
            break
        moved = np.array([blurred[~upper].mean(), blurred[upper].mean()])
        if np.allclose(moved, centres, atol=1e-6):
            break
        centres = moved
    mask = ndimage.binary_fill_holes(blurred > centres.mean())
    if small:
        mask = np.kron(mask, np.ones((4, 4), bool))
        mask = np.pad(mask, [(0, max(0, n - m)) for n, m in zip(shape, mask.shape, strict=True)], "edge")
        mask = mask[: shape[0], : shape[1]]
    return separate_nuclei(mask, um)


def _disc_mean(values: NDArray[np.float64], radius: int = 10) -> NDArray[np.float64]:
    kernel = disk(radius) / disk(radius).sum()
    return fftconvolve(np.pad(values, radius, "edge"), kernel, mode="valid")


METHODS: dict[str, Callable[[RGB, float], Labels]] = {
    "hed": hed_watershed,
    "tile Otsu": tile_otsu,
    "Tavakoli 2021": tavakoli_2021,
    "Banik 2020": banik_2020,
}


def separate_nuclei(mask: NDArray[np.generic], um: float, *, join: bool = True) -> Labels:
    """Number nuclei: parts of 1.2 µm² and more, those within 3.2 µm of each other together, 12 µm² in all.

    Parts stay apart where their convex hull would exceed 190 µm². With ``join=False`` the mask holds labels already.
    """
    parts = ndimage.label(mask)[0] if join else np.asarray(mask)
    area = np.bincount(parts.ravel()) * um**2
    area[0] = 0
    parts = np.where((area >= 1.2)[parts], parts, 0)
    if join and parts.any():
        near = ndimage.distance_transform_edt(parts == 0) <= 1.6 / um
        together = np.where(parts > 0, ndimage.label(near)[0], 0)
        for region in regionprops(together):
            if region.area_convex * um**2 <= 190:
                parts[region.slice][region.image] = parts.max() + 1
    area = np.bincount(parts.ravel()) * um**2
    area[0] = 0
    kept = np.nonzero(area >= 12.0)[0]
    order = np.zeros(len(area), np.int32)
    order[kept] = np.arange(1, len(kept) + 1)
    return order[parts]


def finds_from(nuclei: Labels, cytoplasm_um: float, um: float) -> Finds:
    """Whole cells around nuclei: their convex hulls, widened."""
    hulls = np.zeros_like(nuclei)
    centres = []
    for region in regionprops(nuclei):
        place = hulls[region.slice]
        place[(place == 0) & region.image_convex] = region.label
        centres.append(region.centroid)
    hulls = np.where(nuclei > 0, nuclei, hulls)
    cells = expand_labels(hulls, cytoplasm_um / um)
    boxes = [s for s in ndimage.find_objects(cells) if s is not None]
    return Finds(
        np.array([[y.start, x.start, y.stop, x.stop] for y, x in boxes], float).reshape(-1, 4),
        np.array(centres, float).reshape(-1, 2),
        cells.astype(np.int32),
    )


def _opened(mask: Mask, radius_um: float, um: float) -> Mask:
    opened: Mask = ndimage.binary_opening(mask, disk(max(1, round(radius_um / um))))
    return opened


def _padded(mask: Mask, radius_um: float, um: float) -> Mask:
    return np.pad(mask, round(radius_um / um) + 1)


def _unpadded(mask: Mask, radius_um: float, um: float) -> Mask:
    frame = round(radius_um / um) + 1
    return mask[frame:-frame, frame:-frame]
