"""The marked fields of the development images, and which of them a run looks at."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
IMAGES = Path(os.environ.get("NAPARI_WBC_DATA", ROOT.parent / "shared" / "data"))
DOMAINS = ("bccd", "chula", "txl_bcd", "txl_pbc", "txl_raabin")
#: Domains whose publishers marked every leukocyte; chula marks about one per field.
FULLY_MARKED = ("bccd", "txl_bcd", "txl_pbc", "txl_raabin")


@dataclass(frozen=True, eq=False)
class Field:
    """One field of view.

    Attributes
    ----------
    domain, group : str
        Laboratory; slide where the publisher names it, else the field itself.
    path : str
        Relative to the images' folder.
    um_per_px : float
        Published or estimated scale.
    boxes : numpy.ndarray of float, shape (n, 4)
        Marked leukocytes as ``y0, x0, y1, x1``, px.
    mask_path : str
        Of the whole-cell mask; empty where there is none.
    """

    domain: str
    group: str
    path: str
    um_per_px: float
    boxes: NDArray[np.float64]
    mask_path: str

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """RGB, shape (height, width, 3)."""
        return pixels_of(self.path)

    @property
    def mask(self) -> NDArray[np.bool_] | None:
        """Whole-cell mask, shape (height, width)."""
        if not self.mask_path:
            return None
        return np.asarray(Image.open(IMAGES / self.mask_path).convert("L")) > 127


def pixels_of(path: str) -> NDArray[np.uint8]:
    """RGB of one of the images, shape (height, width, 3)."""
    return np.asarray(Image.open(IMAGES / path).convert("RGB"))


def evenly(count: int, most: int) -> NDArray[np.intp]:
    """Places of at most ``most`` of ``count`` things, from the first to the last."""
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(np.intp)


def chosen_fields(half: str, domains: tuple[str, ...], per_domain: int | None) -> Iterator[Field]:
    """Fields of a half of the groups, domain by domain.

    The groups of a domain are sorted; "even" and "odd" take every second one, "all" takes all. ``per_domain``
    spreads that many fields evenly over the ones that are left, always the same ones.
    """
    fields = pd.read_csv(IMAGES / "fields.csv", keep_default_na=False)
    marked = pd.read_csv(IMAGES / "boxes.csv", keep_default_na=False)
    marked = marked[marked["kind"] == "wbc"]
    boxes = {path: rows[["y0", "x0", "y1", "x1"]].to_numpy(float) for path, rows in marked.groupby("path")}
    for domain in domains:
        here = fields[fields["domain"] == domain]
        groups = sorted(here["group"].astype(str).unique())
        if half != "all":
            here = here[here["group"].astype(str).isin(groups[1 if half == "odd" else 0 :: 2])]
        if per_domain:
            here = here.iloc[evenly(len(here), per_domain)]
        for row in here.itertuples():
            yield Field(
                domain=domain,
                group=str(row.group),
                path=row.path,
                um_per_px=float(row.um_per_px),
                boxes=boxes.get(row.path, np.zeros((0, 4))),
                mask_path=row.mask,
            )
