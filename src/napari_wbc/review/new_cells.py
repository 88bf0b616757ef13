"""Cells that a person adds: outlined, measured and classified as all the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_wbc.execution.progress import CancelToken
from napari_wbc.found_cells import classified_table
from napari_wbc.review.edits import NewCell
from napari_wbc.segmentation.drawn import merged_mask, outlined_cell, polygon_mask, split_mask
from napari_wbc.segmentation.morphology import Mask
from napari_wbc.segmentation.quality import Lattice, with_regions
from napari_wbc.slides.crops import CROP_PX, crop_cells

if TYPE_CHECKING:
    from napari_wbc.classification.bundle import Model
    from napari_wbc.review.session import ReviewSession


def drawn_cell(
    session: ReviewSession,
    model: Model,
    corners: NDArray[np.floating],
    *,
    device: str = "auto",
    cancel: CancelToken | None = None,
) -> NewCell:
    """Make a cell of an outline that a person drew.

    Parameters
    ----------
    session : ReviewSession
        Of the slide.
    model : Model
        The one that classified its other cells.
    corners : numpy.ndarray, shape (n, 2)
        Of the outline, ``(y, x)`` in level-0 px (pixel centres are whole numbers).
    device : {"auto", "cpu", "cuda"}
        Where the model runs.
    cancel : CancelToken, optional
        Stops the work.

    Returns
    -------
    NewCell
        For :meth:`ReviewSession.add`.

    Raises
    ------
    InputError
        The outline cannot be that of a cell.
    """
    part = polygon_mask(corners, session.count.slide.shape)
    return _made(session, model, [part], device, cancel)[0]


def split_cell(
    session: ReviewSession,
    model: Model,
    row: int,
    line: NDArray[np.floating] | None = None,
    *,
    device: str = "auto",
    cancel: CancelToken | None = None,
) -> list[NewCell]:
    """Cut a cell in two, along a line or at the neck of its nucleus; for :meth:`ReviewSession.split`.

    Raises
    ------
    InputError
        The line does not run across it, or there is no narrow place.
    """
    return _made(session, model, split_mask(session.masks[row], line), device, cancel)


def merged_cell(
    session: ReviewSession,
    model: Model,
    rows: Sequence[int],
    *,
    device: str = "auto",
    cancel: CancelToken | None = None,
) -> NewCell:
    """Join cells; for :meth:`ReviewSession.merge`.

    Raises
    ------
    InputError
        Together they are too large for one cell.
    """
    part = merged_mask([session.masks[row] for row in rows])
    return _made(session, model, [part], device, cancel)[0]


def _made(
    session: ReviewSession,
    model: Model,
    parts: Sequence[tuple[Mask, tuple[int, int]]],
    device: str,
    cancel: CancelToken | None,
) -> list[NewCell]:
    from napari_wbc.classification.predict import choose_device

    count = session.count
    slide, um_per_px = count.slide, count.scale.um_per_px
    cells = [outlined_cell(slide, count.slide_model, um_per_px, mask, corner) for mask, corner in parts]
    crops = crop_cells(
        slide,
        np.array([(cell.y_px, cell.x_px) for cell in cells]),
        um_per_px=um_per_px,
        window_um=model.window_um,
        size_px=CROP_PX,
    )
    table, embeddings = classified_table(model, cells, crops, choose_device(device), cancel)
    table = table.assign(status="reviewed", slide=slide.name, model_sha256=model.sha256)
    table = with_regions(table, count.region_quality, Lattice(slide.shape, um_per_px))
    return [
        NewCell({str(name): value for name, value in row.items()}, cell.mask, embedding)
        for row, cell, embedding in zip(table.to_dict("records"), cells, embeddings, strict=True)
    ]
