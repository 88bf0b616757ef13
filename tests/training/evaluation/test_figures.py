import numpy as np
import pytest

from napari_wbc.training.evaluation.figures import (
    confusion_figure,
    reliability_figure,
    risk_coverage_figure,
    save_figure,
)
from napari_wbc.training.evaluation.reliability import reliability, risk_coverage

pytest.importorskip("matplotlib")


def test_figures_say_what_was_counted_and_are_the_same_each_time(tmp_path):
    confidence = np.linspace(0.3, 1.0, 50)
    correct = np.arange(50) % 3 > 0
    made = {
        "reliability": lambda: reliability_figure({"bccd": reliability(confidence, correct).to_dict()}),
        "risk": lambda: risk_coverage_figure({"bccd": risk_coverage(confidence, correct).to_dict()}),
        "confusion": lambda: confusion_figure(np.array([[3, 1, 0], [0, 4, 4]]), ["monocyte", "basophil"]),
    }
    for name, make in made.items():
        for copy in "ab":
            save_figure(make(), tmp_path / f"{name}_{copy}.svg")
        first, second = ((tmp_path / f"{name}_{copy}.svg").read_text() for copy in "ab")
        assert first == second
    labels = {t.get_text() for t in made["confusion"]().axes[0].texts}
    assert {"75.0", "25.0", "50.0", "0.0"} == labels
    axes = made["risk"]().axes[0]
    assert axes.lines[0].get_ydata()[-1] == pytest.approx(17 / 50)
