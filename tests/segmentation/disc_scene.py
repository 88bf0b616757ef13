"""Smears of discs for the tests: red cells, platelets and leukocytes at known places, drawn in optical density."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

RED_CELL = np.array([0.10, 0.26, 0.17])
NUCLEUS = np.array([0.42, 0.72, 0.16])
CYTOPLASM = np.array([0.07, 0.11, 0.03])
PLATELET = np.array([0.20, 0.34, 0.08])


@dataclass
class Scene:
    """Optical density that discs are stamped into.

    Coordinates are µm.
    """

    height_um: float
    width_um: float
    um_per_px: float = 0.1
    seed: int = 0
    leukocytes: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.shape = round(self.height_um / self.um_per_px), round(self.width_um / self.um_per_px)
        self.density = np.zeros((*self.shape, 3), np.float32)

    def disc(self, y: float, x: float, radius: float, density: np.ndarray, stretch: float = 1.0) -> None:
        """Stamp a disc; the denser of what is there and the disc stays."""
        reach = radius * stretch + 1.0
        y0, x0 = (max(0, int((v - reach) / self.um_per_px)) for v in (y, x))
        y1, x1 = (
            min(n, int((v + reach) / self.um_per_px) + 2) for n, v in zip(self.shape, (y, x), strict=True)
        )
        if y0 >= y1 or x0 >= x1:
            return
        yy, xx = np.mgrid[y0:y1, x0:x1] * self.um_per_px
        inside = np.hypot((yy - y) / stretch, xx - x) <= radius
        window = self.density[y0:y1, x0:x1]
        window[inside] = np.maximum(window[inside], density)

    def red_cells(self, per_mm2: float = 6000, keep_off: float = 12.0) -> Scene:
        """Scatter red cells, not on leukocytes."""
        for _ in range(round(per_mm2 * self.height_um * self.width_um / 1e6)):
            y, x = self.random.uniform(0, self.height_um), self.random.uniform(0, self.width_um)
            if all(np.hypot(y - a, x - b) > keep_off for a, b in self.leukocytes):
                self.disc(y, x, 3.75, RED_CELL * self.random.uniform(0.9, 1.1))
        return self

    def leukocyte(
        self,
        y: float,
        x: float,
        *,
        nucleus: float = 4.0,
        cell: float = 6.5,
        lobes: tuple[tuple[float, float], ...] = (),
    ) -> Scene:
        """Add a leukocyte; ``lobes`` are centres of lobes relative to it (radius ``nucleus``)."""
        self.leukocytes.append((y, x))
        self.disc(y, x, cell, CYTOPLASM)
        for dy, dx in lobes or ((0.0, 0.0),):
            self.disc(y + dy, x + dx, nucleus, NUCLEUS)
        return self

    def platelet(self, y: float, x: float) -> Scene:
        """Add a platelet."""
        self.disc(y, x, 1.2, PLATELET)
        return self

    def draw(
        self,
        *,
        gamma: float = 1.0,
        light: float = 1.0,
        cast: tuple[float, float, float] = (0.93, 0.9, 0.91),
        vignette=0.1,
    ) -> np.ndarray:
        """Camera image, uint8 (height, width, 3)."""
        density = ndimage.gaussian_filter(self.density, (0.2 / self.um_per_px,) * 2 + (0,))
        yy, xx = (np.linspace(-1, 1, n) for n in self.shape)
        field_light = 1 - vignette * (yy[:, None] ** 2 + xx[None] ** 2) / 2
        image = np.array(cast) * light * field_light[..., None] * 10.0**-density
        image = np.clip(image, 0, 1) ** gamma * 255 + self.random.normal(0, 1.5, density.shape)
        return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def smear(seed: int = 0, side_um: float = 160.0, um_per_px: float = 0.1) -> Scene:
    """Red cells, platelets, and leukocytes of several kinds on a lattice with jitter."""
    scene = Scene(side_um, side_um, um_per_px, seed)
    kinds = [
        {"nucleus": 4.0, "cell": 5.0},
        {"nucleus": 2.0, "cell": 6.5, "lobes": ((-2.6, -1.0), (0.0, 1.8), (2.6, -1.0))},
        {"nucleus": 5.0, "cell": 8.0},
    ]
    count = 0
    for y in np.arange(25, side_um - 15, 36):
        for x in np.arange(25, side_um - 15, 36):
            dy, dx = scene.random.uniform(-5, 5, 2)
            scene.leukocyte(y + dy, x + dx, **kinds[count % len(kinds)])
            count += 1
    scene.red_cells()
    for _ in range(15):
        scene.platelet(*scene.random.uniform(0, side_um, 2))
    return scene
