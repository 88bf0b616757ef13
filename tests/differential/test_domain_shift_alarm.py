import pandas as pd

from napari_wbc.differential.count import differential
from napari_wbc.domain_shift import DomainShift

BLOOD = pd.DataFrame({"label": ["neutrophil_segmented"] * 70 + ["lymphocyte"] * 30})


def test_a_slide_unlike_every_training_slide_is_not_reliable():
    result = differential(BLOOD, domain_shift=DomainShift("pbc", 1.34, 100))
    assert not result.quality["reliable"]
    (alarm,) = result.alarms
    assert "1.34 times the limit; nearest: pbc" in alarm
    assert result.to_text().startswith(f"! {alarm}")
    assert result.to_dict()["quality"]["domain_shift"] == {"nearest": "pbc", "ratio": 1.34, "cells": 100}


def test_a_slide_within_the_limit_and_one_without_a_reference_are_reliable():
    for shift in (DomainShift("pbc", 1.0, 100), None):
        result = differential(BLOOD, domain_shift=shift)
        assert result.quality["reliable"]
        assert result.alarms == ()


def test_where_a_person_labelled_the_cells_the_slide_may_be_strange():
    reviewed = BLOOD.assign(status=["reviewed"] * 90 + ["model"] * 10)
    assert differential(reviewed, domain_shift=DomainShift("pbc", 3.0, 100)).quality["reliable"]
    half = BLOOD.assign(status=["reviewed"] * 50 + ["model"] * 50)
    assert not differential(half, domain_shift=DomainShift("pbc", 3.0, 100)).quality["reliable"]
