"""The folder of a review: the count as the model left it, written once, and the log of the changes."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_wbc.cell_table import conform, probability_columns
from napari_wbc.confusion import Confusion, confusion_problem
from napari_wbc.errors import InputError, OutputError, system_reason
from napari_wbc.execution.atomic import atomic_folder
from napari_wbc.execution.progress import CancelToken
from napari_wbc.found_cells import Found
from napari_wbc.review.description import SCHEMA_VERSION, domain_shift_of, load_description, scale_of
from napari_wbc.review.log import LOG_FILE
from napari_wbc.review.session import ReviewSession
from napari_wbc.segmentation.slide_model import SlideModel
from napari_wbc.slides import Slide, image_sha256, open_slide
from napari_wbc.slides.broken import DECODING_ERRORS, reason
from napari_wbc.slides.open import stem_of

if TYPE_CHECKING:
    from napari_wbc.count_result import CountResult
    from napari_wbc.differential.count import Differential
    from napari_wbc.domain_shift import DomainShift

#: How the folders are called, and what makes a folder a review.
SUFFIX = ".wbcreview"
# What a file that was put together by hand can make of the code that reads it.
_NOT_UNDERSTOOD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
DESCRIPTION, COUNT, LOG = "review.json", "count.npz", LOG_FILE


def reviews_folder() -> Path:
    """Give the folder of the user's reviews; it need not exist."""
    from platformdirs import user_data_path

    return user_data_path("napari-wbc", appauthor=False) / "reviews"


def is_review(folder: str | Path) -> bool:
    """Tell whether a folder holds a review."""
    return all((Path(folder) / name).is_file() for name in (DESCRIPTION, COUNT))


def new_folder(slide: Slide, under: str | Path | None = None) -> Path:
    """Choose a folder for the review of a slide: its name, the day and the time; nothing is made yet."""
    first = f"{_stem(slide.name)}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    folder = Path(under if under is not None else reviews_folder()) / f"{first}{SUFFIX}"
    number = 2
    while folder.exists():
        folder = folder.with_name(f"{first}-{number}{SUFFIX}")
        number += 1
    return folder


def save_session(result: CountResult, folder: str | Path) -> ReviewSession:
    """Write a count into a new folder and begin its review; every change is kept there from then on.

    Parameters
    ----------
    result : CountResult
        What the model found.
    folder : str or Path
        It must not exist yet.

    Returns
    -------
    ReviewSession

    Raises
    ------
    OutputError
        The place cannot be written to, or is taken.
    """
    folder = Path(folder)
    if folder.exists():
        raise OutputError(f"{folder}: this is there already; give another folder for the review")
    counted = Found([], list(result.region_quality), result.cells, list(result.masks), result.embeddings)
    content = counted.to_bytes()
    path = result.slide.path
    first = result.differential
    from napari_wbc.differential.profile_file import profile_text

    description = {
        "schema_version": SCHEMA_VERSION,
        "program": "napari-wbc",
        "image": {"path": str(path.resolve()) if path is not None else None, "name": result.slide.name},
        "scale": asdict(result.scale),
        "profile": profile_text(first.profile),
        "interval_method": first.interval_method,
        "wbc_per_l": first.wbc_per_l,
        "domain_shift": asdict(result.domain_shift) if result.domain_shift is not None else None,
        "confusion": first.confusion.to_dict() if first.confusion is not None else None,
        "run": result.run,
        "count_sha256": sha256(content).hexdigest(),
    }
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with atomic_folder(folder) as temporary:
            (temporary / COUNT).write_bytes(content)
            # The path may hold what UTF-8 cannot.
            text = json.dumps(description, indent=2)
            (temporary / DESCRIPTION).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"{folder}: the review cannot be kept there ({system_reason(error)}); give another folder"
        ) from None
    return ReviewSession(result, folder)


