import pytest

from napari_wbc.training.sampling import row_weights


def test_rows_are_drawn_by_domain_then_class():
    domains = ["a"] * 100 + ["b"] * 4
    labels = ["x"] * 81 + ["y"] * 19 + ["x"] * 4
    weights = row_weights(domains, labels, domain_power=0.5, class_power=0.0)
    in_a = weights[:100].sum()
    assert in_a == pytest.approx(10 / 12)
    assert weights[:81].sum() == pytest.approx(in_a / 2)
    assert weights.sum() == pytest.approx(1)
