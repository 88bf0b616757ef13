"""What a report says about where its numbers come from: every row, from a run that is written out here."""

from __future__ import annotations

import copy

import pytest

from napari_wbc.differential.count import differential
from napari_wbc.differential.provenance_rows import provenance_rows, review_text, scale_text, stain_text

RUN = {
    "image": {"name": "smear.svs", "sha256": "ab12", "width_px": 100_000, "height_px": 8_000},
    "scale": {"um_per_px": 0.25, "origin": "metadata"},
    "slide_model": {"confidence": 0.5, "red_cell_fraction": 0.25, "threshold_nucleus": 0.125},
    "model": {"name": "robust", "sha256": "cd34"},
    "parameters": {
        "um_per_px": 0.1 + 0.2,
        "same_slide": True,
        "regions": None,
        "profile": {"name": "adult"},
        "profile_sha256": "ef56",
    },
    "review": {
        "changes": 1,
        "by": ["ann", "bob"],
        "cells_reviewed": 7,
        "cells_excluded": 2,
        "signed": {"by": "A. Example", "at": "2026-01-31T12:00:00+00:00", "note": "second look"},
    },
    "program": "napari-wbc",
    "version": "1.2.3",
    "packages": {"numpy": "2.1", "torch": "2.5"},
    "python": "3.11.7",
    "system": "Linux",
    "device": "cpu",
    "finished": "2026-01-31T11:00:00+00:00",
}


def test_every_row(make_cells):
    found = differential(make_cells({"lymphocyte": 1})[0])
    assert provenance_rows(RUN, found) == [
        ("Image", "smear.svs", False),
        ("Image SHA-256", "ab12", True),
        ("Image size", "100\N{NARROW NO-BREAK SPACE}000 × 8000 px", False),
        ("Scale", "0.2500 µm per px, from the file", False),
        (
            "Stain",
            "confidence 0.50; red cells on 25 % of what was sampled; nuclei from an optical density of 0.12 on "
            "their axis",
            False,
        ),
        ("Model", "robust", False),
        ("Model SHA-256", "cd34", True),
        ("Profile", f"{found.profile.title} ({found.profile.name})", False),
        ("Profile SHA-256", "ef56", True),
        ("Parameters", "um_per_px 0.3; same_slide True", False),
        (
            "Review",
            "1 change by ann, bob; 7 cells reviewed, 2 excluded; signed by A. Example on 2026-01-31 (second look)",
            False,
        ),
        ("Program", "napari-wbc 1.2.3", False),
        ("Packages", "numpy 2.1, torch 2.5", False),
        ("Python", "3.11.7 on Linux", False),
        ("Device", "cpu", False),
        ("Finished", "2026-01-31T11:00:00+00:00", False),
    ]


def test_what_is_not_known_has_no_row(make_cells):
    found = differential(make_cells({"lymphocyte": 1})[0])
    assert [name for name, _, _ in provenance_rows({}, found)] == ["Profile"]
    half = {
        "image": {"name": "a.png", "width_px": 5},
        "scale": {"origin": "given"},
        "version": "1",
        "model": None,
    }
    rows = [row[:2] for row in provenance_rows(half, found)]
    assert rows[0] == ("Image", "a.png")
    assert rows[2:] == [("Program", "1")]


@pytest.mark.parametrize(
    ("scale", "said"),
    [
        ({"um_per_px": 0.1}, "0.1000 µm per px"),
        ({"um_per_px": 0.1, "origin": "given"}, "0.1000 µm per px, given by the user"),
        ({"um_per_px": 0.1, "origin": "slide_model"}, "0.1000 µm per px, from other fields of the slide"),
        (
            {"um_per_px": 0.1, "origin": "red_cells", "n_red_cells": 0},
            "0.1000 µm per px, estimated from the size of the red cells",
        ),
        (
            {"um_per_px": 0.1, "origin": "red_cells", "n_red_cells": 12, "confidence": 0.5},
            "0.1000 µm per px, estimated from the size of 12 red cells (confidence 0.50)",
        ),
    ],
)
def test_scale(scale, said):
    assert scale_text(scale) == said


def test_stain_that_is_not_known():
    known = RUN["slide_model"]
    for name in known:
        assert stain_text({key: value for key, value in known.items() if key != name}) == ""
    unsure = "typical values, for there are too few red cells to learn it from"
    assert stain_text({**known, "confidence": 0}) == unsure


def test_a_review_that_nobody_signed():
    review = copy.deepcopy(RUN["review"])
    review |= {"changes": 12_000, "cells_reviewed": 1, "signed": None}
    said = "12\N{NARROW NO-BREAK SPACE}000 changes by ann, bob; 1 cell reviewed, 2 excluded; not signed"
    assert review_text(review) == said
    signed = review | {"signed": {"by": "B", "at": "2026-02-01T00:00:00+00:00", "note": ""}}
    assert review_text(signed).endswith("; signed by B on 2026-02-01")
    assert review_text({"by": ["ann"]}) == ""