def open_session(
    folder: str | Path, *, image: str | Path | Slide | None = None, cancel: CancelToken | None = None
) -> ReviewSession:
    """Open a review again, with every change that was made.

    Parameters
    ----------
    folder : str or Path
        Of :func:`save_session`.
    image : str, Path or Slide, optional
        The image, where it lies elsewhere now; it must be the same one.
    cancel : CancelToken, optional
        Stops the check of the image.

    Returns
    -------
    ReviewSession

    Raises
    ------
    InputError
        The folder holds no review, or a damaged one; the image is gone, or another one.
    """
    folder = Path(folder)
    description = read_description(folder)
    found = _found(folder, description)
    slide = _image(folder, description, image, cancel)
    try:
        return ReviewSession(_result(description, found, slide), folder)
    except _NOT_UNDERSTOOD as error:
        raise InputError(f"{folder}: the review cannot be understood ({reason(error)})") from None


def reviewed_cells(folder: str | Path, *, before_review: bool = False) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read the cell table of a review as it is now; the image need not be there.

    Parameters
    ----------
    folder : str or Path
        Of :func:`save_session`.
    before_review : bool, optional
        As the model left it instead.

    Returns
    -------
    pandas.DataFrame, dict
        The cells, and the description of the review.

    Raises
    ------
    InputError
        The folder holds no review, or a damaged one.
    """
    folder = Path(folder)
    description = read_description(folder)
    found = _found(folder, description)
    if before_review:
        return conform(found.cells), description
    try:
        # Changes concern the table only: no pixel of this blank is read.
        blank = open_slide(np.zeros((1, 1, 3), np.uint8), name=str(description["image"]["name"]))
        return ReviewSession(_result(description, found, blank), folder).cells, description
    except _NOT_UNDERSTOOD as error:
        raise InputError(f"{folder}: the review cannot be understood ({reason(error)})") from None


def read_description(folder: str | Path) -> dict[str, Any]:
    """Read what a review is of, without its cells.

    Raises
    ------
    InputError
        The folder holds no review, or one of a later version.
    """
    folder = Path(folder)
    if not is_review(folder):
        raise InputError(f"{folder}: no review of napari-wbc; give the folder that holds {DESCRIPTION}")
    return load_description(folder / DESCRIPTION)


def image_path(folder: str | Path) -> Path:
    """Find the image of a review: where it was, or beside the folder, where both were moved together.

    Raises
    ------
    InputError
        The folder holds no review, or the image is gone.
    """
    stored = read_description(folder)["image"]["path"]
    if stored is None:
        raise InputError(
            f"{folder}: its image was in memory only; save the image and give it together with the review"
        )
    place = Path(stored)
    if not place.exists():
        place = Path(folder).absolute().parent / place.name
    if not place.exists():
        raise InputError(f"{stored}: the image of the review is gone; bring it back or give its new place")
    return place


def reviews_of(path: str | Path, under: str | Path | None = None) -> list[Path]:
    """Find the reviews of an image with changes in them, the latest first.

    Parameters
    ----------
    path : str or Path
        The image.
    under : str or Path, optional
        Where to look; among the user's reviews by default.
    """
    wanted = str(Path(path).resolve())
    found = []
    for folder in Path(under if under is not None else reviews_folder()).glob(
        f"{_stem(stem_of(Path(path)))}-*"
    ):
        if not is_review(folder) or not (folder / LOG).is_file():
            continue
        try:
            if read_description(folder)["image"]["path"] == wanted:
                found.append(((folder / LOG).stat().st_mtime, folder))
        except (InputError, OSError):
            continue
    return [folder for _, folder in sorted(found, reverse=True)]


def keep_beside(result: CountResult, results: str | Path) -> Path:
    """Write a count beside its folder of results, for the review that may follow.

    An earlier one in which nothing was changed is replaced; one with changes stays, and the new one gets a number.

    Parameters
    ----------
    result : CountResult
        What the model found.
    results : str or Path
        The folder of its results, which need not be there yet.

    Returns
    -------
    pathlib.Path
        The folder of the review.

    Raises
    ------
    OutputError
        The place cannot be written to.
    """
    folder, number = _beside(Path(results)), 1
    while (folder / LOG).is_file() or (folder.exists() and not is_review(folder)):
        number += 1
        folder = _beside(Path(results), number)
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
    save_session(result, folder)
    return folder


def review_beside(results: str | Path) -> Path | None:
    """Find the review of the count that a folder of results holds: the one with the highest number."""
    found, number = None, 1
    while is_review(folder := _beside(Path(results), number)):
        found, number = folder, number + 1
    return found


def _beside(results: Path, number: int = 1) -> Path:
    return results.with_name(f"{results.name}{f'-{number}' if number > 1 else ''}{SUFFIX}")


def discard_unchanged(folder: Path | None, under: str | Path | None = None) -> None:
    """Remove the folder of a review in which nothing was ever changed: there is nothing to lose in it.

    Parameters
    ----------
    folder : Path or None
        Of the review; None does nothing.
    under : str or Path, optional
        Only where it lies here, among the user's reviews by default: elsewhere somebody has put it.
    """
    if folder is None or folder.parent != Path(under if under is not None else reviews_folder()):
        return
    if is_review(folder) and not (folder / LOG).exists():
        shutil.rmtree(folder, ignore_errors=True)


def _stem(name: str) -> str:
    """Give the name of a slide as every system takes it for a folder."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name)[:80]


