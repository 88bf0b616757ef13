"""Cells at known places of a slide, with the crops cut where the network runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_wbc.classification.bundle import Model
from napari_wbc.classification.predict import Predictions, choose_device, predict_crops
from napari_wbc.execution.progress import CancelToken, Progress, ProgressCallback
from napari_wbc.slides.crops import CROP_PX, window_at
from napari_wbc.slides.slide import Slide, read_padded

#: Side of the parts of a slide that are taken to the device one by one, px of the level read: 50 MB each.
_PART_PX = 4096
#: Cells that are classified together: 200 MB of crops.
_TOGETHER = 4096
#: Windows that are resized together, so that their float copies stay small.
_RESIZED = 256


def predict_cells(
    model: Model,
    slide: Slide,
    centres: NDArray[np.floating],
    *,
    um_per_px: float,
    device: str = "auto",
    cancel: CancelToken | None = None,
    progress: ProgressCallback | None = None,
) -> Predictions:
    """Classify cells whose places are known, as when another model looks at a slide that was counted.

    The slide is read part by part, each pixel about once; the parts go to the device as bytes, and windows are cut,
    resized, normalised and classified there.

    Parameters
    ----------
    model : Model
        The classifier.
    slide : Slide
        Where to read.
    centres : numpy.ndarray, shape (n, 2)
        ``(y, x)`` of the cells in level-0 pixels.
    um_per_px : float
        Of level 0.
    device : {"auto", "cpu", "cuda"}
        Where to run.
    cancel, progress : optional
        A token to stop and a callback, both for each group of cells.

    Returns
    -------
    Predictions
        In the order of the centres.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_wbc as wbc
    >>> slide = wbc.open_slide(np.full((300, 300, 3), 220, np.uint8))
    >>> cells = predict_cells(wbc.load_model("robust"), slide, np.array([[150.0, 150.0]]), um_per_px=0.2)
    >>> len(cells.novelty)
    1
    """
    place = choose_device(device)
    centres = np.asarray(centres, float).reshape(-1, 2)
    groups: list[NDArray[np.intp]] = []
    found: list[Predictions] = []
    waiting: list[tuple[NDArray[np.intp], Tensor]] = []
    done = 0
    for rows, crops in _crops_by_part(slide, centres, um_per_px, model.window_um, place):
        waiting.append((rows, crops))
        done += len(rows)
        if sum(len(some) for some, _ in waiting) >= _TOGETHER or done == len(centres):
            groups.append(np.concatenate([some for some, _ in waiting]))
            together = torch.cat([some for _, some in waiting])
            waiting = []
            found.append(predict_crops(model, together, device=place, cancel=cancel))
            if progress is not None:
                progress(Progress("Classifying cells", done, len(centres), "cell"))
    if not found:
        return predict_crops(model, np.zeros((0, CROP_PX, CROP_PX, 3), np.uint8), device=place)
    back = np.argsort(np.concatenate(groups))
    return Predictions(
        **{f.name: np.concatenate([getattr(p, f.name) for p in found])[back] for f in fields(Predictions)}
    )


def _crops_by_part(
    slide: Slide, centres: NDArray[np.floating], um_per_px: float, window_um: float, device: str
) -> Iterator[tuple[NDArray[np.intp], Tensor]]:
    """Give the crops of one part of the slide after the other, with the rows of ``centres`` that they belong to."""
    window = window_at(slide, um_per_px, window_um, CROP_PX)
    corners = np.array([window.corner(y, x) for y, x in centres], np.int64).reshape(-1, 2)
    parts = corners // _PART_PX
    order = np.lexsort((parts[:, 1], parts[:, 0]))
    edges = np.flatnonzero(np.any(np.diff(parts[order], axis=0) != 0, axis=1)) + 1
    for rows in np.split(order, edges) if len(order) else []:
        first = corners[rows].min(axis=0)
        height, width = corners[rows].max(axis=0) - first + window.side
        pixels = read_padded(slide, window.level, int(first[0]), int(first[1]), int(height), int(width))
        part = torch.from_numpy(pixels).to(device)
        yield (
            rows,
            cut_windows(part, torch.from_numpy(corners[rows] - first).to(device), window.side, CROP_PX),
        )


def cut_windows(pixels: Tensor, corners: Tensor, side: int, size_px: int) -> Tensor:
    """Cut square windows out of an image on its device and resize them as Pillow does with Lanczos' filter.

    Parameters
    ----------
    pixels : torch.Tensor of uint8, shape (height, width, 3)
        The image.
    corners : torch.Tensor of int64, shape (n, 2)
        ``(y, x)`` of the upper left pixel of each window; all windows lie inside the image.
    side : int
        Of the windows, px.
    size_px : int
        Side of the result, px.

    Returns
    -------
    torch.Tensor of uint8, shape (n, size_px, size_px, 3)
        What :func:`~napari_wbc.slides.crops.crop_cells` gives, but for a grey level or two in one value of hundreds.
    """
    reach = torch.arange(side, device=pixels.device)
    weights = _lanczos(side, size_px).to(pixels.device)
    resized = []
    for start in range(0, len(corners), _RESIZED):
        some = corners[start : start + _RESIZED]
        windows = pixels[(some[:, :1] + reach)[:, :, None], (some[:, 1:] + reach)[:, None, :]]
        if side != size_px:
            planes = windows.permute(0, 3, 1, 2).float()
            # Along the rows first, in whole grey levels after each pass, as Pillow.
            planes = (planes @ weights.T).round_().clamp_(0, 255)
            planes = (weights @ planes).round_().clamp_(0, 255)
            windows = planes.to(torch.uint8).permute(0, 2, 3, 1)
        resized.append(windows)
    return torch.cat(resized)


def _lanczos(side: int, size_px: int) -> Tensor:
    """Give the weights ``(size_px, side)`` of Lanczos' filter of three lobes, widened where the image shrinks."""
    scale = side / size_px
    stretch = max(scale, 1.0)
    centre = (np.arange(size_px)[:, None] + 0.5) * scale
    distance = (np.arange(side)[None] + 0.5 - centre) / stretch
    weights = np.where(np.abs(distance) < 3.0, np.sinc(distance) * np.sinc(distance / 3.0), 0.0)
    # Pillow looks at whole pixels within the reach of the filter only.
    first = np.floor(centre - 3.0 * stretch + 0.5)
    last = np.floor(centre + 3.0 * stretch + 0.5)
    inside = (np.arange(side)[None] >= first) & (np.arange(side)[None] < last)
    weights = np.where(inside, weights, 0.0)
    return torch.from_numpy((weights / weights.sum(axis=1, keepdims=True)).astype(np.float32))
