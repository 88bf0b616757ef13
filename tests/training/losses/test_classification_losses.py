import numpy as np
import pytest
import torch

from napari_wbc.errors import InputError
from napari_wbc.training.losses import Batch, LossConfig, TrainingRows, build_objective
from napari_wbc.training.losses.class_balanced import ClassBalanced
from napari_wbc.training.losses.cross_entropy import CrossEntropy
from napari_wbc.training.losses.domain_conditional import DomainConditionalCrossEntropy
from napari_wbc.training.losses.focal import Focal
from napari_wbc.training.losses.ldam import LabelDistributionAwareMargin
from napari_wbc.training.losses.reductions import GroupDRO

CLASSES = ("neutrophil_segmented", "neutrophil_band", "monocyte")


def rows_of(pairs, weights=None):
    """Rows from texts such as "a monocyte"."""
    domains, labels = zip(*(p.split() for p in pairs), strict=True)
    weights = np.full(len(pairs), 1 / len(pairs)) if weights is None else np.array(weights)
    return TrainingRows.of(domains, labels, weights, CLASSES)


def batch_of(rows, logits, index=None, step=0):
    index = np.arange(len(logits)) if index is None else np.array(index)
    members, domains, labels = (torch.from_numpy(x[index]) for x in (rows.members, rows.domains, rows.labels))
    return Batch(logits, torch.zeros(len(logits), 2, dtype=logits.dtype), members, domains, labels, step)


def test_cross_entropy_of_a_set_is_that_of_the_sum_of_its_classes():
    rows = rows_of(["a neutrophil", "a monocyte"])
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]))
    losses = CrossEntropy()(batch_of(rows, logits))
    assert losses.tolist() == pytest.approx([-np.log(0.8), -np.log(0.2)], rel=1e-5)


def test_the_class_mix_of_the_domain_enters_as_a_prior():
    # Domain a: three quarters of segmented. By hand: p = 0.75 * 0.5 / (0.75 * 0.5 + 0.25 * 0.5) = 0.75.
    rows = rows_of(["a neutrophil_segmented", "a monocyte"], [0.75, 0.25])
    loss = DomainConditionalCrossEntropy(rows, unlabelled_prior=1e-9)
    got = loss(batch_of(rows, torch.zeros(1, 3)))
    assert got.tolist() == pytest.approx([-np.log(0.75)], rel=1e-5)


def test_without_adjustment_it_is_cross_entropy():
    rows = rows_of(["a neutrophil", "a monocyte", "b monocyte"])
    logits = torch.randn(3, 3)
    loss = DomainConditionalCrossEntropy(rows, tau=0.0)
    assert torch.allclose(loss(batch_of(rows, logits)), CrossEntropy()(batch_of(rows, logits)))


def test_a_class_that_a_domain_does_not_annotate_is_hardly_punished():
    rows = rows_of(["a neutrophil_segmented", "a neutrophil_band", "b monocyte"], [0.4, 0.4, 0.2])
    loss = DomainConditionalCrossEntropy(rows, unlabelled_prior=0.01)
    logits = torch.zeros(1, 3, requires_grad=True)
    loss(batch_of(rows, logits)).sum().backward()
    annotated, absent = float(logits.grad[0, 1]), float(logits.grad[0, 2])
    assert annotated > 40 * absent > 0


@pytest.mark.parametrize(
    "classification", ["cross_entropy", "per_domain", "domain_conditional", "focal", "class_balanced", "ldam"]
)
def test_gradient_agrees_with_differences(classification):
    rows = rows_of(
        ["a neutrophil", "a monocyte", "b neutrophil_band", "b monocyte", "b neutrophil_segmented"]
    )
    objective = build_objective(LossConfig(classification), rows, 2).double()
    logits = torch.randn(5, 3, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: objective(batch_of(rows, z))[0], (logits,))


def test_per_domain_each_domain_of_the_batch_counts_the_same():
    rows = rows_of(["a monocyte", "a monocyte", "a monocyte", "b monocyte"])
    logits = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 2.0], [0.0, 0.0, 3.0], [0.0, 0.0, -1.0]])
    each = CrossEntropy()(batch_of(rows, logits))
    total, parts = build_objective(LossConfig("per_domain"), rows, 2)(batch_of(rows, logits))
    assert float(total) == pytest.approx((float(each[:3].mean()) + float(each[3])) / 2, rel=1e-5)
    assert float(parts["classification"]) == pytest.approx(float(total))


