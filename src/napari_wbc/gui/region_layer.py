"""The quality of the regions in the viewer: a layer of coloured blocks that tell their measures under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.differential.smear_quality import FAULTS, region_faults
from napari_wbc.gui.image_layers import placement

if TYPE_CHECKING:
    from napari.layers import Image, Labels
    from napari.viewer import Viewer

    from napari_wbc.count_result import CountResult

#: What a region is, and its colour; where several hold, the last one in this order shows.
KINDS: dict[str, tuple[str, str]] = {
    "good": ("good", "#3fa34d"),
    "thin": ("thin", "#3f8fd0"),
    "thick": ("thick or crowded", "#e8a33d"),
    "out_of_focus": ("out of focus", "#b04fc4"),
    "not_measured": ("not measured", "#8a8a8a"),
}
_OPACITY = 0.25
_DIGITS = {
    "foreground_fraction": 2,
    "crowding": 1,
    "clustered_fraction": 2,
    "pallor_fraction": 2,
    "sharpness": 2,
}


class RegionLayer:
    """The layer with the quality of the regions of one image; it is there while it is wanted and there is a result.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where to show.
    image : napari.layers.Image
        What was counted.
    """

    def __init__(self, viewer: Viewer, image: Image) -> None:
        self.layer: Labels | None = None
        self._viewer = viewer
        self._image = image

    def show(self, result: CountResult | None, *, wanted: bool) -> None:
        """Show the regions of a result, or nothing where it is not wanted or there is none."""
        from napari.layers import Labels
        from napari.utils.colormaps import DirectLabelColormap
        from napari.utils.colormaps.standardize_color import transform_color

        self.remove()
        if result is None or not wanted:
            return
        blocks, features = region_blocks(result)
        # As arrays: napari takes its time over 30,000 names of colours, and a slide has as many blocks.
        chips = {kind: transform_color(colour)[0] for kind, (_, colour) in KINDS.items()}
        colours: dict[int | None, NDArray[np.float32]] = dict(
            zip(features["index"], features.pop("kind").map(chips), strict=True)
        )
        colours |= dict.fromkeys((None, 0), np.zeros(4, np.float32))
        height, width = result.slide.shape
        block = np.array([height / blocks.shape[0], width / blocks.shape[1]])
        self.layer = Labels(
            blocks,
            name=f"{self._image.name} region quality",
            opacity=_OPACITY,
            colormap=DirectLabelColormap(color_dict=colours),
            features=features,
            **_placed(self._image, block),
        )
        self.layer.editable = False
        active = self._viewer.layers.selection.active
        # Below the marks of the cells, right above the image; what was active stays so.
        self._viewer.layers.insert(self._viewer.layers.index(self._image) + 1, self.layer)
        self._viewer.layers.selection.active = active

    def set_visible(self, visible: bool) -> None:
        """Show or hide the layer, if there is one."""
        if self.layer is not None:
            self.layer.visible = visible

    def remove(self) -> None:
        """Take the layer out of the viewer, if the user has not done so."""
        if self.layer is not None and self.layer in self._viewer.layers:
            self._viewer.layers.remove(self.layer)
        self.layer = None


def region_blocks(result: CountResult) -> tuple[NDArray[np.int32], pd.DataFrame]:
    """Give the regions of a result as a label image with one px per block.

    Returns
    -------
    blocks : numpy.ndarray of int32, shape (rows, columns)
        Numbers from 1 on, row by row.
    features : pandas.DataFrame
        One row per number: ``index``, ``region`` (what it is, in words), the measures, and ``kind``, a key of
        :data:`KINDS`.
    """
    from napari_wbc.segmentation.quality import MEASURES, Lattice, quality_map

    lattice = Lattice(result.slide.shape, result.scale.um_per_px)
    values = quality_map(result.region_quality, lattice)
    rows, columns = values.shape[:2]
    measures = pd.DataFrame(values.reshape(-1, len(MEASURES)), columns=list(MEASURES))
    faults = region_faults(measures.add_prefix("region_"))
    measured = measures["foreground_fraction"].notna()
    kind = pd.Series("good", index=measures.index)
    for name in KINDS:
        if name in FAULTS:
            kind[faults[name]] = name
    kind[~measured] = "not_measured"
    words = pd.Series([_words(row) for row in faults.to_dict("records")]).where(
        measured, KINDS["not_measured"][0]
    )
    features = pd.concat(
        [
            pd.Series(np.arange(1, len(measures) + 1), name="index"),
            words.rename("region"),
            measures.round(_DIGITS),
            kind.rename("kind"),
        ],
        axis=1,
    )
    blocks = np.arange(1, rows * columns + 1, dtype=np.int32).reshape(rows, columns)
    background = pd.DataFrame([{"index": 0, "region": "", "kind": "not_measured"}])
    return blocks, pd.concat([background, features], ignore_index=True)


def _words(faults: dict[Any, Any]) -> str:
    return ", ".join(KINDS[name][0] for name in FAULTS if faults[name]) or KINDS["good"][0]


def _placed(image: Image, block: NDArray[np.float64]) -> dict[str, Any]:
    """Place px of the size of a block over an image: the corner of the first one lies on that of the image."""
    place = placement(image)
    # The centre of the first block lies so many px of the image off the centre of its first px.
    offset = (block - 1) / 2
    origin = np.zeros(2)
    moved = np.subtract(image.data_to_world(offset), image.data_to_world(origin))[-2:]
    # The affine comes after the translation, so it has to be taken out of what is seen.
    moved = np.linalg.solve(np.asarray(image.affine.linear_matrix)[-2:, -2:], moved)
    place["scale"] = np.asarray(image.scale) * block
    place["translate"] = np.asarray(image.translate) + moved
    return place
