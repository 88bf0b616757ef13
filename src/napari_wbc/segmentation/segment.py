"""Segmentation of a slide: tile by tile, in this process or in several, or of a whole image at once."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.execution.progress import CancelToken, Progress, ProgressCallback
from napari_wbc.masks import paint_labels
from napari_wbc.segmentation.cells import FINE_UM, SegmentedCell, outline_cell
from napari_wbc.segmentation.grid import Grid, RememberingGrid
from napari_wbc.segmentation.nuclei import find_nuclei
from napari_wbc.segmentation.quality import Lattice, RegionQuality
from napari_wbc.segmentation.region_measures import measure_regions
from napari_wbc.segmentation.reuse import known_slide_model, slide_model_of
from napari_wbc.segmentation.slide_model import COARSE_UM, SlideModel, fit_slide_model
from napari_wbc.segmentation.tiles import Tile, plan_tiles
from napari_wbc.slides import Slide, open_slide, resolve_scale


@dataclass(frozen=True, slots=True, eq=False)
class TileFindings:
    """What was found in one tile.

    Attributes
    ----------
    cells : list of SegmentedCell
        Those the tile owns, ordered by ``(y_px, x_px)``. Their masks may reach beyond the tile.
    regions : list of RegionQuality
        Quality of the blocks that the tile owns, row by row.
    """

    cells: list[SegmentedCell]
    regions: list[RegionQuality]


@dataclass(frozen=True, slots=True, eq=False)
class TileResult:
    """The findings of one tile.

    Attributes
    ----------
    tile : Tile
        The tile.
    findings : TileFindings
        Its cells and regions.
    done, total : int
        Tiles finished, this one included, and in all.
    """

    tile: Tile
    findings: TileFindings
    done: int
    total: int


@dataclass(slots=True, eq=False)
class Segmentation:
    """Cells and nuclei of an image.

    Attributes
    ----------
    nuclei, cells : numpy.ndarray of int32, shape (height, width)
        Label images with shared ids; 0 is background.
    table : pandas.DataFrame
        One row per cell: ``cell_id``, ``y_px``, ``x_px``, ``bbox_y0``, ``bbox_x0``, ``bbox_y1``, ``bbox_x1``,
        ``nucleus_area_um2``, ``cell_area_um2``, ``touches_border``, ``flags``.
    slide_model : SlideModel
        Light and stain that were used.
    """

    nuclei: NDArray[np.int32]
    cells: NDArray[np.int32]
    table: pd.DataFrame
    slide_model: SlideModel


def segment_tile(slide: Slide, tile: Tile, slide_model: SlideModel, um_per_px: float) -> TileFindings:
    """Segment the cells that one tile owns.

    Parameters
    ----------
    slide : Slide
        The slide.
    tile : Tile
        From :func:`plan_tiles`.
    slide_model : SlideModel
        Of the whole slide; never of the tile.
    um_per_px : float
        µm per level-0 px.

    Returns
    -------
    TileFindings
        Cells and regions; neither depends on how the slide was cut into tiles.
    """
    coarse = RememberingGrid.at(slide, um_per_px, COARSE_UM)
    fine = Grid.at(slide, um_per_px, FINE_UM, not_coarser=True)
    around = find_nuclei(slide, tile, slide_model, coarse)
    outlined = (outline_cell(slide, nucleus, around, slide_model, coarse, fine) for nucleus in around.nuclei)
    cells = sort_cells([cell for cell in outlined if cell is not None])
    lattice = Lattice(slide.shape, um_per_px)
    return TileFindings(
        cells, measure_regions(tile, lattice, slide_model, coarse, partial(coarse.read, slide))
    )


def sort_cells(cells: list[SegmentedCell]) -> list[SegmentedCell]:
    """Order cells by their centroids, top to bottom, then left to right."""
    return sorted(cells, key=lambda cell: (cell.y_px, cell.x_px))


def segment_slide(
    slide: Slide,
    um_per_px: float,
    *,
    slide_model: SlideModel | None = None,
    workers: int = 1,
    cancel: CancelToken | None = None,
    tiles: list[Tile] | None = None,
) -> Generator[TileResult, None, None]:
    """Segment a slide tile by tile.

    Parameters
    ----------
    slide : Slide
        The slide; pickled into the workers.
    um_per_px : float
        µm per level-0 px.
    slide_model : SlideModel, optional
        Fitted when not given.
    workers : int, optional
        Processes; 1 works in this one.
    cancel : CancelToken, optional
        Looked at before every tile.
    tiles : list of Tile, optional
        Another plan than that of :func:`plan_tiles`; the cells do not depend on it.

    Yields
    ------
    TileResult
        In the order of the plan.

    Raises
    ------
    Cancelled
        When ``cancel`` was set.
    """
    cancel = cancel or CancelToken()
    cancel.check()
    model = slide_model or fit_slide_model(slide, um_per_px, cancel=cancel)
    plan = plan_tiles(slide.shape, um_per_px) if tiles is None else tiles
    if workers <= 1 or len(plan) == 1:
        for done, tile in enumerate(plan, start=1):
            cancel.check()
            yield TileResult(tile, segment_tile(slide, tile, model, um_per_px), done, len(plan))
        return
    # Spawned, not forked: a fork of a process with threads (a viewer, torch) may hang.
    pool = ProcessPoolExecutor(
        min(workers, len(plan)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(slide, model, um_per_px),
    )
    finished = False
    try:
        waiting: deque[tuple[Tile, Future[TileFindings]]] = deque()
        upcoming = iter(plan)
        for done in range(1, len(plan) + 1):
            # A short queue: memory stays flat however many tiles there are.
            while len(waiting) < 3 * workers and (following := next(upcoming, None)) is not None:
                with _without_ctrl_c():
                    waiting.append((following, pool.submit(_segment_in_worker, following)))
            tile, future = waiting.popleft()
            findings = _await(future, cancel)
            yield TileResult(tile, findings, done, len(plan))
        finished = True
    finally:
        if not finished:
            # Workers only read, so a cancelled job can drop them at once, also those that are still starting.
            # (From Python 3.14 on, the pool has terminate_workers for this.)
            for process in list(pool._processes.values()):
                process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Hold Ctrl-C back from processes that start here: it reaches every process of a terminal, and one decides."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_worker_job: tuple[Slide, SlideModel, float] | None = None


def _start_worker(slide: Slide, model: SlideModel, um_per_px: float) -> None:
    global _worker_job
    _worker_job = (slide, model, um_per_px)


def _segment_in_worker(tile: Tile) -> TileFindings:
    assert _worker_job is not None
    slide, model, um_per_px = _worker_job
    return segment_tile(slide, tile, model, um_per_px)


def _await(future: Future[TileFindings], cancel: CancelToken) -> TileFindings:
    while True:
        cancel.check()
        try:
            return future.result(timeout=0.2)
        except TimeoutError:
            if future.done():
                raise


def segment(
    image: str | Path | NDArray[np.generic] | Slide | Any,
    um_per_px: float | None = None,
    *,
    slide_model: SlideModel | str | Path | None = None,
    workers: int = 1,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Segmentation:
    """Find the leukocytes of an image, with the outlines of cells and nuclei.

    Parameters
    ----------
    image : str, Path, array of shape (height, width, 3) or Slide
        RGB.
    um_per_px : float, optional
        µm per px; from the metadata, the slide model or the red cells when not given.
    slide_model : SlideModel, str or Path, optional
        The stain of another field of this slide, or the ``run.json`` that holds it; fitted when not given. The
        light is that of this image (:func:`~napari_wbc.segmentation.relight`).
    workers : int, optional
        Processes.
    progress : callable, optional
        Called with a :class:`~napari_wbc.execution.Progress` after every tile.
    cancel : CancelToken, optional
        Stops the job at the next tile.

    Returns
    -------
    Segmentation
        Label images of the size of the image, and a table.

    Raises
    ------
    InputError
        When the image cannot be read or ``um_per_px`` is no scale.
    ScaleUnknownError
        When nothing tells the scale.
    Cancelled
        When ``cancel`` was set.

    Examples
    --------
    >>> import numpy as np
    >>> white = np.full((64, 64, 3), 255, np.uint8)
    >>> len(segment(white, um_per_px=0.1).table)
    0
    """
    opened = isinstance(image, Slide)
    slide = image if isinstance(image, Slide) else open_slide(image)
    try:
        known = known_slide_model(slide_model)
        scale = resolve_scale(slide, um_per_px, of_slide=known.scale if known else None)
        model = slide_model_of(slide, scale, known, cancel=cancel)
        found: list[SegmentedCell] = []
        for result in segment_slide(
            slide, scale.um_per_px, slide_model=model, workers=workers, cancel=cancel
        ):
            found += result.findings.cells
            if progress is not None:
                progress(Progress("Finding cells", result.done, result.total, "tile"))
    finally:
        if not opened:
            slide.close()
    found = sort_cells(found)
    masks, ids = [cell.mask for cell in found], range(1, len(found) + 1)
    return Segmentation(
        nuclei=paint_labels(masks, ids, slide.shape, part="nucleus").astype(np.int32, copy=False),
        cells=paint_labels(masks, ids, slide.shape, part="cell").astype(np.int32, copy=False),
        table=cells_to_table(found),
        slide_model=model,
    )


def cells_to_table(cells: list[SegmentedCell]) -> pd.DataFrame:
    """Put cells into a table, ``cell_id`` counting from 1 in their order."""
    boxes = np.array([cell.mask.bbox for cell in cells], np.int64).reshape(-1, 4)
    return pd.DataFrame(
        {
            "cell_id": np.arange(1, len(cells) + 1, dtype=np.int64),
            "y_px": np.array([cell.y_px for cell in cells], np.float64),
            "x_px": np.array([cell.x_px for cell in cells], np.float64),
            **{f"bbox_{name}": boxes[:, k] for k, name in enumerate(("y0", "x0", "y1", "x1"))},
            "nucleus_area_um2": np.array([cell.nucleus_area_um2 for cell in cells], np.float64),
            "cell_area_um2": np.array([cell.cell_area_um2 for cell in cells], np.float64),
            "touches_border": np.array([cell.touches_border for cell in cells], bool),
            "flags": pd.Series([";".join(cell.flags) for cell in cells], dtype=object),
        }
    )
