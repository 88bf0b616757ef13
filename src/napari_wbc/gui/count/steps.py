"""What the workers do: generators without Qt, viewer or layers."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

from napari_wbc.count_result import CountResult
from napari_wbc.errors import OutputError, ScaleUnknownError
from napari_wbc.exchange.formats import Format
from napari_wbc.execution.progress import CancelToken, Progress, cancelled_by
from napari_wbc.gui.first_use import compile_colours, import_torch, wait_for
from napari_wbc.gui.image_layers import LayerImage
from napari_wbc.pipeline import CountOptions, count_events
from napari_wbc.review.folder import new_folder, open_session, save_session
from napari_wbc.review.session import ReviewSession
from napari_wbc.slides import resolve_scale


def count_steps(image: LayerImage, options: CountOptions, cancel: CancelToken) -> Generator[Any]:
    """Open an image, count it and begin its review.

    Yields
    ------
    Progress, ScaleResolved, SlideModelFitted, CellsFound or ReviewSession
        The review comes last.
    """
    yield Progress("Opening the image", 0, 0)
    wait_for(import_torch, cancel)
    for event in count_events(image.open(), options, cancel=cancel):
        if not isinstance(event, CountResult):
            yield event
            continue
        yield Progress("Keeping the cells for their review", 0, 0)
        try:
            with cancelled_by(cancel):
                session = save_session(event, new_folder(event.slide))
        except OutputError:
            # A count is worth having also where there is no place to keep its review.
            session = ReviewSession(event)
        yield session


def save_steps(result: CountResult, folder: Path, cancel: CancelToken) -> Generator[Any]:
    """Write a result.

    Yields
    ------
    Progress, then pathlib.Path
        The folder.
    """
    yield Progress("Saving", 0, 0)
    yield result.write(folder, cancel=cancel)


def export_steps(result: CountResult, fmt: Format, path: Path, cancel: CancelToken) -> Generator[Any]:
    """Write a result as one file for another program.

    Yields
    ------
    Progress, then pathlib.Path
        The file.
    """
    yield Progress(f"Writing {path.name}", 0, 0)
    yield fmt.write(path, result.contents(cancel))


def reopen_steps(image: LayerImage | None, folder: Path, cancel: CancelToken) -> Generator[Any]:
    """Open a review again, for a layer or with its own image.

    Yields
    ------
    Progress, then ReviewSession
        The review.
    """
    yield Progress("Opening the review", 0, 0)
    wait_for(compile_colours, cancel)
    yield open_session(folder, image=image.open() if image is not None else None, cancel=cancel)


def scale_steps(image: LayerImage, cancel: CancelToken) -> Generator[Any]:
    """Find the scale of an image, as the count would.

    Yields
    ------
    Scale or None
        None where neither file nor red cells tell it.
    """
    slide = image.open()
    cancel.check()
    try:
        yield resolve_scale(slide)
    except ScaleUnknownError:
        yield None