def test_focal_loss_by_hand():
    # p = 0.8 for the set and 0.2 for the monocyte: 0.2^2 * -log 0.8 and 0.8^2 * -log 0.2.
    rows = rows_of(["a neutrophil", "a monocyte"])
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]))
    losses = Focal(2.0)(batch_of(rows, logits))
    assert losses.tolist() == pytest.approx([-0.04 * np.log(0.8), -0.64 * np.log(0.2)], rel=1e-5)
    assert torch.allclose(Focal(0.0)(batch_of(rows, logits)), CrossEntropy()(batch_of(rows, logits)))


def test_a_sample_that_is_certainly_right_gives_the_focal_loss_no_infinite_slope():
    rows = rows_of(["a monocyte"])
    logits = torch.tensor([[-200.0, -200.0, 200.0]], requires_grad=True)
    Focal(0.5)(batch_of(rows, logits)).sum().backward()
    assert torch.isfinite(logits.grad).all()


def test_class_balanced_weights_by_hand():
    # Three segmented and one monocyte, beta 0.5: 0.5 / (1 - 0.125) = 4/7 and 0.5 / 0.5 = 1; their mean is 11/14.
    rows = rows_of(["a neutrophil_segmented"] * 3 + ["a monocyte"])
    loss = ClassBalanced(rows, beta=0.5)
    assert loss.weight.tolist() == pytest.approx([8 / 11, 0.0, 14 / 11], rel=1e-5)
    got = loss(batch_of(rows, torch.zeros(4, 3)))
    assert got.tolist() == pytest.approx([8 / 11 * np.log(3)] * 3 + [14 / 11 * np.log(3)], rel=1e-5)


def test_what_the_sampler_has_evened_out_is_not_evened_out_again():
    rows = rows_of(["a neutrophil_segmented"] * 3 + ["a monocyte"], [1 / 6, 1 / 6, 1 / 6, 1 / 2])
    assert rows.drawn_per_class().tolist() == pytest.approx([2.0, 0.0, 2.0])
    assert ClassBalanced(rows, beta=0.9).weight.tolist() == pytest.approx([1.0, 0.0, 1.0])


def test_margins_by_hand():
    # 16 segmented and one monocyte: the fourth root of 1/16 is a half.
    rows = rows_of(["a neutrophil_segmented"] * 16 + ["a monocyte"])
    loss = LabelDistributionAwareMargin(rows, largest=2.0)
    assert loss.margin.tolist() == pytest.approx([1.0, 0.0, 2.0])
    got = loss(batch_of(rows, torch.zeros(2, 3), [0, 16]))
    by_hand = [-np.log(np.exp(-m) / (np.exp(-m) + 2)) for m in (1.0, 2.0)]
    assert got.tolist() == pytest.approx(by_hand, rel=1e-5)


def test_the_worst_domain_gains_weight():
    # Losses 1 and 3, eta = log(2) / 2: the weights become 2^0.5 and 2^1.5, that is 1/3 and 2/3.
    reduction = GroupDRO(2, step=np.log(2) / 2)
    losses, domains = torch.tensor([1.0, 1.0, 3.0]), torch.tensor([0, 0, 1])
    assert float(reduction(losses, domains)) == pytest.approx(1 / 3 + 3 * 2 / 3)
    assert reduction.weights.tolist() == pytest.approx([1 / 3, 2 / 3])
    # Without the worse domain, its weight stays relative to the others and the loss is that of the one that is there.
    alone = GroupDRO(2, step=1e-9)
    alone.load_state_dict(reduction.state_dict())
    assert float(alone(torch.tensor([1.0]), torch.tensor([0]))) == pytest.approx(1.0)
    assert alone.weights.tolist() == pytest.approx([1 / 3, 2 / 3])


def test_bfloat16_outputs_are_computed_with_in_full_precision():
    rows = rows_of(["a monocyte", "b neutrophil"])
    objective = build_objective(LossConfig("cross_entropy", macro=1.0), rows, 2)
    logits = torch.randn(2, 3).bfloat16()
    total, parts = objective(batch_of(rows, logits))
    assert total.dtype == parts["macro"].dtype == torch.float32
    assert float(total) == pytest.approx(float(CrossEntropy()(batch_of(rows, logits.float())).mean()))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classification": "hinge"}, "hinge"),
        ({"boda": -0.1}, "boda must be 0 or more, not -0.1"),
        ({"boda_temperature": 0.0}, "boda_temperature"),
        ({"class_balanced_beta": 1.0}, "class_balanced_beta"),
    ],
)
def test_values_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        LossConfig(**changes)
