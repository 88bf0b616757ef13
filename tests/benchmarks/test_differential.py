"""The benchmarks of the differential: coverage worked by hand, slides and confusion of a handful of cells."""

import numpy as np
import pytest
from benchmarks.differential.compositions import COMPOSITIONS, five_classes, rows_of
from benchmarks.differential.nominal import exact, simulated
from benchmarks.differential.sayings import Sayings, confusion_of
from benchmarks.differential.slides import coverage, drawn_slides
from benchmarks.differential.tables import slides_tables

CLASSES = np.array(["neutrophil_segmented", "lymphocyte", "platelet"])


def sayings(truth, said, domain="a"):
    chances = np.array([[0.9, 0.1, 0.0] if s == CLASSES[0] else [0.1, 0.9, 0.0] for s in said], np.float32)
    return Sayings(np.array([domain] * len(truth)), np.array(truth), np.array(said), chances, CLASSES)


def test_coverage_of_a_rare_class_by_hand():
    # With a true share of 0.5 %, Wald's interval of 100 cells holds it with 1 to 4 of them: about 1 - 0.995^100.
    assert exact("wald", 0.005, 100) == pytest.approx(1 - 0.995**100, abs=5e-4)
    # Wilson's and the exact one hold it up to 2 and to 3 cells: Poisson-like sums of the binomial.
    assert exact("clopper_pearson", 0.005, 100) > exact("wilson", 0.005, 100) > 0.9


def test_simulated_coverage_is_near_the_exact_one():
    found = simulated("wilson", {"a": 0.2, "b": 0.8}, 200)
    assert found["a"] == pytest.approx(exact("wilson", 0.2, 200), abs=0.015)


def test_compositions_are_whole():
    for name, composition in COMPOSITIONS.items():
        assert sum(composition.values()) == pytest.approx(1.0), name
        assert sum(five_classes(composition).values()) == pytest.approx(1.0)
    assert rows_of({"neutrophil_band": 0.25, "neutrophil_segmented": 0.25, "monocyte": 0.5}) == {
        "neutrophil": 0.5, "monocyte": 0.5,
    }  # fmt: skip
    assert "basophil" not in five_classes(COMPOSITIONS["normal"], ("basophil",))


def test_confusion_counts_coarse_and_fine():
    unseen = sayings(
        ["neutrophil", "neutrophil_band", "lymphocyte"], [CLASSES[0], "unidentified", CLASSES[1]], "b"
    )
    known = sayings(
        ["neutrophil_segmented", "neutrophil_band", "lymphocyte"], [CLASSES[0], CLASSES[0], CLASSES[1]]
    )
    found = confusion_of([unseen], known)
    assert found.said == ("neutrophil_segmented", "lymphocyte", "unidentified")
    assert found.unseen == {"b": {"neutrophil": [1, 0, 1], "lymphocyte": [0, 1, 0]}}
    # A class that the model has no output for has no row of its own.
    assert found.held_out == {"a": {"neutrophil_segmented": [1, 0, 0], "lymphocyte": [0, 1, 0]}}


def test_slides_know_their_truth(monkeypatch):
    monkeypatch.setattr("benchmarks.differential.slides.SLIDES", 4)
    # A model that is always right: the counted shares are the drawn ones.
    truth = ["neutrophil_segmented"] * 20 + ["lymphocyte"] * 20
    cells = sayings(truth, truth)
    confusion = confusion_of([cells], cells)
    slides = drawn_slides(cells, cells.truth, {CLASSES[0]: 0.6, CLASSES[1]: 0.4}, confusion, "a", "normal")
    for slide in slides:
        assert slide["true"] == {"neutrophil": 60.0, "lymphocyte": 40.0}
        assert slide["rows"]["lymphocyte"][0] == slide["drawn"]["lymphocyte"]
        low, high = slide["propagated"]["lymphocyte"]
        assert low <= slide["rows"]["lymphocyte"][1]
        assert high >= slide["rows"]["lymphocyte"][2]
    rows = coverage(slides)
    assert [r["class"] for r in rows] == ["neutrophil", "lymphocyte"]
    tables = slides_tables({"coverage": rows, "agreement": []})
    assert tables["slides"][0]["composition"] == "normal"
    assert tables["slides-by-class"][1]["true %"] == "40.0"
