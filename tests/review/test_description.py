"""What a review is of: every entry of ``review.json`` is checked before anything is made of it."""

from __future__ import annotations

import json
import math

import pytest

from napari_wbc.domain_shift import DomainShift
from napari_wbc.errors import InputError
from napari_wbc.review.description import domain_shift_of, load_description, scale_of
from napari_wbc.slides import Scale

SOUND = {
    "schema_version": 1,
    "image": {"name": "smear", "path": "/smears/smear.png"},
    "run": {"image": {"sha256": "ab"}, "model": {"name": "robust"}, "slide_model": {}},
    "profile": "name: lab",
}
SCALE = {"um_per_px": 0.1, "origin": "given", "confidence": 1.0, "n_red_cells": 0}


def test_a_sound_one_is_given_back(tmp_path):
    file = tmp_path / "review.json"
    file.write_text(json.dumps(SOUND), encoding="utf-8")
    assert load_description(file) == SOUND


@pytest.mark.parametrize(
    "change",
    [
        {"schema_version": None},
        {"schema_version": True},
        {"schema_version": "1"},
        {"image": "smear.png"},
        {"image": {"name": 7}},
        {"image": {"name": "smear", "path": 7}},
        {"image": {"name": "smear", "path": "/smears/\0"}},
        {"run": []},
        {"run": {**SOUND["run"], "model": None}},
        {"run": {**SOUND["run"], "image": {"sha256": 7}}},
        {"run": {**SOUND["run"], "slide_model": []}},
        {"profile": None},
    ],
)
def test_another_kind_of_entry_is_damage(tmp_path, change):
    file = tmp_path / "review.json"
    file.write_text(json.dumps(SOUND | change), encoding="utf-8")
    with pytest.raises(InputError, match=r"review\.json: damaged; take a copy of the folder from before"):
        load_description(file)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_description_is_damage(tmp_path, content):
    file = tmp_path / "review.json"
    with pytest.raises(InputError, match="damaged"):
        load_description(file)
    file.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        load_description(file)


def test_a_later_version_asks_for_an_update(tmp_path):
    file = tmp_path / "review.json"
    file.write_text(json.dumps(SOUND | {"schema_version": 2}), encoding="utf-8")
    with pytest.raises(InputError, match="written by a later version of napari-wbc; update to open it"):
        load_description(file)


def test_scale():
    assert scale_of({"scale": SCALE}) == Scale(**SCALE)


@pytest.mark.parametrize(
    "change",
    [
        {"um_per_px": "0.1"},
        {"um_per_px": 0.0},
        {"um_per_px": 1e6},
        {"um_per_px": math.nan},
        {"um_per_px": True},
        {"confidence": None},
        {"n_red_cells": 1.5},
        {"origin": 3},
        {"further": 1},
    ],
)
def test_a_scale_that_is_none(change):
    with pytest.raises((ValueError, TypeError)):
        scale_of({"scale": SCALE | change})


def test_domain_shift():
    plain = {"nearest": "lab", "ratio": 0.5, "cells": 100}
    assert domain_shift_of(plain) == DomainShift("lab", 0.5, 100)
    assert domain_shift_of(None) is None


@pytest.mark.parametrize(
    "change", [{"nearest": 1}, {"ratio": "far"}, {"ratio": math.inf}, {"cells": 1.5}, {"more": 1}]
)
def test_a_domain_shift_that_is_none(change):
    with pytest.raises((ValueError, TypeError)):
        domain_shift_of({"nearest": "lab", "ratio": 0.5, "cells": 100, **change})
