"""Cells on their way from the tiles to the cell table, and the form in which a journal keeps them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc import cell_table
from napari_wbc.execution.progress import CancelToken, check_cancelled
from napari_wbc.masks import CellMask
from napari_wbc.segmentation.quality import RegionQuality
from napari_wbc.segmentation.tiles import Tile
from napari_wbc.slides.crops import CROP_PX, CropSize

if TYPE_CHECKING:
    from napari_wbc.classification.bundle import Model
    from napari_wbc.segmentation.cells import SegmentedCell
    from napari_wbc.segmentation.segment import TileResult

# Tiles are classified together as soon as they hold this many cells, or are this many: what waits is lost in a crash.
_ENOUGH_CELLS, _ENOUGH_TILES = 16, 16
# Compressed at a time, bytes.
_PIECE = 1 << 18
# A slide with a million cells, unpacked, bytes.
_LARGEST = 3 << 30
_BOX = ("bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1")


@dataclass(eq=False)
class Found:
    """What was found in some tiles, classified.

    Attributes
    ----------
    tiles : list of Tile
        Those that are finished with this.
    regions : list of RegionQuality
        Quality of the blocks that these tiles own.
    cells : pandas.DataFrame
        Columns of the cell table, without those that are the same for the whole slide.
    masks : list of CellMask
        One per row of ``cells``.
    embeddings : numpy.ndarray of float16, shape (n, d)
        One row per row of ``cells``.
    """

    tiles: list[Tile]
    regions: list[RegionQuality]
    cells: pd.DataFrame
    masks: list[CellMask]
    embeddings: NDArray[np.float16]

    def to_bytes(self) -> bytes:
        """Give all of it, to the last bit, as plain arrays: reading them back can run no code."""
        plain = {
            "tiles": [astuple(tile) for tile in self.tiles],
            "regions": [astuple(region) for region in self.regions],
            "cells": self.cells.to_dict("list"),
            "dtypes": self.cells.dtypes.astype(str).to_dict(),
            "runs": [(len(mask.cell_runs), len(mask.nucleus_runs)) for mask in self.masks],
        }
        runs = b"".join(mask.cell_runs + mask.nucleus_runs for mask in self.masks)
        file = io.BytesIO()
        arrays: dict[str, NDArray[Any]] = {
            "plain": np.frombuffer(json.dumps(plain).encode(), np.uint8),
            "runs": np.frombuffer(runs, np.uint8),
            "embeddings": self.embeddings,
        }
        # What numpy.savez_compressed does, in pieces: it takes seconds for a whole slide.
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in arrays.items():
                content = io.BytesIO()
                np.save(content, array, allow_pickle=False)
                content.seek(0)
                with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                    for piece in iter(partial(content.read, _PIECE), b""):
                        entry.write(piece)
                        check_cancelled()
        return file.getvalue()

    @classmethod
    def from_bytes(cls, record: bytes) -> Found:
        """Read back what :meth:`to_bytes` gave.

        Raises
        ------
        ValueError, LookupError, TypeError, AttributeError, OSError, zipfile.BadZipFile
            It is something else.
        """
        check_size(record)
        with np.load(io.BytesIO(record), allow_pickle=False) as arrays:
            plain = json.loads(arrays["plain"].tobytes())
            runs, embeddings = io.BytesIO(arrays["runs"].tobytes()), arrays["embeddings"]
        cells = pd.DataFrame(plain["cells"]).astype(plain["dtypes"])
        return cls(
            tiles=[Tile(*tile) for tile in plain["tiles"]],
            regions=[RegionQuality(*region) for region in plain["regions"]],
            cells=cells,
            masks=[
                CellMask.from_runs(tuple(map(int, box)), runs.read(cell), runs.read(nucleus))  # type: ignore[arg-type]
                for box, (cell, nucleus) in zip(
                    cells[list(_BOX)].to_numpy(np.int64), plain["runs"], strict=True
                )
            ],
            embeddings=embeddings,
        )


def check_size(archive: bytes) -> None:
    """Refuse a ``.npz`` that would not fit into memory, before anything of it is unpacked.

    Raises
    ------
    ValueError
        It holds more than 3 GB.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        size = sum(entry.file_size for entry in files.infolist())
    if size > _LARGEST:
        raise ValueError(f"it would unpack to {size / 1e9:.0f} GB")


