"""What the workers do: generators without Qt, viewer or layers."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

from napari_wbc.errors import ScaleUnknownError
from napari_wbc.execution.progress import CancelToken, Progress
from napari_wbc.gui.image_layers import LayerImage
from napari_wbc.pipeline import CountOptions, CountResult, count_events
from napari_wbc.slides import resolve_scale


def count_steps(image: LayerImage, options: CountOptions, cancel: CancelToken) -> Generator[Any]:
    """Open an image and count it.

    Yields
    ------
    Progress, ScaleResolved, SlideModelFitted, CellsFound or CountResult
        The result comes last.
    """
    yield Progress("Opening the image", 0, 0)
    yield from count_events(image.open(), options, cancel=cancel)


def save_steps(result: CountResult, folder: Path, cancel: CancelToken) -> Generator[Any]:
    """Write a result.

    Yields
    ------
    Progress, then pathlib.Path
        The folder.
    """
    yield Progress("Saving", 0, 0)
    yield result.write(folder, cancel=cancel)


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
