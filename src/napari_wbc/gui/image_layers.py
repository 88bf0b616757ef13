"""From image layers to slides: which layers can be counted, what they hold, and where regions lie on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_wbc.errors import InputError

if TYPE_CHECKING:
    from napari.layers import Image, Shapes

    from napari_wbc.slides import Slide

#: Where our reader leaves path and scale in ``layer.metadata``.
METADATA_KEY = "napari_wbc"
#: What the user draws, be it a cell or a region: no class and no stain has this colour.
SKETCH_COLOUR = "#ff2bd6"

# Comparing a layer with the file that it came from reads the file once more; beyond this, the layer is trusted.
_COMPARE_PX = 64_000_000

_LENGTHS_UM = {
    "micrometer": 1.0,
    "micron": 1.0,
    "nanometer": 1e-3,
    "millimeter": 1e3,
    "centimeter": 1e4,
    "meter": 1e6,
}


def is_countable(layer: Any) -> bool:
    """Tell whether a layer is an RGB image of two dimensions, the only kind that holds a stained smear."""
    from napari.layers import Image

    return isinstance(layer, Image) and bool(layer.rgb) and layer.ndim == 2


def countable_layers(layers: Sequence[Any]) -> list[Image]:
    """Give the layers that can be counted, the topmost first."""
    return [layer for layer in reversed(list(layers)) if is_countable(layer)]


def region_layers(layers: Sequence[Any]) -> list[Shapes]:
    """Give the layers whose shapes can restrict a count, the topmost first."""
    from napari.layers import Shapes

    return [layer for layer in reversed(list(layers)) if isinstance(layer, Shapes) and layer.ndim == 2]


@dataclass(frozen=True)
class LayerImage:
    """What a worker needs to know of an image layer; taken on the GUI thread, opened in the worker.

    Attributes
    ----------
    name : str
        Of the layer.
    levels : tuple of arrays, shape (height, width, 3 or 4)
        From fine to coarse.
    path : pathlib.Path or None
        The file behind the layer.
    read_by_us : bool
        Whether our own reader made the layer; then its file can be read in its place without a look.
    um_per_px : float or None
        From the layer's scale where its units are lengths, or as our sample data says.
    """

    name: str
    levels: tuple[Any, ...]
    path: Path | None
    read_by_us: bool
    um_per_px: float | None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width at full resolution, px."""
        height, width = self.levels[0].shape[:2]
        return int(height), int(width)

    def open(self) -> Slide:
        """Open the layer as a slide: its file where that holds the same pixels, else its arrays.

        The file is preferred because it has metadata and a checksum, so that the viewer and the command line
        give the same result for it.

        Raises
        ------
        InputError
            The pixels cannot be used.
        """
        from napari_wbc.slides import open_slide

        if self.path is not None:
            try:
                slide = open_slide(self.path)
            except InputError:
                pass
            else:
                if slide.shape == self.shape and (self.read_by_us or self._same_pixels(slide)):
                    return slide
                slide.close()
        levels: Any = list(self.levels) if len(self.levels) > 1 else self.levels[0]
        return open_slide(levels, name=self.name)

    def _same_pixels(self, slide: Slide) -> bool:
        level = self.levels[0]
        if not isinstance(level, np.ndarray) or level.dtype != np.uint8:
            return False
        height, width = self.shape
        if height * width > _COMPARE_PX:
            return False
        return np.array_equal(slide.read(0, 0, 0, height, width), level[..., :3])


def read_layer(layer: Image) -> LayerImage:
    """Note what a layer holds, without reading pixels."""
    ours = layer.metadata.get(METADATA_KEY, {})
    path = ours.get("path") or layer.source.path
    return LayerImage(
        name=layer.name,
        levels=tuple(layer.data) if layer.multiscale else (layer.data,),
        path=Path(path) if path else None,
        read_by_us="path" in ours,
        um_per_px=_um_per_px(layer) or (None if path else ours.get("um_per_px")),
    )


def _um_per_px(layer: Image) -> float | None:
    """Read the scale of a layer whose axes have a unit of length; napari's default is px, which says nothing."""
    sizes = []
    for step, unit in zip(layer.scale[-2:], getattr(layer, "units", ())[-2:], strict=False):
        factor = _LENGTHS_UM.get(str(unit))
        if factor is None:
            return None
        sizes.append(abs(float(step)) * factor)
    if len(sizes) != 2 or not np.isclose(sizes[0], sizes[1], rtol=0.02):
        return None
    return float(np.mean(sizes))


def placement(layer: Image) -> dict[str, Any]:
    """Give what puts another layer exactly over this one."""
    # The data of a multiscale layer is placed by its full resolution, as ours is.
    place = {
        "scale": layer.scale,
        "translate": layer.translate,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine,
    }
    if hasattr(layer, "units"):
        place["units"] = layer.units
    return place


def region_boxes(shapes: Shapes, image: Image) -> tuple[list[tuple[float, float, float, float]], int]:
    """Give the regions of a Shapes layer on an image.

    Parameters
    ----------
    shapes : napari.layers.Shapes
        What the user drew.
    image : napari.layers.Image
        The image to restrict.

    Returns
    -------
    boxes : list of tuple of float
        ``(y0, x0, y1, x1)`` in level-0 px, cut to the image; shapes beside it are left out.
    approximated : int
        How many of them are not upright rectangles and are stood for by their bounding box.
    """
    height, width = (int(n) for n in (image.data[0] if image.multiscale else image.data).shape[:2])
    boxes, approximated = [], 0
    for corners in shapes.data:
        points = np.array([image.world_to_data(shapes.data_to_world(corner)) for corner in corners])
        # The data coordinates of napari lie on pixel centres; our boxes go from edge to edge.
        low, high = points.min(axis=0) + 0.5, points.max(axis=0) + 0.5
        y0, x0 = max(0.0, float(low[0])), max(0.0, float(low[1]))
        y1, x1 = min(float(height), float(high[0])), min(float(width), float(high[1]))
        if y0 >= y1 or x0 >= x1:
            continue
        boxes.append((y0, x0, y1, x1))
        approximated += not _is_upright(points)
    return boxes, approximated


def _is_upright(points: np.ndarray) -> bool:
    if len(points) != 4:
        return False
    return all(any(np.isclose(a, b, atol=1e-3) for a, b in zip(p, q, strict=True)) for p, q in _sides(points))


def _sides(points: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    return zip(points, np.roll(points, -1, axis=0), strict=True)
