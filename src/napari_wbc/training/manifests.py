"""Manifests of labelled single-cell images, and the crops they name as one array."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from napari_wbc.classification.crops import centre_crop
from napari_wbc.errors import InputError
from napari_wbc.execution.atomic import atomic_path
from napari_wbc.execution.progress import CancelToken, Progress, ProgressCallback
from napari_wbc.leukocytes import CLASSES, CONTAINS
from napari_wbc.slides.crops import CROP_PX

#: Labels that allow several classes, beyond those of the hierarchy.
PARTIAL_LABELS: dict[str, tuple[str, ...]] = {
    **CONTAINS,
    "leukocyte": tuple(c.name for c in CLASSES if c.kind == "leukocyte" and c.name not in CONTAINS),
    "not_leukocyte": ("platelet", "artifact"),
}
#: The crops of a manifest are kept at this size, so that scale and shift can be varied in training.
STORE_PX = CROP_PX
#: µm per px of the development images, where a manifest does not say.
_DEFAULT_UM_PER_PX = 25.0 / 192


def read_manifest(path: str | Path) -> pd.DataFrame:
    """Read a manifest and check it.

    Parameters
    ----------
    path : str or Path
        CSV with the columns ``path`` (relative to the manifest), ``domain``, ``label``, and optionally ``group``
        (slide or patient; rows of one group never cross a split), ``um_per_px``, ``split``, ``license``, ``label_raw``.

    Returns
    -------
    pandas.DataFrame
        The rows, with absolute ``path``, a ``group`` for every row and ``um_per_px``.

    Raises
    ------
    InputError
        A column or file is missing, a label is unknown, a scale is no number.
    """
    path = Path(path)
    try:
        rows = pd.read_csv(path, keep_default_na=False, dtype=str)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"{path} cannot be read as a manifest: {str(error).splitlines()[0]}") from None
    missing = [c for c in ("path", "domain", "label") if c not in rows.columns]
    if missing:
        raise InputError(f"{path} lacks the columns {', '.join(missing)}; a manifest has path,domain,label")
    known = {c.name for c in CLASSES} | set(PARTIAL_LABELS)
    unknown = sorted(set(rows["label"]) - known)
    if unknown:
        raise InputError(f"{path}: unknown label {unknown[0]!r}; known are {', '.join(sorted(known))}")
    rows["path"] = [str((path.parent / p).resolve()) for p in rows["path"]]
    if "um_per_px" not in rows.columns:
        rows["um_per_px"] = _DEFAULT_UM_PER_PX
    try:
        rows["um_per_px"] = rows["um_per_px"].replace("", _DEFAULT_UM_PER_PX).astype(float)
    except ValueError as error:
        raise InputError(f"{path}: um_per_px holds a value that is no number: {error}") from None
    if not rows["um_per_px"].between(0.02, 2.0).all():
        raise InputError(f"{path}: um_per_px must lie between 0.02 and 2.0")
    if "group" not in rows.columns:
        rows["group"] = ""
    return rows


def load_crops(
    rows: pd.DataFrame,
    cache_dir: str | Path | None = None,
    *,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> NDArray[np.uint8]:
    """Load the images of a manifest as centre crops of 25 µm.

    Parameters
    ----------
    rows : pandas.DataFrame
        From :func:`read_manifest`.
    cache_dir : str or Path, optional
        Where the array is kept for the next time.
    progress, cancel : optional
        A callback for :class:`~napari_wbc.execution.progress.Progress`, and a token to stop.

    Returns
    -------
    numpy.ndarray of uint8, shape (n, 128, 128, 3)
        One crop per row; memory-mapped when it comes from the cache.
    """
    cached = None
    if cache_dir is not None:
        key = hashlib.sha256("\n".join(rows["path"] + rows["um_per_px"].astype(str)).encode()).hexdigest()[
            :16
        ]
        cached = Path(cache_dir) / f"crops-{key}.npy"
        if cached.is_file():
            return np.asarray(np.load(cached, mmap_mode="r"))
    with ProcessPoolExecutor() as pool:
        crops = np.empty((len(rows), STORE_PX, STORE_PX, 3), np.uint8)
        for i, crop in enumerate(pool.map(_load_crop, rows["path"], rows["um_per_px"], chunksize=64)):
            if cancel is not None:
                cancel.check()
            crops[i] = crop
            if progress is not None:
                progress(Progress("Reading images", i + 1, len(rows), "image"))
    if cached is not None:
        cached.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(cached) as temporary, temporary.open("wb") as file:
            np.save(file, crops)
    return crops


def _load_crop(path: str, um_per_px: float) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
    except OSError as error:
        raise InputError(f"{path} cannot be read as an image: {error}") from None
    return centre_crop(pixels, um_per_px, STORE_PX)


class CropRows:
    """Some rows of an array of crops, without a copy."""

    def __init__(self, crops: NDArray[np.uint8] | CropRows, rows: NDArray[np.intp]) -> None:
        self._crops = crops
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> NDArray[np.uint8]:
        return np.asarray(self._crops[self._rows[index]])


def near_duplicate_groups(crops: NDArray[np.uint8], groups: Sequence[str]) -> list[str]:
    """Join rows that share a group or look the same.

    A 64-bit perceptual hash (sign of the low frequencies of a cosine transform) proposes pairs, the correlation of
    the small images confirms them.

    Parameters
    ----------
    crops : numpy.ndarray of uint8, shape (n, height, width, 3)
        Images of one domain.
    groups : sequence of str
        Known group of each image, or an empty text.

    Returns
    -------
    list of str
        A group for every image.
    """
    n = len(crops)
    small = np.stack(
        [np.asarray(Image.fromarray(c).resize((32, 32), Image.Resampling.BOX), np.float32) for c in crops]
    )
    frequencies = dctn(small.mean(axis=3), axes=(1, 2))[:, :8, :8].reshape(n, 64)
    bits = frequencies > np.median(frequencies, axis=1, keepdims=True)
    hashes = np.packbits(bits, axis=1).view(np.uint64).ravel()
    flat = small.reshape(n, -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    left, right = [], []
    for i in range(n - 1):
        near = np.flatnonzero(np.bitwise_count(hashes[i + 1 :] ^ hashes[i]) <= 8) + i + 1
        near = near[flat[near] @ flat[i] > 0.97]
        left += [i] * len(near)
        right += list(near)
    known: dict[str, int] = {}
    for i, group in enumerate(groups):
        if group:
            left.append(known.setdefault(group, i))
            right.append(i)
    graph = coo_matrix((np.ones(len(left), bool), (left, right)), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    return [f"g{c}" for c in component]


def split_by_group(groups: Sequence[str], fraction: float, seed: int) -> NDArray[np.bool_]:
    """Choose held-out rows by a hash of their group, so that a group never crosses the split.

    Parameters
    ----------
    groups : sequence of str
        Of each row.
    fraction : float
        Expected share of groups held out.
    seed : int
        Another seed, another split.

    Returns
    -------
    numpy.ndarray of bool
        True for held-out rows.

    Examples
    --------
    >>> bool(split_by_group(["a", "a"], 0.5, 0).sum() in (0, 2))
    True
    """
    digest = {g: hashlib.sha256(f"{seed}:{g}".encode()).digest() for g in set(groups)}
    return np.array([int.from_bytes(digest[g][:4], "big") / 2**32 < fraction for g in groups], bool)


def label_members(labels: Sequence[str], classes: Sequence[str]) -> NDArray[np.bool_]:
    """Tell which classes each label allows.

    Returns
    -------
    numpy.ndarray of bool, shape (n, k)
        A row without a True belongs to a class that the model does not have.
    """
    sets = {
        label: np.array([c in PARTIAL_LABELS.get(label, (label,)) for c in classes], bool)
        for label in set(labels)
    }
    return np.stack([sets[label] for label in labels]) if len(labels) else np.zeros((0, len(classes)), bool)
