"""Cells on their way from the tiles to the cell table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc import cell_table
from napari_wbc.execution.progress import CancelToken
from napari_wbc.masks import CellMask

if TYPE_CHECKING:
    from napari_wbc.classification.bundle import Model
    from napari_wbc.segmentation.cells import SegmentedCell
    from napari_wbc.slides import Slide

# Cells are classified as soon as this many are waiting: a fixed number, so that a run repeats itself exactly.
_BATCH_CELLS = 16


@dataclass
class FoundCells:
    """Takes cells as the tiles bring them, classifies them in batches, and orders them at the end.

    Crops are let go of after their batch: the report reads the few that it shows again.
    """

    slide: Slide
    um_per_px: float
    model: Model
    device: str
    cancel: CancelToken
    masks: list[CellMask] = field(default_factory=list)
    _waiting: list[SegmentedCell] = field(default_factory=list)
    _chunks: list[pd.DataFrame] = field(default_factory=list)
    _embeddings: list[NDArray[np.float32]] = field(default_factory=list)

    def add(self, cells: Sequence[SegmentedCell], *, last: bool) -> pd.DataFrame | None:
        """Take the cells of a tile; give the rows that were classified by it, if any."""
        self._waiting.extend(cells)
        if not self._waiting or (len(self._waiting) < _BATCH_CELLS and not last):
            return None
        waiting, self._waiting = self._waiting, []
        chunk = self._classify(waiting)
        self.masks.extend(cell.mask for cell in waiting)
        self._chunks.append(chunk)
        return chunk

    def _classify(self, cells: Sequence[SegmentedCell]) -> pd.DataFrame:
        from napari_wbc.classification.predict import label_predictions, predict_crops
        from napari_wbc.slides.crops import crop_cells

        centres = np.array([(cell.y_px, cell.x_px) for cell in cells])
        crops = crop_cells(
            self.slide,
            centres,
            um_per_px=self.um_per_px,
            window_um=self.model.window_um,
            size_px=self.model.input_px,
        )
        predictions = predict_crops(self.model, crops, device=self.device, cancel=self.cancel)
        labels = label_predictions(self.model, predictions)
        self._embeddings.append(predictions.embeddings)
        boxes = np.array([cell.mask.bbox for cell in cells])
        table = {
            "cell_id": len(self.masks) + 1 + np.arange(len(cells)),
            "y_px": centres[:, 0],
            "x_px": centres[:, 1],
            **{name: boxes[:, i] for i, name in enumerate(("bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1"))},
            "nucleus_area_um2": [cell.nucleus_area_um2 for cell in cells],
            "cell_area_um2": [cell.cell_area_um2 for cell in cells],
            "touches_border": [cell.touches_border for cell in cells],
            "label": labels.label,
            "model_label": labels.model_label,
            "confidence": labels.confidence,
            **{f"p_{name}": predictions.probabilities[:, i] for i, name in enumerate(self.model.classes)},
            "novelty": predictions.novelty,
            "status": "model",
            "flags": [_joined(*cell.flags, flag) for cell, flag in zip(cells, labels.flags, strict=True)],
            "slide": self.slide.name,
            "model_sha256": self.model.sha256,
        }
        return pd.DataFrame(table)

    def ordered(self) -> tuple[pd.DataFrame, list[CellMask], NDArray[np.float32]]:
        """Give table, masks and embeddings by (y, x), so that they do not depend on the tiling."""
        if not self._chunks:
            return cell_table.empty_table(self.model.classes), [], np.zeros((0, 0), np.float32)
        table = pd.concat(self._chunks, ignore_index=True)
        order = np.lexsort((table["x_px"], table["y_px"]))
        table = table.iloc[order].reset_index(drop=True)
        table["cell_id"] = np.arange(1, len(table) + 1)
        return (
            cell_table.conform(table),
            [self.masks[i] for i in order],
            np.concatenate(self._embeddings)[order],
        )


def _joined(*flags: str) -> str:
    """Join flags with ``;``, each once, in the order of their coming."""
    return ";".join(dict.fromkeys(flag for flag in flags if flag))
