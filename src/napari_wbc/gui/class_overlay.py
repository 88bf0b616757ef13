"""The class overlay: a small Labels layer that cells are painted into, one value per class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.gui.cell_looks import CellLooks
from napari_wbc.gui.marks import (
    EXCLUDED_COLOUR,
    EXCLUDED_VALUE,
    Mark,
    Style,
    class_value,
    paint,
    rgba,
    rgba_of,
)
from napari_wbc.leukocytes import class_of
from napari_wbc.masks import CellMask

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

# Outlines are as fine as the first, and up to the second so that they are seen when all of the image is.
_OUTLINE_UM = (0.25, 1.0)
_OUTLINE_SHARE = 2.6 / 1000
_FILL_ALPHA = 0.45
# More places than these are sent to the graphics card as one whole image.
_MOST_PATCHES = 64


class ClassOverlay:
    """Paints the cells of one image, and after an edit only where something changed.

    Of two cells that overlap, the upper one keeps the pixel, and one that counts comes before an excluded one: the
    picture depends on the cells alone, not on the order in which they came or were edited.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where it is shown.
    shape : tuple of int
        Height and width of the image, px.
    place : dict
        What puts the layer over the image, and its other properties.
    style : Style
        How to mark the cells.
    """

    def __init__(self, viewer: Viewer, shape: tuple[int, int], place: dict[str, Any], style: Style) -> None:
        from napari.layers import Labels

        self.layer: Labels = Labels(np.zeros(shape, np.uint8), visible=style is not Style.CIRCLES, **place)
        # Classes are changed through the cell table; a stroke of the brush would contradict it.
        self.layer.editable = False
        self._viewer = viewer
        self._style = style
        self._um_per_px = 0.1
        self._own_values: dict[str, int] = {}
        self._palette: dict[int, tuple[Any, ...]] = {}
        self._masks: list[CellMask] = []
        self._marks: list[Mark | None] = []
        self._looks: CellLooks | None = None

    def set_style(self, style: Style, um_per_px: float) -> None:
        """Choose how cells are marked; what was painted otherwise is painted again."""
        if style is self._style and um_per_px == self._um_per_px:
            return
        self._style, self._um_per_px = style, um_per_px
        self.layer.visible = style is not Style.CIRCLES
        if self._looks is not None:
            self._marks = self._marks_of(self._looks)
            self._paint_all()

    def show(self, masks: Sequence[CellMask], looks: CellLooks) -> None:
        """Show these cells and no others; those that are there already are not painted again.

        Parameters
        ----------
        masks : sequence of CellMask
            One per row.
        looks : CellLooks
            Of the same rows.
        """
        marks = self._marks_of(looks)
        before = {id(mask): mark for mask, mark in zip(self._masks, self._marks, strict=True)}
        kept = {id(mask) for mask in masks}
        stale = [mask for mask in self._masks if id(mask) not in kept]
        stale += [
            mask
            for mask, mark in zip(masks, marks, strict=True)
            if id(mask) not in before or before[id(mask)] != mark
        ]
        self._masks, self._marks, self._looks = list(masks), marks, looks
        self._paint(stale)

    def update(self, masks: Sequence[CellMask], looks: CellLooks, rows: Sequence[int]) -> None:
        """Show a later state of the same cells.

        Parameters
        ----------
        masks : sequence of CellMask
            One per row; there may be more or less at the end than before.
        looks : CellLooks
            Of the same rows.
        rows : sequence of int
            Rows that are others now.
        """
        n, n_before = len(masks), len(self._masks)
        gone = self._masks[n:]
        rows = sorted({*(row for row in rows if row < n), *range(n_before, n)})
        marks = self._marks_of(looks, rows)
        del self._masks[n:], self._marks[n:]
        stale = list(gone)
        for row, mark in zip(rows, marks, strict=True):
            if row >= len(self._masks):
                self._masks.append(masks[row])
                self._marks.append(mark)
            elif self._marks[row] != mark:
                self._marks[row] = mark
            else:
                continue
            stale.append(masks[row])
        self._looks = looks
        self._paint(stale)

    def set_colours(self, hidden: frozenset[str], *, excluded: bool) -> None:
        """Colour the classes that there are.

        Parameters
        ----------
        hidden : frozenset of str
            Classes that are not shown.
        excluded : bool
            Whether excluded cells are.
        """
        from napari.utils.colormaps import DirectLabelColormap

        clear = np.zeros(4, np.float32)
        looks = self._looks
        labels = [] if looks is None else list(dict.fromkeys(looks.labels))
        alpha = _FILL_ALPHA if self._style is Style.FILLED else 1.0
        known = {
            self._value(c): (class_of(c).title, clear if c in hidden else rgba(c, alpha)) for c in labels
        }
        if looks is not None and looks.excluded.any():
            known[EXCLUDED_VALUE] = "excluded", rgba_of(EXCLUDED_COLOUR) if excluded else clear
        wanted = {value: (title, *colour) for value, (title, colour) in known.items()}
        if wanted == self._palette:
            return
        self._palette = wanted
        colours: dict[int | None, NDArray[np.float32]] = {None: clear, 0: clear}
        colours |= {value: colour for value, (_, colour) in known.items()}
        self.layer.colormap = DirectLabelColormap(color_dict=colours)
        self.layer.features = pd.DataFrame(
            {"index": [0, *known], "class": ["", *(title for title, _ in known.values())]}
        )

    # ---- painting ------------------------------------------------------------------------------------------

    def _marks_of(self, looks: CellLooks, rows: Sequence[int] | None = None) -> list[Mark | None]:
        rim, filled = self._rim_px(), self._style is not Style.OUTLINES
        thin = Mark(EXCLUDED_VALUE, max(1, rim // 2))
        marks: list[Mark | None] = []
        known: dict[tuple[str, bool], Mark] = {}
        for row in range(len(looks)) if rows is None else rows:
            if looks.excluded[row]:
                marks.append(None if looks.replaced[row] else thin)
                continue
            look = looks.labels[row], bool(looks.unsure[row])
            if look not in known:
                known[look] = Mark(self._value(look[0]), None if filled else rim, look[1])
            marks.append(known[look])
        return marks

    def _paint(self, stale: Sequence[CellMask]) -> None:
        """Paint again where these cells are or were."""
        if 2 * len(stale) > len(self._masks):
            self._paint_all()
            return
        assert self._looks is not None
        margin = self._rim_px()
        boxes = self._looks.boxes + np.array([-margin, -margin, margin, margin])
        height, width = self.layer.data.shape
        patches = []
        for mask in stale:
            y0, x0, y1, x1 = mask.bbox
            y0, x0 = max(0, y0 - margin), max(0, x0 - margin)
            y1, x1 = min(height, y1 + margin), min(width, x1 + margin)
            if y0 >= y1 or x0 >= x1:
                continue
            near = (boxes[:, 0] < y1) & (boxes[:, 2] > y0) & (boxes[:, 1] < x1) & (boxes[:, 3] > x0)
            patch = np.zeros((y1 - y0, x1 - x0), np.uint8)
            self._paint_rows(patch, np.flatnonzero(near), (y0, x0))
            self.layer.data[y0:y1, x0:x1] = patch
            patches.append((patch, [y0, x0]))
        if not self.layer.visible:
            # napari takes all of it as soon as it is seen.
            return
        if len(patches) > _MOST_PATCHES or not self._takes_patches:
            self.layer.refresh()
            return
        for patch, offset in patches:
            # As when somebody paints: only these px are sent to the graphics card.
            self.layer.events.labels_update(data=patch, offset=offset)

    def _paint_all(self) -> None:
        self.layer.data[:] = 0
        self._paint_rows(self.layer.data, np.arange(len(self._masks)), (0, 0))
        self.layer.refresh()

    def _paint_rows(self, labels: NDArray[np.uint8], rows: NDArray[np.intp], origin: tuple[int, int]) -> None:
        looks = self._looks
        assert looks is not None
        y, x = looks.centres[rows].T
        painted, marks = [], []
        for row in rows[np.lexsort((rows, x, y, looks.excluded[rows]))]:
            mark = self._marks[row]
            if mark is not None:
                painted.append(self._masks[row])
                marks.append(mark)
        paint(labels, painted, marks, origin=origin)

    @property
    def _takes_patches(self) -> bool:
        """Whether what is shown are the px of the layer as they lie in its array."""
        dims = self._viewer.dims
        upright = tuple(dims.displayed) == (dims.ndim - 2, dims.ndim - 1)
        return upright and self.layer.contour == 0 and self.layer.loaded

    def _rim_px(self) -> int:
        """Width of outlines."""
        narrow, wide = (width / self._um_per_px for width in _OUTLINE_UM)
        return max(1, round(min(max(_OUTLINE_SHARE * max(self.layer.data.shape), narrow), wide)))

    def _value(self, label: str) -> int:
        return class_value(label, self._own_values)
