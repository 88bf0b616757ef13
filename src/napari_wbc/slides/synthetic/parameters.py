"""What a synthetic smear looks like: size, cells, stain, light and camera."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from napari_wbc.errors import InputError
from napari_wbc.slides.pixels import LARGEST_SIDE

#: The classes that can be drawn.
DRAWN_CLASSES: tuple[str, ...] = (
    "neutrophil_segmented",
    "neutrophil_band",
    "lymphocyte",
    "monocyte",
    "eosinophil",
    "basophil",
    "metamyelocyte",
    "myelocyte",
    "promyelocyte",
    "erythroblast",
)

#: The differential count of a healthy adult, as fractions.
NORMAL_ADULT: Mapping[str, float] = MappingProxyType(
    {
        "neutrophil_segmented": 0.58,
        "neutrophil_band": 0.03,
        "lymphocyte": 0.29,
        "monocyte": 0.065,
        "eosinophil": 0.028,
        "basophil": 0.007,
    }
)

#: Every class equally often: for tests and for looking at the drawings, not a differential that anyone has.
EVERY_CLASS: Mapping[str, float] = MappingProxyType(dict.fromkeys(DRAWN_CLASSES, 1 / len(DRAWN_CLASSES)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stain:
    """Colours and sharpness of one staining and camera.

    Attributes
    ----------
    background : tuple of float
        RGB of the empty glass, 0..255.
    chromatin, azure, eosin, granule, haemoglobin, plasma : tuple of float
        Optical density in R, G, B at concentration 1 of: chromatin; basophilic (RNA-rich) cytoplasm; the granules of
        eosinophils; azurophil and basophil granules; red cells; pale cytoplasm and the film of plasma.
    bend : tuple of float
        How much less chromatin absorbs per unit of concentration above 1 (a share): stray light and camera.
    contrast : float
        Contrast of the chromatin's texture; 1 is that of a sharp camera.
    grain : float
        Factor on the size of the chromatin's grains.
    blur_um : float
        Sigma of the optics' blur, µm.
    """

    background: tuple[float, float, float]
    chromatin: tuple[float, float, float]
    azure: tuple[float, float, float]
    eosin: tuple[float, float, float]
    granule: tuple[float, float, float]
    haemoglobin: tuple[float, float, float]
    plasma: tuple[float, float, float]
    bend: tuple[float, float, float] = (0.0, 0.0, 0.0)
    contrast: float = 1.0
    grain: float = 1.0
    blur_um: float = 0.07

    def density(self, dye: str) -> tuple[float, float, float]:
        """Give the optical density of a dye by its name."""
        colour: tuple[float, float, float] = getattr(self, dye)
        return colour


#: Measured on public images of the four looks (quantiles inside nuclei, cytoplasm and red cells over the background).
STAINS: Mapping[str, Stain] = MappingProxyType(
    {
        "may_gruenwald_giemsa": Stain(
            background=(254, 230, 202),
            chromatin=(0.55, 0.87, 0.19),
            azure=(0.40, 0.49, 0.13),
            eosin=(0.27, 0.80, 0.42),
            granule=(0.43, 0.90, 0.20),
            haemoglobin=(0.112, 0.165, 0.096),
            plasma=(0.115, 0.175, 0.070),
            bend=(0.29, 0.0, 0.20),
        ),
        "wright": Stain(
            background=(233, 225, 234),
            chromatin=(0.42, 0.76, 0.15),
            azure=(0.36, 0.45, 0.10),
            eosin=(0.20, 0.66, 0.36),
            granule=(0.37, 0.76, 0.17),
            haemoglobin=(0.100, 0.150, 0.105),
            plasma=(0.090, 0.155, 0.055),
            bend=(0.20, 0.0, 0.15),
            contrast=0.8,
            grain=1.2,
            blur_um=0.10,
        ),
        "giemsa_phone": Stain(
            background=(222, 191, 178),
            chromatin=(0.43, 1.08, 0.25),
            azure=(0.30, 0.49, 0.21),
            eosin=(0.24, 0.72, 0.44),
            granule=(0.36, 0.85, 0.19),
            haemoglobin=(0.182, 0.268, 0.142),
            plasma=(0.140, 0.250, 0.105),
            contrast=0.5,
            grain=2.2,
            blur_um=0.17,
        ),
        "wright_pale": Stain(
            background=(216, 217, 208),
            chromatin=(0.205, 0.330, 0.005),
            azure=(0.170, 0.240, 0.015),
            eosin=(0.110, 0.370, 0.150),
            granule=(0.190, 0.370, 0.020),
            haemoglobin=(0.057, 0.115, 0.090),
            plasma=(0.070, 0.135, 0.010),
            contrast=0.4,
            grain=1.6,
            blur_um=0.15,
        ),
    }
)


@dataclass(frozen=True, kw_only=True)
class SmearParameters:
    """All that a synthetic smear depends on; the same parameters give the same bytes.

    Attributes
    ----------
    height, width : int
        Size of the image, px.
    um_per_px : float
        Scale, 0.04 to 0.5 µm per px. The cells stay where they are (in µm) when only the scale changes.
    seed : int
        Which smear, 0 or more.
    composition : mapping of str to float
        Share of each class of :data:`DRAWN_CLASSES` among the nucleated cells; the shares are scaled to sum to 1.
    leukocytes_per_mm2 : float
        The default of 950 fills a small picture (about 40 in 240 µm x 180 µm). **Real smears have some 10 to 50 per
        mm²** where the red cells lie side by side.
    red_cells_per_mm2, platelets_per_mm2 : float
        Density of red cells (about 9,500 lie side by side; more than 12,000 do not fit) and of platelets.
    touching_fraction : float
        Share of leukocytes that touch another one; all the others stay apart.
    stain : str
        A name in :data:`STAINS`.
    stain_strength : float
        Factor on every optical density.
    exposure : float
        Factor on the light.
    tint : tuple of float
        Factors on the light in R, G and B: a colour cast.
    vignetting : float
        Loss of light in the corners of the image, 0 to 0.8.
    blur_um : float or None
        Sigma of the optics' blur, µm; None takes that of the stain's camera.
    noise : float
        Standard deviation of the sensor noise at full light, as a fraction of it.
    jpeg_quality : int or None
        Of TIFF and SVS files, 1 to 100; None compresses TIFF without loss (SVS is always JPEG, then at 90).
    """

    height: int = 1800
    width: int = 2400
    um_per_px: float = 0.1
    seed: int = 0
    composition: Mapping[str, float] = field(default_factory=lambda: dict(NORMAL_ADULT))
    leukocytes_per_mm2: float = 950.0
    red_cells_per_mm2: float = 9_000.0
    platelets_per_mm2: float = 500.0
    touching_fraction: float = 0.03
    stain: str = "may_gruenwald_giemsa"
    stain_strength: float = 1.0
    exposure: float = 1.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    vignetting: float = 0.05
    blur_um: float | None = None
    noise: float = 0.006
    jpeg_quality: int | None = None

    def __post_init__(self) -> None:
        self._check("height", self.height, 1, LARGEST_SIDE)
        self._check("width", self.width, 1, LARGEST_SIDE)
        self._check("um_per_px", self.um_per_px, 0.04, 0.5)
        self._check("seed", self.seed, 0, 2**63 - 1)
        self._check("leukocytes_per_mm2", self.leukocytes_per_mm2, 0, 1_500)
        self._check("red_cells_per_mm2", self.red_cells_per_mm2, 0, 12_000)
        self._check("platelets_per_mm2", self.platelets_per_mm2, 0, 5_000)
        self._check("touching_fraction", self.touching_fraction, 0, 0.3)
        self._check("stain_strength", self.stain_strength, 0.2, 2)
        self._check("exposure", self.exposure, 0.1, 2)
        self._check("vignetting", self.vignetting, 0, 0.8)
        if self.blur_um is not None:
            self._check("blur_um", self.blur_um, 0, 2)
        self._check("noise", self.noise, 0, 0.2)
        if len(self.tint) != 3:
            raise InputError(f"tint is {self.tint!r}; it has to be three factors, for red, green and blue")
        for factor in self.tint:
            self._check("tint", factor, 0.1, 2)
        if self.jpeg_quality is not None:
            self._check("jpeg_quality", self.jpeg_quality, 1, 100)
        if self.stain not in STAINS:
            raise InputError(f"unknown stain {self.stain!r}; choose one of {', '.join(STAINS)}")
        unknown = sorted(set(self.composition) - set(DRAWN_CLASSES))
        if unknown:
            raise InputError(
                f"a synthetic smear cannot hold the class {unknown[0]!r}; choose from {', '.join(DRAWN_CLASSES)}"
            )
        shares = list(self.composition.values())
        if any(not share >= 0 for share in shares) or not 0 < sum(shares) < math.inf:
            raise InputError(
                "the composition must give every class a share of 0 or more, and one of them above 0"
            )

    @staticmethod
    def _check(name: str, value: float, low: float, high: float) -> None:
        if not low <= value <= high:
            raise InputError(f"{name} is {value}; it has to lie between {low} and {high}")

    @property
    def shares(self) -> dict[str, float]:
        """The composition in the order of :data:`DRAWN_CLASSES`, without empty classes, summing to 1."""
        total = sum(self.composition.values())
        return {c: self.composition[c] / total for c in DRAWN_CLASSES if self.composition.get(c, 0) > 0}