def _found(folder: Path, description: Mapping[str, Any]) -> Found:
    """Read the count as the model left it."""
    try:
        content = (folder / COUNT).read_bytes()
    except OSError as error:
        raise InputError(f"{folder / COUNT}: cannot be read ({system_reason(error)})") from None
    if sha256(content).hexdigest() != description.get("count_sha256"):
        raise InputError(f"{folder / COUNT}: damaged; take a copy of the folder from before")
    try:
        return Found.from_bytes(content)
    except (*DECODING_ERRORS, zipfile.BadZipFile) as error:
        raise InputError(f"{folder / COUNT}: cannot be understood ({reason(error)})") from None


def _image(
    folder: Path,
    description: Mapping[str, Any],
    image: str | Path | Slide | None,
    cancel: CancelToken | None,
) -> Slide:
    place = image if image is not None else image_path(folder)
    slide = open_slide(place)
    if image_sha256(slide, cancel=cancel) != description["run"]["image"]["sha256"]:
        if slide is not image:
            slide.close()
        raise InputError(f"{place}: not the image that was reviewed; its content is another one")
    return slide


def _result(description: dict[str, Any], found: Found, slide: Slide) -> CountResult:
    from napari_wbc.count_result import CountResult

    cells = conform(found.cells)
    shift = domain_shift_of(description["domain_shift"])
    return CountResult(
        slide=slide,
        scale=scale_of(description),
        cells=cells,
        masks=found.masks,
        differential=_differential(description, cells, shift),
        slide_model=SlideModel.from_dict(description["run"]["slide_model"]),
        run=dict(description["run"]),
        embeddings=found.embeddings,
        region_quality=found.regions,
        domain_shift=shift,
    )


def _differential(description: Mapping[str, Any], cells: Any, shift: DomainShift | None) -> Differential:
    from napari_wbc.differential.count import differential
    from napari_wbc.differential.profile_file import parse_profile

    # Reviews of earlier versions do not hold it.
    confusion = description.get("confusion")
    if confusion is not None and (
        problem := confusion_problem(confusion, [name[2:] for name in probability_columns(cells)])
    ):
        raise ValueError(f"its confusion {problem}")
    return differential(
        cells,
        parse_profile(description["profile"], "the profile of the review"),
        interval=description["interval_method"],
        wbc_per_l=description["wbc_per_l"],
        domain_shift=shift,
        confusion=None if confusion is None else Confusion.from_dict(confusion),
    )
