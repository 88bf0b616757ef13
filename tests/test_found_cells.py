"""The form in which found cells are kept."""

from __future__ import annotations

import numpy as np
import pytest

from napari_wbc.cell_table import empty_table
from napari_wbc.errors import Cancelled
from napari_wbc.execution.progress import CancelToken, cancelled_by
from napari_wbc.found_cells import Found


def test_keeping_cells_can_be_cancelled() -> None:
    found = Found([], [], empty_table(["monocyte"]), [], np.zeros((0, 4), np.float16))
    cancel = CancelToken()
    with cancelled_by(cancel):
        assert Found.from_bytes(found.to_bytes()).embeddings.shape == (0, 4)
        cancel.cancel()
        with pytest.raises(Cancelled):
            found.to_bytes()
