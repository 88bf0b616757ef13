"""Segmentation of a slide: tile by tile, in this process or in several, or of a whole image at once."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.execution.progress import CancelToken, Progress, ProgressCallback, check_cancelled
from napari_wbc.execution.tasks import engine_name, run_tasks
from napari_wbc.masks import paint_labels
from napari_wbc.segmentation.cells import FINE_UM, SegmentedCell, outline_cell
from napari_wbc.segmentation.grid import Grid, RememberingGrid
from napari_wbc.segmentation.nuclei import find_nuclei
from napari_wbc.segmentation.quality import Lattice, RegionQuality, regions_table, with_regions
from napari_wbc.segmentation.region_measures import measure_regions
from napari_wbc.segmentation.reuse import known_slide_model, slide_model_of
from napari_wbc.segmentation.slide_model import COARSE_UM, SlideModel, fit_slide_model
from napari_wbc.segmentation.tiles import Tile, plan_tiles
from napari_wbc.slides import Slide, open_slide, resolve_scale
from napari_wbc.slides.crops import CropSize, crop_cells
from napari_wbc.slides.slide import RGB
from napari_wbc.slides.unchanged import FileWatch

#: A task for a worker is this many tiles at most: enough to make up for sending it, few enough to lose little.
_MOST_TILES = 16
#: Workers that get few large tasks wait for the last one.
_LEAST_TASKS = 64


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
    crops : numpy.ndarray of uint8, shape (n, side, side, 3), or None
        A window around each cell, where they were asked for.
    done, total : int
        Tiles finished, this one included, and in all.
    """

    tile: Tile
    findings: TileFindings
    crops: RGB | None
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
        ``nucleus_area_um2``, ``cell_area_um2``, ``touches_border``, ``flags``, and the quality of the region it lies
        in, ``region_foreground_fraction`` and so on.
    regions : pandas.DataFrame
        One row per region: its box ``y0``, ``x0``, ``y1``, ``x1`` and the measures of :class:`RegionQuality`.
    slide_model : SlideModel
        Light and stain that were used.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_wbc as wbc
    >>> found = wbc.segment(np.full((64, 48, 3), 255, np.uint8), um_per_px=0.1)
    >>> found.cells.shape, found.cells.dtype, len(found.table)
    ((64, 48), dtype('int32'), 0)
    """

    nuclei: NDArray[np.int32]
    cells: NDArray[np.int32]
    table: pd.DataFrame
    regions: pd.DataFrame
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
    found = []
    for nucleus in around.nuclei:
        check_cancelled()
        cell = outline_cell(slide, nucleus, around, slide_model, coarse, fine)
        if cell is not None:
            found.append(cell)
    cells = sort_cells(found)
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
    scheduler: str | None = None,
    cancel: CancelToken | None = None,
    tiles: list[Tile] | None = None,
    crops: CropSize | None = None,
) -> Generator[TileResult, None, None]:
    """Segment a slide tile by tile.

    Parameters
    ----------
    slide : Slide
        The slide; every worker opens it for itself.
    um_per_px : float
        µm per level-0 px.
    slide_model : SlideModel, optional
        Fitted when not given.
    workers : int, optional
        Processes on this computer; 1 works in this one.
    scheduler : str, optional
        Address of a dask scheduler; its workers do the work then.
    cancel : CancelToken, optional
        Looked at before every cell here, several times a second where others work.
    tiles : list of Tile, optional
        Another plan than that of :func:`plan_tiles`; the cells do not depend on it.
    crops : CropSize, optional
        Also cut a window around each cell, where its pixels are at hand.

    Yields
    ------
    TileResult
        As the tiles are finished: in the order of the plan by one process, in any order by several.

    Raises
    ------
    Cancelled
        When ``cancel`` was set.
    WorkerError
        When workers cannot be reached or keep dying.
    """
    cancel = cancel or CancelToken()
    cancel.check()
    model = slide_model or fit_slide_model(slide, um_per_px, cancel=cancel)
    plan = plan_tiles(slide.shape, um_per_px) if tiles is None else tiles
    alone = engine_name(workers, scheduler) == "this process"
    per_task = 1 if alone else min(_MOST_TILES, max(1, len(plan) // _LEAST_TASKS))
    tasks = [plan[first : first + per_task] for first in range(0, len(plan), per_task)]
    done = 0
    for group, results in run_tasks(
        _segment_tiles,
        _Shared(slide, model, um_per_px, crops),
        tasks,
        workers=workers,
        scheduler=scheduler,
        cancel=cancel,
    ):
        for tile, (findings, cut) in zip(group, results, strict=True):
            done += 1
            yield TileResult(tile, findings, cut, done, len(plan))


@dataclass(frozen=True, slots=True)
class _Shared:
    """What every worker needs."""

    slide: Slide
    slide_model: SlideModel
    um_per_px: float
    crops: CropSize | None


def _segment_tiles(shared: _Shared, tiles: list[Tile]) -> list[tuple[TileFindings, RGB | None]]:
    """Do one task: neighbouring tiles, whose margins are read from the same part of the file."""
    results: list[tuple[TileFindings, RGB | None]] = []
    for tile in tiles:
        findings = segment_tile(shared.slide, tile, shared.slide_model, shared.um_per_px)
        crops = None
        if shared.crops is not None:
            centres = np.array([(cell.y_px, cell.x_px) for cell in findings.cells]).reshape(-1, 2)
            crops = crop_cells(
                shared.slide,
                centres,
                um_per_px=shared.um_per_px,
                window_um=shared.crops.window_um,
                size_px=shared.crops.size_px,
            )
        results.append((findings, crops))
    return results


def segment(
    image: str | Path | NDArray[np.generic] | Slide | Any,
    um_per_px: float | None = None,
    *,
    slide_model: SlideModel | str | Path | None = None,
    workers: int = 1,
    scheduler: str | None = None,
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
        Processes on this computer.
    scheduler : str, optional
        Address of a dask scheduler; its workers do the work then.
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
        When the image cannot be read, its file changed meanwhile, or ``um_per_px`` is no scale.
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
        watch = FileWatch(slide)
        known = known_slide_model(slide_model)
        scale = resolve_scale(slide, um_per_px, of_slide=known.scale if known else None)
        model = slide_model_of(slide, scale, known, cancel=cancel)
        found: list[SegmentedCell] = []
        regions: list[RegionQuality] = []
        for result in segment_slide(
            slide,
            scale.um_per_px,
            slide_model=model,
            workers=workers,
            scheduler=scheduler,
            cancel=cancel,
        ):
            found += result.findings.cells
            regions += result.findings.regions
            if progress is not None:
                progress(Progress("Finding cells", result.done, result.total, "tile"))
        watch.check(cancel=cancel)
    finally:
        if not opened:
            slide.close()
    found = sort_cells(found)
    masks, ids = [cell.mask for cell in found], range(1, len(found) + 1)
    return Segmentation(
        nuclei=paint_labels(masks, ids, slide.shape, part="nucleus"),
        cells=paint_labels(masks, ids, slide.shape, part="cell"),
        table=with_regions(cells_to_table(found), regions, Lattice(slide.shape, scale.um_per_px)),
        regions=regions_table(regions),
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
