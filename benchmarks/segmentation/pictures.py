"""Pictures of what was found and marked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from napari_wbc.segmentation import Segmentation

from .fields import Field
from .matching import Score

DICE_WORTH_A_LOOK = 0.9


def outlined(pixels: NDArray[np.uint8], found: Segmentation, marks: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Draw outlines of cells (yellow) and nuclei (cyan), and marked boxes (green)."""
    picture = pixels.copy()
    for labels, colour in ((found.cells, (255, 255, 0)), (found.nuclei, (0, 255, 255))):
        picture[labels != ndimage.grey_erosion(labels, (3, 3))] = colour
    for y0, x0, y1, x1 in marks.astype(int):
        y1, x1 = min(y1, picture.shape[0] - 1), min(x1, picture.shape[1] - 1)
        picture[[y0, y1], x0 : x1 + 1] = (0, 200, 0)
        picture[y0 : y1 + 1, [x0, x1]] = (0, 200, 0)
    return picture


def save_if_wrong(field: Field, found: Segmentation, result: Score, folder: Path) -> None:
    """Save a field with a miss, a loose outline, an unmarked find or a poor Dice; the name says which."""
    poor = result.dice < DICE_WORTH_A_LOOK
    if not (result.missed or result.loose or result.unmarked or poor):
        return
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{field.domain}_{Path(field.path).stem}_miss{len(result.missed)}_loose{len(result.loose)}"
    name += f"_unmarked{len(result.unmarked)}" + (f"_dice{result.dice:.2f}" if poor else "")
    Image.fromarray(outlined(field.pixels, found, field.boxes)).save(folder / f"{name}.png")
