"""From a downloaded data set to a manifest: found, checked, grouped."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from napari_wbc.classification.crops import centre_crop
from napari_wbc.errors import InputError
from napari_wbc.execution.progress import CancelToken, Progress, ProgressCallback
from napari_wbc.slides import open_slide
from napari_wbc.slides.crops import CROP_PX, WINDOW_UM, crop_cells
from napari_wbc.training.adapters import DATASETS, FoundImage
from napari_wbc.training.groups import near_duplicate_groups, thumbnails
from napari_wbc.training.manifests import read_rgb, write_manifest

#: Images that a process reads at a time: enough to make up for asking, few enough to stop soon.
_CHUNK = 128


def make_manifest(
    folder: str | Path,
    dataset: str,
    out: str | Path,
    *,
    domain: str = "",
    um_per_px: float | None = None,
    workers: int = 1,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> pd.DataFrame:
    """Turn a downloaded data set into a manifest.

    Every image is opened once. Images of the same slide or patient, where the data set names them, and images of the
    same cell get one group (:mod:`napari_wbc.training.groups`).

    Parameters
    ----------
    folder : str or Path
        The unpacked download, or any folder around it.
    dataset : str
        One of :data:`napari_wbc.training.adapters.DATASETS`.
    out : str or Path
        The CSV file to write. Cells that have to be cut from fields go into ``<out>_cells`` beside it.
    domain : str, optional
        Name of the laboratory; that of the data set, or of the folder, when not given.
    um_per_px : float, optional
        Scale; that of the data set when not given.
    workers : int, optional
        Processes that read images.
    progress, cancel : optional
        A callback and a token to stop.

    Returns
    -------
    pandas.DataFrame
        What was written: the columns of :func:`napari_wbc.training.manifests.read_manifest`.

    Raises
    ------
    InputError
        The folder does not look like the data set, an image cannot be read, or nothing tells the scale.
    """
    folder, out = Path(folder), Path(out)
    if dataset not in DATASETS:
        raise InputError(f"there is no adapter {dataset!r}; choose one of {', '.join(DATASETS)}")
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; give the one that the download was unpacked to")
    published = DATASETS[dataset]
    scale = um_per_px or published.um_per_px
    if scale is None:
        raise InputError(
            f"{folder}: nothing tells the scale of {published.title}; give --um-per-px (a red cell is 7.5 µm wide)"
        )
    cancel = cancel or CancelToken()
    found = published.find(folder)
    if not found:
        raise InputError(
            f"{folder} holds no image of {published.title}; give the folder of its unpacked download"
        )
    found = _with_windows(found, out, scale, cancel)
    small = _thumbnails([str(f.path) for f in found], scale, workers, progress, cancel)
    rows = pd.DataFrame(
        {
            "path": [str(f.path.resolve()) for f in found],
            "domain": domain or (folder.resolve().name if dataset == "folders" else published.name),
            "label": [f.label for f in found],
            "label_raw": [f.label_raw for f in found],
            "group": near_duplicate_groups(small, [f.group for f in found]),
            "um_per_px": round(scale, 6),
            "split": [f.split for f in found],
            "license": published.license,
        }
    )
    # A publisher's split may tear a slide apart; then it is none.
    told = rows.loc[rows["split"] != "", ["group", "split"]].drop_duplicates()
    if told["group"].duplicated().any():
        rows["split"] = ""
    write_manifest(rows, out)
    return rows


def _with_windows(
    found: Sequence[FoundImage], out: Path, scale: float, cancel: CancelToken
) -> list[FoundImage]:
    """Cut the cells of fields into images of their own, at the resolution of the field."""
    place = out.with_name(f"{out.stem}_cells")
    kept = [f for f in found if f.centre is None]
    fields = sorted((f for f in found if f.centre is not None), key=lambda f: f.path)
    for path, cells in groupby(fields, key=lambda f: f.path):
        cancel.check()
        place.mkdir(exist_ok=True)
        slide = open_slide(path)
        for k, cell in enumerate(cells):
            crop = crop_cells(
                slide, np.array([cell.centre]), um_per_px=scale, size_px=round(WINDOW_UM / scale)
            )
            file = place / f"{cell.label_raw}_{path.stem}_{k}.png"
            Image.fromarray(crop[0]).save(file)
            kept.append(FoundImage(file, cell.label, cell.label_raw, cell.group, cell.split))
        slide.close()
    return kept


def _thumbnails(
    paths: Sequence[str],
    scale: float,
    workers: int,
    progress: ProgressCallback | None,
    cancel: CancelToken,
) -> NDArray[np.uint8]:
    """Read every image and shrink its window; an image that cannot be read is named."""
    chunks = [paths[start : start + _CHUNK] for start in range(0, len(paths), _CHUNK)]
    parts = []
    pool = ProcessPoolExecutor(workers) if workers > 1 else None
    with pool or nullcontext():
        results = (pool.map if pool else map)(_read_thumbnails, chunks, [scale] * len(chunks))
        for k, part in enumerate(results, start=1):
            if cancel.cancelled and pool is not None:
                pool.shutdown(wait=False, cancel_futures=True)
            cancel.check()
            parts.append(part)
            if progress is not None:
                progress(Progress("Reading cells", min(k * _CHUNK, len(paths)), len(paths), "cell"))
    return np.concatenate(parts)


def _read_thumbnails(paths: Sequence[str], scale: float) -> NDArray[np.uint8]:
    return thumbnails(np.stack([centre_crop(read_rgb(path), scale, CROP_PX) for path in paths]))
