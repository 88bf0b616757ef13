"""The card says what follows from the cells of the very model, and no more."""

import copy

import pytest

import napari_wbc as wbc
from napari_wbc.training.card import write_card
from napari_wbc.training.replay import _with_replay


@pytest.fixture
def info():
    return copy.deepcopy(dict(wbc.load_model("robust").info))


def test_the_card_of_the_bundled_model_is_the_one_that_is_written(info):
    assert wbc.load_model("robust").card == _with_replay(write_card(info), info["replay"])


def test_what_is_said_of_our_laboratories_is_not_said_of_others(info):
    ours = write_card(info)
    assert "in one laboratory only (pbc)" in ours
    assert "Basophils of raabin" in ours
    for domain in info["training_domains"]:
        domain["name"] = f"lab {domain['name']}"
    theirs = write_card(info)
    assert "in one laboratory only (lab pbc), so that elsewhere these labels are guesses: " in theirs
    for ours_alone in ("raabin come", "bccd has three", "its developers"):
        assert ours_alone not in theirs


def test_a_model_with_blasts_or_reactive_lymphocytes_says_what_it_lacks(info):
    assert "nor a plasma cell, a reactive lymphocyte or a parasite" in write_card(info)
    info["classes"] = [*info["classes"], "lymphocyte_reactive"]
    assert "nor a plasma cell or a parasite" in write_card(info)
    assert "never seen" not in write_card({**info, "classes": [*info["classes"], "myeloblast"]})


def test_the_accuracy_of_held_out_cells_has_its_interval_by_hand(info):
    # Wilson: 28 cells, 26 right.
    info["metrics"]["in_domain"] = {"bccd": copy.deepcopy(info["metrics"]["in_domain"]["bccd"])}
    info["metrics"]["in_domain"]["bccd"]["coarse"] |= {"cells": 28, "accuracy": 26 / 28}
    assert "| bccd | coarse (5) | 28 | 0.929 | 0.774 to 0.980 | 0.929 (28) |" in write_card(info)
