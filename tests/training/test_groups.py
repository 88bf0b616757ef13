import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from napari_wbc.classification.crops import centre_crop
from napari_wbc.slides.crops import CROP_PX
from napari_wbc.training.groups import (
    near_duplicate_groups,
    near_duplicate_pairs,
    perceptual_hashes,
    thumbnails,
)


def smooth_images(n, seed=0):
    """Random blobs: no two alike."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 255, (n, 6, 6, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(s).resize((64, 64))) for s in small])


def test_copies_are_found_and_other_cells_are_not():
    images = smooth_images(60)
    random = np.random.default_rng(1)
    noisy = np.clip(images[7].astype(int) + random.integers(-8, 9, images[7].shape), 0, 255)
    darker = images[21] * 0.8
    joined = np.concatenate([images, np.stack([noisy, darker]).astype(np.uint8)])
    assert near_duplicate_pairs(thumbnails(joined)).tolist() == [[7, 60], [21, 61]]


def test_embeddings_can_refute_a_pair_but_not_make_one():
    images = smooth_images(4)[[0, 0, 1, 2]]
    alike, unlike = np.ones((4, 8)), np.eye(4, 8)
    assert near_duplicate_pairs(thumbnails(images), alike).tolist() == [[0, 1]]
    assert near_duplicate_pairs(thumbnails(images), unlike).tolist() == []


def test_known_groups_keep_their_names_and_are_joined_by_shared_cells():
    images = smooth_images(6)[[0, 1, 2, 0, 3, 4]]
    groups = near_duplicate_groups(images, ["s1", "s1", "s2", "s2", "", ""])
    assert groups == ["s1", "s1", "s1", "s1", "g0", "g1"]
    # A made-up name must not be one that the data set has.
    assert near_duplicate_groups(images[[0, 1]], ["g0", ""]) == ["g0", "g1"]


def test_blocks_find_what_a_comparison_of_all_with_all_finds(monkeypatch):
    images = thumbnails(smooth_images(50)[np.random.default_rng(3).integers(0, 50, 90)])
    whole = near_duplicate_pairs(images)
    monkeypatch.setattr("napari_wbc.training.groups._BLOCK", 7)
    monkeypatch.setattr("napari_wbc.training.groups._WIDE_BLOCK", 13)
    np.testing.assert_array_equal(near_duplicate_pairs(images), whole)
    bits = perceptual_hashes(images)
    close = (bits[:, None] != bits[None]).sum(axis=2) <= 8
    assert len(whole) > 30
    assert close[whole[:, 0], whole[:, 1]].all()


def test_many_images_take_seconds():
    small = np.random.default_rng(0).integers(0, 255, (6_000, 32, 32, 3), dtype=np.uint8)
    start = time.process_time()
    assert len(near_duplicate_pairs(small)) == 0
    # The work grows with the square: 100,000 take 280 times as long.
    assert time.process_time() - start < 5


def test_the_known_duplicates_of_the_development_images_are_found(data_dir):
    cells = pd.read_csv(data_dir / "cells.csv", keep_default_na=False)
    pairs = pd.read_csv(__file__.replace("test_groups.py", "near_duplicates.csv"))
    rest = cells[~cells["path"].isin([*pairs["first"], *pairs["second"]])]
    others = rest.groupby("domain").sample(60, random_state=0)
    for domain in ("pbc", "raabin", "chula", "bccd"):
        known = pairs[pairs["domain"] == domain]
        paths = list(
            dict.fromkeys([*known["first"], *known["second"], *others[others["domain"] == domain]["path"]])
        )
        crops = np.stack(
            [
                centre_crop(np.asarray(Image.open(data_dir / p).convert("RGB")), 25 / 192, CROP_PX)
                for p in paths
            ]
        )
        found = {frozenset((paths[i], paths[j])) for i, j in near_duplicate_pairs(thumbnails(crops))}
        assert found == {frozenset(pair) for pair in zip(known["first"], known["second"], strict=True)}, (
            domain
        )


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_images_have_no_pairs(n):
    assert near_duplicate_pairs(np.zeros((n, 32, 32, 3), np.uint8)).shape == (0, 2)
