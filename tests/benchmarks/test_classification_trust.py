import numpy as np
import pytest
from benchmarks.classification.trust import auroc, no_cells, say

import napari_wbc as wbc
from napari_wbc.leukocytes import is_nucleated


def test_auroc_by_hand():
    assert auroc(np.array([0.0, 1.0, 2.0]), np.array([3.0, 4.0])) == 1.0
    # Of six pairs three are in the right order, and one is a tie.
    assert auroc(np.array([0.0, 1.0, 2.0]), np.array([0.5, 2.0])) == pytest.approx(3.5 / 6)


def test_noise_and_plain_colours_are_no_cells():
    model = wbc.load_model("robust")
    for name, images in no_cells().items():
        if name != "photographs":
            said = say(model, images[:12])
            assert not any(is_nucleated(label) for label in said.labels.label), name
