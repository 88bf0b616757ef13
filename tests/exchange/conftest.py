"""Counts that the writers write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from differential.conftest import blood, build, make_cells
from napari_wbc.differential.count import differential
from napari_wbc.exchange.formats import Contents
from napari_wbc.execution.progress import CancelToken
from napari_wbc.masks import CellMask
from napari_wbc.slides import open_slide

__all__ = ["blood", "make_cells"]

MODEL_SHA256, IMAGE_SHA256 = "ab" * 32, "cd" * 32
UM_PER_PX = 0.1


def contents_of(cells: Any, masks: list[CellMask], image: np.ndarray, **options: Any) -> Contents:
    """Put together what the writers get."""
    slide = open_slide(image, name="smear")
    run = {
        "program": "napari-wbc",
        "version": "1.2.3",
        "finished": "2026-03-04T05:06:07+00:00",
        "image": {
            "name": "smear.png",
            "sha256": IMAGE_SHA256,
            "height_px": slide.shape[0],
            "width_px": slide.shape[1],
        },
        "model": {"name": "robust", "sha256": MODEL_SHA256},
        "parameters": {"um_per_px": UM_PER_PX},
        **options.pop("run", {}),
    }
    return Contents(slide, UM_PER_PX, cells, masks, differential(cells, **options), run, CancelToken())


@pytest.fixture
def counted_blood(blood: tuple) -> Contents:
    """An ordinary blood, with its WBC count."""
    cells, masks, image = blood
    return contents_of(cells, masks, image, wbc_per_l=7.2e9)


@pytest.fixture
def make_contents() -> Callable[..., Contents]:
    """Makes what the writers get, of a composition."""

    def make(composition: dict[str, int], **options: Any) -> Contents:
        return contents_of(*build(composition), **options)

    return make
