import numpy as np
import pytest
import torch

from napari_wbc.training.losses import Batch, LossConfig, TrainingRows, build_objective
from napari_wbc.training.losses.cross_entropy import CrossEntropy
from napari_wbc.training.losses.domain_conditional import DomainConditionalCrossEntropy

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


@pytest.mark.parametrize("classification", ["cross_entropy", "per_domain", "domain_conditional"])
def test_gradient_agrees_with_differences(classification):
    rows = rows_of(
        ["a neutrophil", "a monocyte", "b neutrophil_band", "b monocyte", "b neutrophil_segmented"]
    )
    objective = build_objective(LossConfig(classification), rows).double()
    logits = torch.randn(5, 3, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: objective(batch_of(rows, z))[0], (logits,))


def test_per_domain_each_domain_of_the_batch_counts_the_same():
    rows = rows_of(["a monocyte", "a monocyte", "a monocyte", "b monocyte"])
    logits = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 2.0], [0.0, 0.0, 3.0], [0.0, 0.0, -1.0]])
    each = CrossEntropy()(batch_of(rows, logits))
    total, parts = build_objective(LossConfig("per_domain"), rows)(batch_of(rows, logits))
    assert float(total) == pytest.approx((float(each[:3].mean()) + float(each[3])) / 2, rel=1e-5)
    assert float(parts["classification"]) == pytest.approx(float(total))
