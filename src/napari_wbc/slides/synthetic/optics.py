"""From optical density to camera pixels: light, blur and sensor noise, each a function of the position alone."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from napari_wbc.slides.synthetic.canvas import OD_STEPS
from napari_wbc.slides.synthetic.parameters import STAINS, SmearParameters

_NOISE_BLOCK = 256
_FILM_PX = 512
_NOISE_SALT, _FILM_SALT = 0x6E6F697365, 4


class Optics:
    """The light path and camera of one smear."""

    def __init__(self, parameters: SmearParameters) -> None:
        self._p = parameters
        stain = STAINS[parameters.stain]
        white = np.asarray(stain.background) * np.asarray(parameters.tint) * parameters.exposure
        self._white = white.astype(np.float32)
        steps = np.arange(2**16, dtype=np.float64)
        self._transmittance = (10 ** (-steps / OD_STEPS)).astype(np.float32)
        blur_um = stain.blur_um if parameters.blur_um is None else parameters.blur_um
        self._kernel = _gaussian_kernel(blur_um / parameters.um_per_px)
        self.halo = len(self._kernel) - 1
        self._levels = _normal_levels()
        self._film = self._make_film()

    def _make_film(self) -> NDArray[np.uint16]:
        """Make a thin, cloudy film of plasma; it repeats without a seam."""
        rng = np.random.default_rng([self._p.seed, _FILM_SALT])
        n = _FILM_PX
        spectrum = np.fft.rfft2(rng.standard_normal((n, n)))
        frequency = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None, :]) / self._p.um_per_px
        clouds = np.zeros((n, n))
        for size_um, weight in ((0.35, 0.5), (1.5, 0.6), (6.0, 0.8)):
            layer = np.fft.irfft2(spectrum * np.exp(-2 * (math.pi * size_um * frequency) ** 2), (n, n))
            clouds += weight * layer / layer.std()
        amount = np.clip(0.02 + 0.012 * clouds, 0, None)
        plasma = np.asarray(STAINS[self._p.stain].plasma)
        od = amount[..., None] * plasma * self._p.stain_strength
        film: NDArray[np.uint16] = np.rint(od * OD_STEPS).astype(np.uint16)
        return film

    def add_film(self, od: NDArray[np.uint16], y: int, x: int) -> None:
        """Lay the film over a window whose corner is at (y, x)."""
        rows = np.arange(y, y + od.shape[0]) % _FILM_PX
        columns = np.arange(x, x + od.shape[1]) % _FILM_PX
        od += self._film[rows[:, None], columns[None, :]]

    def expose(self, od: NDArray[np.uint16], y: int, x: int) -> NDArray[np.uint8]:
        """Take the picture of a window.

        Parameters
        ----------
        od : numpy.ndarray of uint16, shape (height + 2 * halo, width + 2 * halo, 3)
            Optical density, with :attr:`halo` pixels more on each side.
        y, x : int
            The window's corner on the smear (without the halo), px.

        Returns
        -------
        numpy.ndarray of uint8, shape (height, width, 3)
        """
        light = self._blurred(self._transmittance[od])
        height, width = light.shape[:2]
        light *= self._illumination(y, x, height, width)[..., None]
        light *= self._white
        if self._p.noise > 0:
            grain = self._noise(y, x, height, width)
            # Shot noise: it grows with the root of the light.
            grain *= np.sqrt(light)
            grain *= np.float32(self._p.noise * math.sqrt(255))
            light += grain
        light += np.float32(0.5)
        np.clip(light, 0, 255, out=light)
        return light.astype(np.uint8)

    def _blurred(self, light: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.halo == 0:
            return light
        rows = _blurred_rows(light, self._kernel)
        return _blurred_rows(rows.swapaxes(0, 1), self._kernel).swapaxes(0, 1)

    def _illumination(self, y: int, x: int, height: int, width: int) -> NDArray[np.float32]:
        p = self._p
        diagonal2 = (p.height**2 + p.width**2) / 4
        rows = ((np.arange(y, y + height) - p.height / 2) ** 2 / diagonal2).astype(np.float32)
        columns = ((np.arange(x, x + width) - p.width / 2) ** 2 / diagonal2).astype(np.float32)
        return np.float32(1) - np.float32(p.vignetting) * (rows[:, None] + columns[None, :])

    def _noise(self, y: int, x: int, height: int, width: int) -> NDArray[np.float32]:
        """Give standard normal noise; each block of pixels has a random stream of its own."""
        noise = np.empty((height, width, 3), np.float32)
        size = _NOISE_BLOCK
        for row in range(y // size, (y + height - 1) // size + 1):
            for column in range(x // size, (x + width - 1) // size + 1):
                bits = np.random.Philox(
                    key=[self._p.seed, _NOISE_SALT], counter=[0, row + 2**32, column + 2**32, 0]
                ).random_raw(size * size * 3 // 8)
                values = bits.astype("<u8", copy=False).view(np.uint8).reshape(size, size, 3)
                y0, x0 = max(y, row * size), max(x, column * size)
                y1, x1 = min(y + height, (row + 1) * size), min(x + width, (column + 1) * size)
                part = values[y0 - row * size : y1 - row * size, x0 - column * size : x1 - column * size]
                np.take(self._levels, part, out=noise[y0 - y : y1 - y, x0 - x : x1 - x], mode="clip")
        return noise


def _blurred_rows(light: NDArray[np.float32], kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Blur along the first axis, which gets shorter by the halo on both sides.

    Pixel by pixel the same sums in the same order: that is what makes tilings agree to the last bit.
    """
    reach = len(kernel) - 1
    end = light.shape[0] - reach
    total: NDArray[np.float32] = light[reach:end] * kernel[0]
    for shift in range(1, reach + 1):
        both = light[reach + shift : end + shift] + light[reach - shift : end - shift]
        both *= kernel[shift]
        total += both
    return total


def _gaussian_kernel(sigma_px: float) -> NDArray[np.float32]:
    """Give the middle and one side of a Gaussian; a single 1 where the blur is too small to matter."""
    if sigma_px < 0.2:
        return np.ones(1, np.float32)
    reach = max(1, math.ceil(2.7 * sigma_px))
    weights = np.exp(-0.5 * (np.arange(reach + 1) / sigma_px) ** 2)
    kernel: NDArray[np.float32] = (weights / (weights[0] + 2 * weights[1:].sum())).astype(np.float32)
    return kernel


def _normal_levels() -> NDArray[np.float32]:
    """Give 256 equally likely values of a standard normal distribution."""
    from scipy.special import ndtri

    quantiles = ndtri((np.arange(256) + 0.5) / 256)
    levels: NDArray[np.float32] = (quantiles / quantiles.std()).astype(np.float32)
    return levels
