"""The cells of a table, outlined in the colours of their classes over an image, with a legend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from napari_wbc.cell_table import UNLIKE_TRAINING, counted
from napari_wbc.differential import RESEARCH_USE
from napari_wbc.differential.exports import output_file
from napari_wbc.differential.marks import Picture, contrasting, font, paint_dot, paint_outline, rgb
from napari_wbc.differential.outlines import outlines
from napari_wbc.differential.tally import has_flag
from napari_wbc.leukocytes import CONTAINS, UNIDENTIFIED, CellClass, class_of, in_order
from napari_wbc.masks import CellMask

#: A cell that no person labelled is uncertain below this confidence.
UNCERTAIN_BELOW = 0.6
#: A cell that is smaller on the picture (px) becomes a dot.
_DOT_BELOW_PX = 9.0
#: Cells get their abbreviation when they are at least this large (px) and not more than this many.
_LABEL_FROM_PX, _LABEL_AT_MOST = 24.0, 400
_LEAST_WIDTH_PX = 320


def uncertain(cells: pd.DataFrame) -> pd.Series[bool]:
    """Tell which cells are marked as uncertain.

    Parameters
    ----------
    cells : pandas.DataFrame
        The cell table.

    Returns
    -------
    pandas.Series of bool
        Unidentified cells; and, unless a person labelled them, those below ``UNCERTAIN_BELOW`` confidence or unlike
        the training cells. Doubt between the finer classes of a coarse one (band or segmented) is none here.
    """
    confidence = cells["confidence"].copy()
    for finer in CONTAINS.values():
        known = [f"p_{name}" for name in finer if f"p_{name}" in cells.columns]
        among = cells["model_label"].isin(finer)
        if known and among.any():
            confidence = confidence.where(~among, cells[known].sum(axis=1))
    doubtful = (confidence < UNCERTAIN_BELOW) | has_flag(cells["flags"], UNLIKE_TRAINING)
    return (cells["label"] == UNIDENTIFIED) | (doubtful & (cells["status"] != "reviewed"))


def draw_overlay(
    image: Picture,
    cells: pd.DataFrame,
    masks: Sequence[CellMask] | None = None,
    *,
    origin: tuple[float, float] = (0, 0),
    scale: float = 1.0,
    legend: bool = True,
) -> Picture:
    """Draw the cells over an image.

    Every cell is outlined in the colour of its class; an uncertain one has a dashed outline. Cells that are large
    enough have the abbreviation of their class beside them, so that the picture can be read without colour; very
    small ones become dots (hollow where uncertain). Excluded cells are left out.

    Parameters
    ----------
    image : numpy.ndarray of uint8, shape (height, width, 3)
        The slide or a part of it, of any scale.
    cells : pandas.DataFrame
        The cell table.
    masks : sequence of CellMask, optional
        One per row; without them the box of a cell gives an ellipse.
    origin : tuple of float, optional
        ``y, x`` of the image's corner on the slide, level-0 px.
    scale : float, optional
        Level-0 px per px of the image.
    legend : bool, optional
        Whether a strip with the classes and their counts stands below the image.

    Returns
    -------
    numpy.ndarray of uint8, shape (height + strip, width, 3)
        A new picture (not narrower than a legend that can be read).

    Raises
    ------
    ValueError
        The image is no RGB image, ``scale`` is not above 0, or there are more or fewer masks than rows.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"the image has shape {image.shape} and type {image.dtype}; it must be 8-bit RGB")
    if not scale > 0:
        raise ValueError(f"scale is {scale}; it must be above 0")
    if masks is not None and len(masks) != len(cells):
        raise ValueError(f"{len(masks)} masks for {len(cells)} cells")
    picture = image.copy()
    shown = counted(cells.reset_index(drop=True))
    boxes = shown[["bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1"]].to_numpy(float)
    boxes = (boxes - (*origin, *origin)) / scale
    height, width = image.shape[:2]
    touching = (boxes[:, 2] > 0) & (boxes[:, 3] > 0) & (boxes[:, 0] < height) & (boxes[:, 1] < width)
    shown, boxes = shown[touching], boxes[touching]
    sizes = np.sqrt(np.maximum(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), 1.0))
    typical = float(np.median(sizes)) if len(sizes) else 0.0
    doubtful = uncertain(shown).to_numpy()
    for row, box, doubt, label in zip(shown.index, boxes, doubtful, shown["label"], strict=True):
        colour = rgb(class_of(label).colour)
        if typical < _DOT_BELOW_PX:
            y, x = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            paint_dot(picture, x, y, max(2.5, typical / 2), colour, hollow=bool(doubt))
            continue
        rings = [_ellipse(box)]
        if masks is not None:
            mask = masks[int(row)]
            traced = outlines(mask.cell, y0=mask.y0, x0=mask.x0, tolerance=0.4 * max(1.0, scale))
            rings = [(ring - (origin[1], origin[0])) / scale for ring in traced] or rings
        paint_outline(picture, rings, colour, float(np.clip(typical * 0.024, 1.6, 5.0)), dashed=bool(doubt))
    if typical >= _LABEL_FROM_PX and len(shown) <= _LABEL_AT_MOST:
        picture = _label(
            picture, boxes, shown["label"].tolist(), doubtful, int(np.clip(typical * 0.17, 11, 30))
        )
    return (
        _with_legend(picture, shown, int(doubtful.sum()), dots=typical < _DOT_BELOW_PX) if legend else picture
    )


