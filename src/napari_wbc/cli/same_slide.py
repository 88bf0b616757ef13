"""What the images of a command share when they are fields of one slide: stain and scale."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from napari_wbc.cli import options

if TYPE_CHECKING:
    from napari_wbc.segmentation import SlideModel


def add_same_slide(parser: argparse.ArgumentParser) -> None:
    """Add ``--same-slide`` and ``--slide-model``, one of which may be given."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--same-slide",
        action="store_true",
        help="all IMAGEs are fields of one slide: learn stain and scale from all of them together",
    )
    options.add_slide_model(where)


def shared_slide_model(images: Sequence[str], um_per_px: float | None) -> SlideModel | None:
    """Fit one slide model to an even choice of fields.

    Parameters
    ----------
    images : sequence of str
        Files; one that cannot be opened is left out here and complained about when its turn comes.
    um_per_px : float or None
        As the user says.

    Returns
    -------
    SlideModel or None
        None where no image can be opened.

    Raises
    ------
    InputError
        When the files tell different scales; ``ScaleUnknownError`` when nothing tells it.
    """
    from napari_wbc.errors import InputError
    from napari_wbc.segmentation import pool_slide_model
    from napari_wbc.segmentation.slide_model import even_choice
    from napari_wbc.slides import open_slide

    fields = []
    with ExitStack() as opened:
        for image in even_choice(images):
            try:
                field = open_slide(image)
            except InputError:
                continue
            opened.callback(field.close)
            fields.append(field)
        return pool_slide_model(fields, um_per_px) if fields else None
