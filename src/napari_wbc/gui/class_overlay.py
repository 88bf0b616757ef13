"""The class overlay: a small Labels layer that cells are painted into, one value per class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.gui.cell_looks import CellLooks
from napari_wbc.gui.job import Later
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
from napari_wbc.gui.slices import Slices
from napari_wbc.leukocytes import class_of
from napari_wbc.masks import CellMask

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

# Outlines are as fine as the first, and up to the second so that they are seen when all of the image is.
_OUTLINE_UM = (0.25, 1.0)
_OUTLINE_SHARE = 2.6 / 1000
_FILL_ALPHA = 0.45
# So many cells are painted before anything else is done; more are painted in turns with it.
_AT_ONCE = 80
# Cells and px of one step of that.
_STEP_CELLS, _STEP_PX = 8, 4_000_000


class ClassOverlay:
    """Paints the cells of one image, and after an edit only where something changed.

    A few cells are painted at once, many in short turns of the event loop (:attr:`painting`).

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
    later : callable
        Calls a function after so many ms.
    """

    def __init__(
        self, viewer: Viewer, shape: tuple[int, int], place: dict[str, Any], style: Style, later: Later
    ) -> None:
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
        self._slices = Slices(later)
        # While all is painted anew: what was edited meanwhile, and may have been painted over.
        self._late: list[CellMask] | None = None
        self._unfinished = False

    @property
    def painting(self) -> bool:
        """Whether some cells are still to be painted."""
        return self._slices.busy

    def pause(self) -> None:
        """Stop painting, for nobody looks any more."""
        self._unfinished = self._unfinished or self.painting
        self._slices.stop()
        self._late = None

    def resume(self) -> None:
        """Paint what was left when painting was stopped."""
        if self._unfinished:
            self._paint_all()

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
        if self._late is not None:
            self._paint_all()
        else:
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
        if len(stale) <= _AT_ONCE:
            for _ in self._patches(stale):
                pass
            if self._late is not None:
                self._late += stale
        elif 2 * len(stale) > len(self._masks):
            self._paint_all()
        else:
            self._slices.begin(self._patches(stale))

    def _patches(self, stale: Sequence[CellMask]) -> Iterator[None]:
        """Paint the surroundings of cells, cell by cell."""
        height, width = self.layer.data.shape
        for mask in stale:
            margin, looks = self._rim_px(), self._looks
            assert looks is not None
            y0, x0, y1, x1 = mask.bbox
            y0, x0 = max(0, y0 - margin), max(0, x0 - margin)
            y1, x1 = min(height, y1 + margin), min(width, x1 + margin)
            if y0 >= y1 or x0 >= x1:
                continue
            top, left, bottom, right = looks.boxes.T
            near = (top < y1 + margin) & (bottom > y0 - margin)
            near &= (left < x1 + margin) & (right > x0 - margin)
            patch = np.zeros((y1 - y0, x1 - x0), np.uint8)
            self._paint_rows(patch, self._in_order(np.flatnonzero(near)), (y0, x0))
            self.layer.data[y0:y1, x0:x1] = patch
            # Where the layer is hidden, napari takes all of it as soon as it is seen.
            if self.layer.visible and self._takes_patches:
                # As when somebody paints: only these px are sent to the graphics card.
                self.layer.events.labels_update(data=patch, offset=[y0, x0])
            yield
        if self.layer.visible and not self._takes_patches:
            self.layer.refresh()

    def _paint_all(self) -> None:
        """Paint everything anew; what was going on is not needed any more."""
        self._slices.stop()
        self._unfinished = False
        steps = self._whole()
        if len(self._masks) <= _AT_ONCE:
            for _ in steps:
                pass
        else:
            self._late = []
            self._slices.begin(steps)

    def _whole(self) -> Iterator[None]:
        """Paint everything, some cells at a time."""
        pixels = self.layer.data
        rows = max(1, _STEP_PX // pixels.shape[1])
        for y in range(0, len(pixels), rows):
            pixels[y : y + rows] = 0
            yield
        order = self._in_order(np.arange(len(self._masks)))
        for first in range(0, len(order), _STEP_CELLS):
            some = order[first : first + _STEP_CELLS]
            self._paint_rows(pixels, some[some < len(self._masks)], (0, 0))
            yield
        late, self._late = self._late or [], None
        for _ in self._patches(late):
            yield
        self.layer.refresh()

    def _in_order(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Sort rows: of two cells that overlap, the first one keeps the px."""
        assert self._looks is not None
        y, x = self._looks.centres[rows].T
        return rows[np.lexsort((rows, x, y, self._looks.excluded[rows]))]

    def _paint_rows(self, labels: NDArray[np.uint8], rows: NDArray[np.intp], origin: tuple[int, int]) -> None:
        painted, marks = [], []
        for row in rows:
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
