"""Pictures of the cells that two sides call differently, where the images are at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from napari_wbc.comparison.sides import slide_key
from napari_wbc.differential.pages import Picture
from napari_wbc.errors import InputError
from napari_wbc.slides import image_sha256, open_slide
from napari_wbc.slides.crops import crop_cells

if TYPE_CHECKING:
    from napari_wbc.comparison.compare import Comparison

#: At most this many cells of a pair of classes are shown, and at most so many in all.
PER_PAIR, IN_ALL = 12, 120
#: Side of a picture, px.
SIDE_PX = 96


@dataclass(frozen=True, eq=False)
class Changed:
    """Cells that the first side calls one class and the second another.

    Attributes
    ----------
    first, second : str
        The two classes.
    cells : pandas.DataFrame
        Rows of :attr:`~napari_wbc.comparison.same_cells.SameCells.cells`, the surest of the second side first.
    """

    first: str
    second: str
    cells: pd.DataFrame


def changed_groups(comparison: Comparison) -> list[Changed]:
    """Group the cells that are called differently, the most frequent confusion first."""
    if comparison.cells is None:
        return []
    groups = [
        Changed(
            str(a),
            str(b),
            cells.sort_values(["confidence_b", "slide"], ascending=[False, True], kind="stable"),
        )
        for (a, b), cells in comparison.cells.changed.groupby(["class_a", "class_b"], sort=False)
    ]
    return sorted(groups, key=lambda group: (-len(group.cells), group.first, group.second))


def images_by_key(comparison: Comparison, places: Sequence[str | Path]) -> dict[str, Path]:
    """Find the images of a comparison.

    Parameters
    ----------
    comparison : Comparison
        Reviews know where their image lies.
    places : sequence of str or Path
        Images, or folders with images, found by the names of the slides.

    Returns
    -------
    dict of str to pathlib.Path
        By the key of the image; those that are not at hand are left out.
    """
    found: dict[str, Path] = {}
    for place in map(Path, places):
        for path in sorted(place.iterdir()) if place.is_dir() else [place]:
            found.setdefault(slide_key(path.name), path)
    at_hand = {}
    for key, image in comparison.images_of.items():
        place_of_it = found.get(key) or image.path
        if place_of_it is not None:
            at_hand[key] = place_of_it
    return at_hand


def changed_pictures(comparison: Comparison, images: Mapping[str, Path]) -> dict[int, Picture]:
    """Cut the cells that are called differently out of their images.

    Parameters
    ----------
    comparison : Comparison
        With matched cells.
    images : mapping of str to pathlib.Path
        By the key of the slide; cells of a slide without one have no picture.

    Returns
    -------
    dict of int to numpy.ndarray of uint8, shape (96, 96, 3)
        By the row's label in :attr:`~napari_wbc.comparison.same_cells.SameCells.cells`.

    Raises
    ------
    InputError
        An image cannot be read, or is not the one that was counted.
    """
    groups = changed_groups(comparison)
    at_most = max(2, min(PER_PAIR, IN_ALL // max(1, len(groups))))
    wanted = [group.cells[group.cells["slide"].isin(list(images))].head(at_most) for group in groups]
    if not wanted or not sum(map(len, wanted)):
        return {}
    pictures: dict[int, Picture] = {}
    for key, cells in pd.concat(wanted).head(IN_ALL).groupby("slide", sort=False):
        image = comparison.images_of[str(key)]
        with closing(open_slide(images[str(key)])) as slide:
            if image.sha256 and image_sha256(slide) != image.sha256:
                raise InputError(
                    f"{images[str(key)]}: not the image that was counted; its content is another one"
                )
            crops = crop_cells(
                slide, cells[["y_px", "x_px"]].to_numpy(float), um_per_px=image.um_per_px, size_px=SIDE_PX
            )
        pictures |= dict(zip(map(int, cells.index), crops, strict=True))
    return pictures