class FoundCells:
    """Takes cells as the tiles bring them, classifies them, and orders them at the end.

    Neither the order in which the tiles come nor their company shows in the end. Crops are let go of after they were
    classified: the report reads the few that it shows again.

    Parameters
    ----------
    slide_name : str
        For the table.
    model : Model
        The classifier.
    device : str
        Where it runs.
    counts : callable
        Tells of a cell whether it counts; the others are dropped.
    cancel : CancelToken
        Looked at before every batch.
    """

    def __init__(
        self,
        slide_name: str,
        model: Model,
        device: str,
        counts: Callable[[SegmentedCell], bool],
        cancel: CancelToken,
    ) -> None:
        self._slide_name, self._model, self._device = slide_name, model, device
        self._counts, self._cancel = counts, cancel
        self._waiting: list[TileResult] = []
        self._found: list[Found] = []
        self._n_cells = 0

    @property
    def crop_size(self) -> CropSize:
        """The crops that the classifier wants with the cells."""
        return CropSize(self._model.window_um, CROP_PX)

    def add(self, result: TileResult, *, last: bool) -> Found | None:
        """Take the findings of a tile.

        Returns
        -------
        Found or None
            Of this and earlier tiles, when enough has come together or it is the ``last``.
        """
        self._waiting.append(result)
        cells = sum(len(waiting.findings.cells) for waiting in self._waiting)
        if not last and cells < _ENOUGH_CELLS and len(self._waiting) < _ENOUGH_TILES:
            return None
        waiting, self._waiting = self._waiting, []
        found = self._classified(waiting)
        self.take(found)
        return found

    def take(self, found: Found) -> None:
        """Take what was classified before."""
        self._found.append(found)
        self._n_cells += len(found.masks)

    def table(self, found: Found) -> pd.DataFrame:
        """Give the latest cells with every column of the cell table, numbered in the order of their coming."""
        first = self._n_cells - len(found.masks) + 1
        return self._table(found.cells, range(first, self._n_cells + 1))

    def ordered(self) -> tuple[pd.DataFrame, list[CellMask], NDArray[np.float16], list[RegionQuality]]:
        """Give table, masks and embeddings by (y, x), and the regions row by row."""
        regions = sorted((r for found in self._found for r in found.regions), key=lambda r: (r.y0, r.x0))
        if self._n_cells == 0:
            empty = np.zeros((0, 0), np.float16)
            return cell_table.empty_table(self._model.classes), [], empty, regions
        some = [found for found in self._found if found.masks]
        cells = pd.concat([found.cells for found in some], ignore_index=True)
        # Boxes only decide where a nucleus lies in the very middle of another one.
        order = np.lexsort([cells[name] for name in (*_BOX, "x_px", "y_px")])
        masks = [mask for found in some for mask in found.masks]
        return (
            cell_table.conform(self._table(cells.iloc[order], range(1, len(cells) + 1))),
            [masks[i] for i in order],
            np.concatenate([found.embeddings for found in some])[order],
            regions,
        )

    def _table(self, cells: pd.DataFrame, ids: Iterable[int]) -> pd.DataFrame:
        return cells.reset_index(drop=True).assign(
            cell_id=np.fromiter(ids, np.int64),
            status="model",
            slide=self._slide_name,
            model_sha256=self._model.sha256,
        )

    def _classified(self, results: Sequence[TileResult]) -> Found:
        cells, crops = [], []
        for result in results:
            assert result.crops is not None
            for cell, crop in zip(result.findings.cells, result.crops, strict=True):
                if self._counts(cell):
                    cells.append(cell)
                    crops.append(crop)
        stack = np.array(crops, np.uint8).reshape(-1, CROP_PX, CROP_PX, 3)
        table, embeddings = classified_table(self._model, cells, stack, self._device, self._cancel)
        return Found(
            tiles=[result.tile for result in results],
            regions=[region for result in results for region in result.findings.regions],
            cells=table,
            masks=[cell.mask for cell in cells],
            embeddings=embeddings,
        )


def classified_table(
    model: Model,
    cells: list[SegmentedCell],
    crops: NDArray[np.uint8],
    device: str,
    cancel: CancelToken | None = None,
) -> tuple[pd.DataFrame, NDArray[np.float16]]:
    """Classify cells.

    Parameters
    ----------
    model : Model
        The classifier.
    cells : list of SegmentedCell
        The cells.
    crops : numpy.ndarray of uint8, shape (n, side, side, 3)
        A window around each.
    device : str
        Where the classifier runs.
    cancel : CancelToken, optional
        Looked at before every batch.

    Returns
    -------
    table : pandas.DataFrame
        Columns of the cell table, without those that are the same for the whole slide.
    embeddings : numpy.ndarray of float16, shape (n, d)
        One row per cell.
    """
    from napari_wbc.classification.predict import label_predictions, predict_crops
    from napari_wbc.segmentation.segment import cells_to_table

    predictions = predict_crops(model, crops, device=device, cancel=cancel)
    labels = label_predictions(model, predictions)
    classified: dict[str, Any] = {
        "label": np.array(labels.label, object),
        "model_label": np.array(labels.model_label, object),
        "confidence": labels.confidence,
        **{f"p_{name}": predictions.probabilities[:, i] for i, name in enumerate(model.classes)},
        "novelty": predictions.novelty,
        "flags": np.array(
            [_joined(*cell.flags, flag) for cell, flag in zip(cells, labels.flags, strict=True)], object
        ),
    }
    # They get their numbers from all cells together, and their flags also from the classifier.
    segmented = cells_to_table(cells).drop(columns=["cell_id", "flags"])
    return segmented.assign(**classified), predictions.embeddings.astype(np.float16)


def _joined(*flags: str) -> str:
    """Join flags with ``;``, each once, in the order of their coming."""
    return ";".join(dict.fromkeys(flag for flag in flags if flag))
