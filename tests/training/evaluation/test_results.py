import json

import numpy as np
import pytest

from napari_wbc.errors import InputError
from napari_wbc.training.evaluation.bootstrap import group_counts
from napari_wbc.training.evaluation.metrics import compare
from napari_wbc.training.evaluation.results import (
    RunResult,
    first_difference,
    measures_of,
    read_result,
    read_results,
)
from napari_wbc.training.evaluation.summary import accuracy_at, page, target_rows, total_counts

NAMES = ("lymphocyte", "monocyte")


def result_of(target, seed, wrong):
    """Twelve cells in four groups, some of them wrong."""
    labels = [NAMES[i % 2] for i in range(12)]
    p = np.array(
        [[0.7, 0.2, 0.1] if (x == NAMES[0]) != (i < wrong) else [0.2, 0.7, 0.1] for i, x in enumerate(labels)]
    )
    comparison = compare(p, (*NAMES, "artifact"), labels, names=NAMES)
    return RunResult(
        target=target, seed=seed, settings={"most_cells": 12}, about={}, names=NAMES,
        counts=group_counts(comparison, [f"g{i // 3}" for i in range(12)]),
        unseen=measures_of(comparison), in_domain={},
    )  # fmt: skip


def test_a_result_survives_its_file(tmp_path):
    result = result_of("raabin", 1, 3)
    result.counts[0, 0, 2] += 25
    result.save(tmp_path / "raabin-1.json")
    back = read_result(tmp_path / "raabin-1.json")
    assert (back.counts == result.counts).all()
    assert (back.target, back.seed, back.names) == ("raabin", 1, NAMES)
    assert back.unseen == json.loads(json.dumps(result.unseen))
    assert [r.seed for r in read_results(tmp_path)] == [1]


@pytest.mark.parametrize("text", ["{", '{"schema": 99}', '{"schema": 1}', "[]"])
def test_what_is_no_result_is_named(tmp_path, text):
    (tmp_path / "a-0.json").write_text(text)
    with pytest.raises(InputError, match=r"a-0\.json"):
        read_result(tmp_path / "a-0.json")


def test_settings_that_came_later_are_no_difference():
    stored = {"steps": 3, "loss": {"tau": 1.0}}
    assert first_difference(stored, {"steps": 3, "loss": {"tau": 1.0, "new": 0}, "other": 1}) == ""
    assert first_difference(stored, {"steps": 3, "loss": {"tau": 2.0}}) == "loss.tau"
    assert first_difference(stored, {"loss": {"tau": 1.0}}) == "steps"


def test_tables_show_the_mean_of_the_seeds_and_all_cells():
    results = [result_of(t, s, wrong) for t, s, wrong in (("a", 0, 0), ("a", 1, 6), ("b", 0, 3), ("b", 1, 3))]
    rows = target_rows(results)
    assert [r["left out"] for r in rows] == ["a", "b"]
    assert rows[0]["accuracy"] == "0.750 ± 0.354"
    assert rows[1]["accuracy"] == "0.750 ± 0.000"
    assert total_counts(results).sum() == 48
    assert accuracy_at(results[0].unseen, 0.8) == 1.0
    text = page(results)
    assert "2 domains and 2 seeds" in text
    assert "accuracy 0.750 (" in text
