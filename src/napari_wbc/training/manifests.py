"""Manifests of labelled single-cell images, and the crops they name as one array."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.classification.crops import centre_crop
from napari_wbc.csv_file import read_csv
from napari_wbc.errors import InputError
from napari_wbc.execution.atomic import atomic_path
from napari_wbc.execution.progress import CancelToken, Progress, ProgressCallback
from napari_wbc.leukocytes import CLASSES, PARTIAL_LABELS, class_named
from napari_wbc.slides.broken import DECODING_ERRORS, reason
from napari_wbc.slides.crops import CROP_PX
from napari_wbc.slides.raster import open_raster

#: The columns of a manifest, in their order.
COLUMNS = ("path", "domain", "label", "label_raw", "group", "um_per_px", "split", "license")
SPLITS = ("train", "val", "test")
#: Images that are asked for at a time: few enough to stop soon.
_READ_TOGETHER = 64
#: µm per px of the development images, where a manifest does not say.
_DEFAULT_UM_PER_PX = 25.0 / 192


def read_manifest(path: str | Path) -> pd.DataFrame:
    r"""Read a manifest and check it.

    Parameters
    ----------
    path : str or Path
        CSV with the columns ``path`` (relative to the manifest), ``domain`` (the laboratory), ``label`` and
        optionally ``label_raw`` (the publisher's own), ``group`` (slide or patient), ``um_per_px``, ``split``
        (``train``, ``val`` or ``test``) and ``license``. Further columns are kept as they are. Labels are names of
        :mod:`napari_wbc.leukocytes` or their synonyms.

    Returns
    -------
    pandas.DataFrame
        The rows, with all of these columns first; ``path`` absolute, ``label`` by our name, ``um_per_px`` float64.

    Raises
    ------
    InputError
        A column or an image is missing, a label is unknown, a scale is no number, an image is listed twice, or a
        group lies on both sides of a split. The message names the line and the column.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> folder = Path(tempfile.mkdtemp())
    >>> Image.new("RGB", (192, 192)).save(folder / "a.png")
    >>> _ = (folder / "cells.csv").write_text("path,domain,label\na.png,lab,Lymphocyte (typical)\n")
    >>> read_manifest(folder / "cells.csv")["label"].tolist()
    ['lymphocyte']
    """
    path = Path(path)
    rows = read_csv(path, "a manifest", keep_default_na=False, dtype=str, encoding="utf-8-sig")
    missing = [c for c in ("path", "domain", "label") if c not in rows.columns]
    if missing:
        raise InputError(f"{path} lacks the columns {', '.join(missing)}; a manifest has path,domain,label")
    for column in COLUMNS:
        if column not in rows.columns:
            rows[column] = ""
    rows = rows[[*COLUMNS, *(c for c in rows.columns if c not in COLUMNS)]]
    for column in ("path", "domain", "label"):
        _refuse(path, column, rows[column] == "", lambda _: "is empty")
    ours = {text: class_named(text) for text in rows["label"].unique()}
    _refuse(
        path,
        "label",
        rows["label"].map(ours).isna(),
        lambda i: (
            f"holds the unknown label {rows['label'].iloc[i]!r}; known are {', '.join(_known_labels())}"
        ),
    )
    rows["label"] = rows["label"].map(ours)
    # Not Path.resolve, which asks the disk about every part of every path: a second for 30,000 images.
    folder = path.parent.resolve()
    rows["path"] = [os.path.normpath(os.path.join(folder, p)) for p in rows["path"]]  # noqa: PTH118
    scale = pd.to_numeric(rows["um_per_px"].replace("", _DEFAULT_UM_PER_PX), errors="coerce")
    _refuse(
        path,
        "um_per_px",
        ~scale.between(0.02, 2.0),
        lambda i: f"holds {rows['um_per_px'].iloc[i]!r}, which is no number between 0.02 and 2.0",
    )
    rows["um_per_px"] = scale.astype(float)
    _check_images(path, rows)
    _check_splits(path, rows)
    return rows


def _known_labels() -> list[str]:
    return sorted({c.name for c in CLASSES} | set(PARTIAL_LABELS))


def _refuse(file: Path, column: str, wrong: pd.Series[bool], what: Callable[[int], str]) -> None:
    """Raise an error about the first wrong row."""
    if wrong.any():
        i = int(wrong.to_numpy().argmax())
        # Line 1 is the header.
        raise InputError(f"{file}, line {i + 2}: column {column} {what(i)}")


def _check_images(file: Path, rows: pd.DataFrame) -> None:
    # One listing per folder is much faster than asking for every file, above all on a network drive.
    present: dict[str, set[str]] = {}
    for folder in {os.path.dirname(p) for p in rows["path"]}:  # noqa: PTH120 - 100,000 Path objects take seconds
        try:
            present[folder] = set(os.listdir(folder))  # noqa: PTH208
        except OSError:
            present[folder] = set()
    split = [os.path.split(p) for p in rows["path"]]
    absent = pd.Series([name not in present[folder] for folder, name in split], index=rows.index)
    _refuse(
        file,
        "path",
        absent,
        lambda i: f"names {rows['path'].iloc[i]}, which is not there; paths are relative to the manifest",
    )
    first = rows.groupby("path").cumcount() == 0
    place = {p: i for i, p in enumerate(rows["path"]) if first.iloc[i]}
    _refuse(
        file,
        "path",
        ~first,
        lambda i: (
            f"names an image that line {place[rows['path'].iloc[i]] + 2} has already"
            + (
                ""
                if rows["label"].iloc[i] == rows["label"].iloc[place[rows["path"].iloc[i]]]
                else ", with another label"
            )
            + "; keep one of the two"
        ),
    )


def _check_splits(file: Path, rows: pd.DataFrame) -> None:
    _refuse(
        file,
        "split",
        ~rows["split"].isin(("", *SPLITS)),
        lambda i: f"holds {rows['split'].iloc[i]!r}; it is one of {', '.join(SPLITS)}, or empty",
    )
    told = rows["split"].where((rows["split"] != "") & (rows["group"] != ""))
    # "first" skips what is not told.
    first = told.groupby([rows["domain"], rows["group"]]).transform("first")
    _refuse(
        file,
        "split",
        told.notna() & (first != told),
        lambda i: (
            f"puts the group {rows['group'].iloc[i]!r} of {rows['domain'].iloc[i]} into {rows['split'].iloc[i]}, "
            f"but an earlier line has it in {first.iloc[i]}; a group must not cross a split"
        ),
    )


def write_manifest(rows: pd.DataFrame, file: str | Path) -> None:
    """Write a manifest whole or not at all.

    Parameters
    ----------
    rows : pandas.DataFrame
        With the columns of :func:`read_manifest`; missing ones are left empty. Images below the folder of the
        manifest are named relative to it, so that both can be moved together.
    file : str or Path
        The CSV file to write.
    """
    file = Path(file)
    folder = file.parent.resolve()
    table = rows.copy()
    table["path"] = [
        Path(p).relative_to(folder).as_posix() if Path(p).is_relative_to(folder) else str(p)
        for p in rows["path"]
    ]
    for column in COLUMNS:
        if column not in table.columns:
            table[column] = ""
    with atomic_path(file) as temporary:
        table[[*COLUMNS, *(c for c in table.columns if c not in COLUMNS)]].to_csv(temporary, index=False)


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
    numpy.ndarray of uint8, shape (n, 160, 160, 3)
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
    crops = np.empty((len(rows), CROP_PX, CROP_PX, 3), np.uint8)
    # Threads, since Pillow decodes and resizes without holding the interpreter; forks of a viewer may hang.
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(rows), _READ_TOGETHER):
            if cancel is not None:
                cancel.check()
            some = rows.iloc[start : start + _READ_TOGETHER]
            for i, crop in enumerate(pool.map(_load_crop, some["path"], some["um_per_px"]), start):
                crops[i] = crop
            if progress is not None:
                progress(Progress("Reading images", start + len(some), len(rows), "image"))
    if cached is not None:
        cached.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(cached) as temporary, temporary.open("wb") as file:
            np.save(file, crops)
    return crops


def _load_crop(path: str, um_per_px: float) -> NDArray[np.uint8]:
    return centre_crop(read_rgb(path), um_per_px, CROP_PX)


def read_rgb(path: str | Path) -> NDArray[np.uint8]:
    """Read a small image of a data set: also GIF and TIFF, of any colours.

    Returns
    -------
    numpy.ndarray of uint8, shape (height, width, 3)

    Raises
    ------
    InputError
        It is no image, or broken.
    """
    with open_raster(Path(path), further=("TIFF", "GIF")) as image:
        try:
            return np.asarray(image.convert("RGB"))
        except DECODING_ERRORS as error:
            raise InputError(f"{path} cannot be read as an image: {reason(error)}") from None


class CropRows:
    """Some rows of an array of crops, without a copy."""

    def __init__(self, crops: NDArray[np.uint8] | CropRows, rows: NDArray[np.intp]) -> None:
        self._crops = crops
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> NDArray[np.uint8]:
        return np.asarray(self._crops[self._rows[index]])


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

    Examples
    --------
    >>> label_members(["neutrophil"], ["neutrophil_segmented", "neutrophil_band", "monocyte"]).tolist()
    [[True, True, False]]
    >>> label_members(["neutrophil"], ["neutrophil", "monocyte"]).tolist()
    [[True, False]]
    """
    sets = {
        label: np.array([c == label or c in PARTIAL_LABELS.get(label, ()) for c in classes], bool)
        for label in set(labels)
    }
    return np.stack([sets[label] for label in labels]) if len(labels) else np.zeros((0, len(classes)), bool)
