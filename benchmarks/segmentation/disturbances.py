"""What cameras, lamps, stains and files do to an image; each keeps everything else as it is."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

RGB = NDArray[np.uint8]


@dataclass(frozen=True)
class Disturbed:
    """An image as the segmentation gets it.

    Attributes
    ----------
    pixels : numpy.ndarray of uint8, shape (height, width, 3)
        RGB.
    um_per_px : float or None
        What the program is told; None leaves it to the red cells.
    zoom : float
        Px of this image per px of the field.
    """

    pixels: RGB
    um_per_px: float | None
    zoom: float = 1.0


Disturbance = Callable[[RGB, float], Disturbed]


def _curve(*tables: NDArray[np.float64]) -> Disturbance:
    """A curve per channel, or one for all."""
    table = np.stack(
        [np.clip(t, 0, 255).round().astype(np.uint8) for t in tables * (3 // len(tables))], axis=1
    )

    def disturb(pixels: RGB, um: float) -> Disturbed:
        return Disturbed(np.stack([table[pixels[..., c], c] for c in range(3)], axis=-1), um)

    return disturb


_VALUES = np.arange(256.0)


def _gamma(exponent: float) -> Disturbance:
    return _curve(255 * (_VALUES / 255) ** exponent)


def _gains(*factors: float) -> Disturbance:
    """Light or cast: the values are multiplied and saturate at 255."""
    return _curve(*(f * _VALUES for f in factors))


def _blurred(sigma_um: float) -> Disturbance:
    def disturb(pixels: RGB, um: float) -> Disturbed:
        sigma = sigma_um / um
        return Disturbed(ndimage.gaussian_filter(pixels, (sigma, sigma, 0), mode="nearest", truncate=3.0), um)

    return disturb


def _jpeg(quality: int) -> Disturbance:
    def disturb(pixels: RGB, um: float) -> Disturbed:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
        return Disturbed(np.asarray(Image.open(file)), um)

    return disturb


def _noise(sigma: float) -> Disturbance:
    def disturb(pixels: RGB, um: float) -> Disturbed:
        noise = np.random.default_rng(0).standard_normal(pixels.shape, np.float32) * np.float32(sigma)
        return Disturbed(np.clip(pixels + noise, 0, 255).round().astype(np.uint8), um)

    return disturb


def _vignette(loss: float) -> Disturbance:
    def disturb(pixels: RGB, um: float) -> Disturbed:
        y, x = (np.linspace(-1, 1, n, dtype=np.float32) ** 2 for n in pixels.shape[:2])
        light = 1 - np.float32(loss / 2) * (y[:, None] + x[None])
        return Disturbed((pixels * light[..., None]).round().astype(np.uint8), um)

    return disturb


def _told(factor: float | None) -> Disturbance:
    def disturb(pixels: RGB, um: float) -> Disturbed:
        return Disturbed(pixels, None if factor is None else um * factor)

    return disturb


def _zoomed(zoom: float) -> Disturbance:
    def disturb(pixels: RGB, um: float) -> Disturbed:
        size = round(pixels.shape[1] * zoom), round(pixels.shape[0] * zoom)
        method = Image.Resampling.BOX if zoom < 1 else Image.Resampling.BICUBIC
        smaller = Image.fromarray(pixels).resize(size, method)
        return Disturbed(np.asarray(smaller), um / zoom, zoom)

    return disturb


#: Kind of disturbance (its goal follows from it), name, and how it is done.
DISTURBANCES: tuple[tuple[str, str, Disturbance], ...] = (
    ("gamma", "gamma 0.8", _gamma(0.8)),
    ("gamma", "gamma 1.25", _gamma(1.25)),
    ("light", "light x0.8", _gains(0.8)),
    ("light", "light x1.2 (saturates)", _gains(1.2)),
    ("light", "vignetting, 40 % less in the corners", _vignette(0.4)),
    ("cast", "yellow cast (1, 0.95, 0.75)", _gains(1.0, 0.95, 0.75)),
    ("cast", "blue cast (0.8, 0.92, 1)", _gains(0.8, 0.92, 1.0)),
    ("cast", "green cast (0.85, 1, 0.85)", _gains(0.85, 1.0, 0.85)),
    ("cast", "violet cast (1, 0.85, 1)", _gains(1.0, 0.85, 1.0)),
    ("strong cast", "strong yellow cast (1, 0.85, 0.55)", _gains(1.0, 0.85, 0.55)),
    ("strong cast", "strong green cast (0.7, 1, 0.7)", _gains(0.7, 1.0, 0.7)),
    ("strong cast", "strong violet cast (1, 0.7, 1)", _gains(1.0, 0.7, 1.0)),
    ("scale", "scale told 20 % too small", _told(0.8)),
    ("scale", "scale told 20 % too large", _told(1.2)),
    ("scale", "scale from the red cells", _told(None)),
    ("resolution", "pixels 25 % coarser", _zoomed(0.8)),
    ("resolution", "pixels 20 % finer", _zoomed(1.25)),
    ("blur", "blur, sigma 0.3 µm", _blurred(0.3)),
    ("blur", "blur, sigma 0.5 µm", _blurred(0.5)),
    ("JPEG", "JPEG quality 75", _jpeg(75)),
    ("JPEG", "JPEG quality 50", _jpeg(50)),
    ("JPEG", "JPEG quality 30", _jpeg(30)),
    ("noise", "noise, sigma 6 of 255", _noise(6.0)),
)
#: Goal: F1 lost at most; None where none was set.
GOALS = {"gamma": 0.02, "light": 0.02, "cast": 0.02, "scale": 0.03, "blur": 0.02, "JPEG": 0.02}