def write_overlay_png(path: str | Path, overlay: Picture) -> Path:
    """Write a picture as PNG.

    Raises
    ------
    OutputError
        The place cannot be written to.
    """
    with output_file(path) as temporary:
        # At the default level 6 the same picture takes more than twice as long and is 3 % smaller.
        Image.fromarray(overlay).save(temporary, format="PNG", compress_level=4)
    return Path(path)


def _ellipse(box: NDArray[np.float64]) -> NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi, 49)
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    return np.column_stack([centre[1] + half[1] * np.cos(angle), centre[0] + half[0] * np.sin(angle)])


def _label(
    picture: Picture, boxes: NDArray[np.float64], labels: list[str], doubtful: NDArray[np.bool_], size: int
) -> Picture:
    """Write abbreviations on plates beside the cells, where no other plate is."""
    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    typeface = font(size)
    pad = max(2, size // 5)
    taken: list[tuple[float, float, float, float]] = []
    for box, name, doubt in zip(boxes, labels, doubtful, strict=True):
        shape = class_of(name)
        text = shape.abbreviation + ("?" if doubt and name != UNIDENTIFIED else "")
        width, height = typeface.getlength(text) + 2 * pad, size + 2 * pad
        plates = [_inside(corner, width, height, canvas.size) for corner in _corners(box, width, height)]
        plate = next((p for p in plates if not any(_overlap(p, other) for other in taken)), plates[0])
        taken.append(plate)
        colour = rgb(shape.colour)
        draw.rounded_rectangle(plate, radius=pad, fill=colour, outline=contrasting(colour))
        middle = ((plate[0] + plate[2]) / 2, (plate[1] + plate[3]) / 2)
        draw.text(middle, text, font=typeface, fill=contrasting(colour), anchor="mm")
    return np.array(canvas)


def _corners(box: NDArray[np.float64], width: float, height: float) -> list[tuple[float, float]]:
    """Give places for a plate: on the upper right of a cell first, then around it."""
    y0, x0, y1, x1 = box
    return [
        (x1 - width * 0.4, y0 - height * 0.6),
        (x1 - width * 0.4, y1 - height * 0.4),
        (x0 - width * 0.6, y0 - height * 0.6),
        (x0 - width * 0.6, y1 - height * 0.4),
        ((x0 + x1 - width) / 2, (y0 + y1 - height) / 2),
    ]


def _inside(
    corner: tuple[float, float], width: float, height: float, size: tuple[int, int]
) -> tuple[float, float, float, float]:
    x = max(0.0, min(corner[0], size[0] - 1 - width))
    y = max(0.0, min(corner[1], size[1] - 1 - height))
    return x, y, x + width, y + height


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _with_legend(picture: Picture, shown: pd.DataFrame, n_uncertain: int, *, dots: bool) -> Picture:
    """Put a strip with classes and counts below a picture."""
    width = max(picture.shape[1], _LEAST_WIDTH_PX)
    size = int(np.clip(width / 60, 12, 44))
    note_size = max(11, size * 4 // 5)
    typeface, small = font(size), font(note_size)
    counts = shown["label"].value_counts()
    entries = [
        (class_of(name), f"{_key_text(class_of(name))}  {counts[name]}") for name in in_order(counts.index)
    ]
    gap, line = size, round(size * 1.7)
    places: list[tuple[float, int]] = []
    x, y = float(gap), gap // 2
    for _, text in entries:
        length = size * 1.5 + typeface.getlength(text)
        if x > gap and x + length > width - gap:
            x, y = float(gap), y + line
        places.append((x, y))
        x += length + gap * 1.4
    notes = [] if entries else ["No cell was found."]
    if n_uncertain:
        notes.append(f"{'Hollow dot' if dots else 'Dashed outline'}: uncertain ({n_uncertain}).")
    notes.append(RESEARCH_USE)
    top = y + line if entries else gap // 2
    note_lines = _wrapped(" ".join(notes), width - 2 * gap, small.getlength)
    note_height = round(note_size * 1.4)
    strip = Image.new("RGB", (width, top + note_height * len(note_lines) + gap // 2), "white")
    draw = ImageDraw.Draw(strip)
    for (shape, text), (left, upper) in zip(entries, places, strict=True):
        box = (left, upper + size * 0.15, left + size, upper + size * 1.15)
        draw.rounded_rectangle(box, radius=size // 5, fill=rgb(shape.colour), outline=(60, 64, 70))
        draw.text(
            (left + size * 1.5, upper + size * 0.65), text, font=typeface, fill=(28, 32, 38), anchor="lm"
        )
    for i, text in enumerate(note_lines):
        draw.text((gap, top + note_height * (i + 0.5)), text, font=small, fill=(96, 102, 110), anchor="lm")
    height = picture.shape[0]
    result = np.full((height + strip.height, width, 3), 255, np.uint8)
    left = (width - picture.shape[1]) // 2
    result[:height, left : left + picture.shape[1]] = picture
    result[height:] = np.asarray(strip)
    return result


def _key_text(shape: CellClass) -> str:
    return f"{shape.abbreviation} {shape.title.split(' (')[0].lower()}"


def _wrapped(text: str, width: float, length: Callable[[str], float]) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and length(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
