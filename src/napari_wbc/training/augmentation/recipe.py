"""How strongly each kind of augmentation acts, and in which order."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_wbc.training.augmentation.colour import chroma, density, recoloured
from napari_wbc.training.augmentation.draws import Draws
from napari_wbc.training.augmentation.geometry import cutout, geometry
from napari_wbc.training.augmentation.jpeg import jpeg
from napari_wbc.training.augmentation.light import light_field, tone, view_edge
from napari_wbc.training.augmentation.optics import optics, sensor_noise
from napari_wbc.training.augmentation.stain import draw_lab_statistics, jitter_matrices, swap_matrices
from napari_wbc.training.tables import require


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Strengths; the defaults are those of the shipped model.

    Attributes
    ----------
    turn : float
        Largest turn, degrees.
    flip : float
        Probability of a mirror image.
    scale : tuple of float
        Range of the zoom.
    shift : float
        Largest shift, as a share of the side.
    stain_swap : float
        Probability that a crop takes the stain of another one of its batch, from another domain where there is one.
    stain_lab : float
        Probability that a crop takes CIELAB statistics drawn about those of its batch instead.
    stain_jitter : float
        Spread of the logarithm of the factor on each stain.
    depth : float
        Largest change of the optical density, as a natural logarithm (0.7: half to twice): how deeply a lab stains,
        and the gamma of a camera, which is the same thing here.
    hue : float
        Spread of the rotation of all colours about the grey axis of optical density, in radians: from the blue
        violet of one lab to the magenta of another. Background stays white, and the colours of nucleus, granules
        and red cells keep their relation, which is what a class can be told by anywhere.
    light : float
        Strength of saturation, stray light, exposure, casts and vignetting; 1 is the usual range of each.
    view_edge : float
        Probability of the dark round edge of an eyepiece.
    optics : float
        Probability of blur; half of the blurred crops also lose pixels.
    sharpen : float
        Probability of the sharpening of a camera or scanner, of crops that are not blurred.
    fringe : float
        Probability of colour fringes.
    noise : float
        Largest standard deviation of the sensor noise.
    jpeg : float
        Probability of JPEG artefacts.
    cutout : float
        Probability that a patch is blanked.
    """

    turn: float = 180.0
    flip: float = 0.5
    scale: tuple[float, float] = (0.8, 1.25)
    shift: float = 0.08
    stain_swap: float = 0.5
    stain_lab: float = 0.15
    stain_jitter: float = 0.25
    depth: float = 0.85
    hue: float = 0.25
    light: float = 1.0
    view_edge: float = 0.05
    optics: float = 0.4
    sharpen: float = 0.0
    fringe: float = 0.15
    noise: float = 0.03
    jpeg: float = 0.25
    cutout: float = 0.2

    def __post_init__(self) -> None:
        for name in (
            "flip", "stain_swap", "stain_lab", "view_edge", "optics", "sharpen", "fringe", "jpeg", "cutout", "noise",
            "shift",
        ):  # fmt: skip
            value = getattr(self, name)
            require(0 <= value <= 1, f"{name} must lie between 0 and 1, not {value}")
        for name, most in (("turn", 180), ("stain_jitter", 1), ("hue", 1), ("light", 3)):
            value = getattr(self, name)
            require(0 <= value <= most, f"{name} must lie between 0 and {most}, not {value}")
        swapped = self.stain_swap + self.stain_lab
        require(
            swapped <= 1.001,
            f"stain_swap and stain_lab exclude each other; their sum is {swapped:g}, not below 1",
        )
        require(
            self.optics + self.sharpen <= 1.001,
            f"optics and sharpen exclude each other; their sum is {self.optics + self.sharpen:g}, not below 1",
        )
        low, high = self.scale
        require(0.3 <= low <= high <= 3, f"scale must be two zooms between 0.3 and 3, not {low} and {high}")

    @classmethod
    def none(cls) -> Augmentation:
        """Give an augmentation that only resizes, as a prediction does; a start for single kinds of it.

        Examples
        --------
        >>> from dataclasses import replace
        >>> replace(Augmentation.none(), turn=180.0, flip=0.5).turn
        180.0
        """
        return cls(
            turn=0.0, flip=0.0, scale=(1.0, 1.0), shift=0.0, stain_swap=0.0, stain_lab=0.0, stain_jitter=0.0,
            depth=0.0, hue=0.0, light=0.0, view_edge=0.0, optics=0.0, sharpen=0.0, fringe=0.0, noise=0.0,
            jpeg=0.0, cutout=0.0,
        )  # fmt: skip

    @torch.no_grad()
    def __call__(
        self,
        images: Tensor,
        size_px: int,
        generator: torch.Generator,
        domains: Tensor | None = None,
        view: float = 1.0,
    ) -> Tensor:
        """Augment a batch and bring it to the network's size.

        Parameters
        ----------
        images : torch.Tensor, shape (n, 3, height, width)
            In 0..1, background normalised; on any device.
        size_px : int
            Side of the result.
        generator : torch.Generator
            Source of all randomness; fastest on the device of the images.
        domains : torch.Tensor of int, shape (n,), optional
            Domain of each crop, for stains borrowed from another one.
        view : float, optional
            Share of the side of a crop that is seen; the rest comes in by turning, shifting and zooming out.

        Returns
        -------
        torch.Tensor, shape (n, 3, size_px, size_px)
            In 0..1, contiguous; ``images`` is left alone.
        """
        draws = Draws(generator, images.device)
        images = geometry(
            images,
            size_px,
            draws,
            view=view,
            turn=self.turn,
            flip=self.flip,
            scale=self.scale,
            shift=self.shift,
        )
        images = self._recolour(images, draws, domains)
        images = view_edge(images, draws, probability=self.view_edge)
        images = optics(images, draws, probability=self.optics, fringe=self.fringe, sharpen=self.sharpen)
        images = sensor_noise(images, draws, noise=self.noise)
        images = jpeg(images, draws, probability=self.jpeg)
        return cutout(images, draws, probability=self.cutout)

    def _recolour(self, images: Tensor, draws: Draws, domains: Tensor | None) -> Tensor:
        """Change stain and light: a swapped stain or drawn LAB statistics, then the rest multiplied out."""
        n = len(images)
        either = draws.share(n, min(1.0, self.stain_swap + self.stain_lab))
        swapped = either[: round(len(either) * self.stain_swap / max(1e-9, self.stain_swap + self.stain_lab))]
        images = draw_lab_statistics(images, draws, either[len(swapped) :])
        if (
            not len(swapped)
            and self.stain_jitter == 0
            and self.depth == 0
            and self.hue == 0
            and self.light == 0
        ):
            return images
        densities = density(images)
        matrix = jitter_matrices(n, draws, self.stain_jitter)
        if len(swapped):
            matrix[swapped] = matrix[swapped] @ swap_matrices(densities, draws, swapped, domains)
        deeper, saturation, glare = tone(n, draws, self.depth, self.light)
        turned = chroma(draws.normal((n,), self.hue), saturation)
        field = light_field(n, draws, self.light)
        return recoloured(densities, deeper[:, None, None] * turned @ matrix, field, glare)
