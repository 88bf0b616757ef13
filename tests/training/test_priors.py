import pytest

from napari_wbc.training.priors import tempered_priors


def test_a_kind_counts_once_however_far_it_is_split():
    whole = tempered_priors(["neutrophil", "lymphocyte", "basophil"])
    split = tempered_priors(["neutrophil_segmented", "neutrophil_band", "lymphocyte", "basophil"])
    # The shares of the table: 0.55 + 0.03, 0.30 and 0.005, each to the power of a tenth.
    assert split["lymphocyte"] / split["basophil"] == pytest.approx((0.30 / 0.005) ** 0.1)
    assert whole["lymphocyte"] / whole["basophil"] == pytest.approx((0.30 / 0.005) ** 0.1)
    neutrophils = split["neutrophil_segmented"] + split["neutrophil_band"]
    assert neutrophils / split["basophil"] == pytest.approx((0.58 / 0.005) ** 0.1)
    assert split["neutrophil_segmented"] / split["neutrophil_band"] == pytest.approx((0.55 / 0.03) ** 0.25)


def test_priors_keep_the_order_of_the_classes_and_add_up():
    priors = tempered_priors(["artifact", "monocyte", "neutrophil_band", "blast", "neutrophil_segmented"])
    assert list(priors) == ["artifact", "monocyte", "neutrophil_band", "blast", "neutrophil_segmented"]
    assert sum(priors.values()) == pytest.approx(1.0)
    assert priors["monocyte"] > priors["artifact"] > priors["blast"]
