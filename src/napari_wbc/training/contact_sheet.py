"""What a network sees: crops as a prediction gets them, and beside each what training makes of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from napari_wbc.training.augmentation import Augmentation
from napari_wbc.training.outputs import CropSource

_NAME_PX = 150
_GAP_PX = 6


def choose_cells(rows: pd.DataFrame, per_pair: int, seed: int) -> pd.DataFrame:
    """Draw cells of each pair of domain and class.

    Parameters
    ----------
    rows : pandas.DataFrame
        With ``domain`` and ``label``.
    per_pair : int
        At most so many of each.
    seed : int
        Another seed, other cells.
    """
    shuffled = rows.sample(frac=1.0, random_state=seed)
    chosen = shuffled.groupby(["domain", "label"]).head(per_pair)
    return chosen.sort_values(["domain", "label"], kind="stable").reset_index(drop=True)


def contact_sheet(
    crops: NDArray[np.uint8],
    domains: Sequence[str],
    labels: Sequence[str],
    augmentation: Augmentation,
    input_px: int,
    view: float,
    *,
    versions: int = 8,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Draw a row for each crop: its name, the crop as a prediction gets it, and augmented versions.

    All crops together are the batch that stains are borrowed from.

    Parameters
    ----------
    crops : numpy.ndarray of uint8, shape (n, side, side, 3)
        From :func:`napari_wbc.training.manifests.load_crops`.
    domains, labels : sequence of str
        Of each crop.
    augmentation : Augmentation
        Of the training.
    input_px : int
        Side of the network's input, px.
    view : float
        Share of the side of a crop that the network sees.
    versions : int, optional
        Columns of augmented crops.
    seed : int, optional
        Of the augmentation.

    Returns
    -------
    numpy.ndarray of uint8, shape (height, width, 3)
    """
    source, rows = CropSource(crops), np.arange(len(crops))
    numbers = torch.from_numpy(np.unique(np.asarray(domains), return_inverse=True)[1])
    generator = torch.Generator().manual_seed(seed)
    columns = [source.plain(rows, input_px, view)]
    columns += [
        source.augmented(rows, input_px, view, augmentation, generator, numbers) for _ in range(versions)
    ]
    pixels = np.stack([_pixels(column) for column in columns], axis=1)
    step = input_px + 1
    sheet = np.full((len(crops) * step, _NAME_PX + _GAP_PX + len(columns) * step, 3), 255, np.uint8)
    for i, row in enumerate(pixels):
        for j, crop in enumerate(row):
            x = _NAME_PX + j * step + (_GAP_PX if j else 0)
            sheet[i * step : i * step + input_px, x : x + input_px] = crop
    picture = Image.fromarray(sheet)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(12)
    for i, (domain, label) in enumerate(zip(domains, labels, strict=True)):
        draw.text((4, i * step + 4), f"{domain}\n{label}", fill=(0, 0, 0), font=font)
    return np.asarray(picture)


def _pixels(images: Tensor) -> NDArray[np.uint8]:
    """Turn the network's input back into pixels."""
    scaled = ((images + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return np.asarray(scaled.permute(0, 2, 3, 1).numpy())
