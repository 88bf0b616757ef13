import numpy as np
import pytest
import torch

from napari_wbc.training.losses import DomainConditionalCrossEntropy
from napari_wbc.training.sampling import row_weights


def loss_of(members, domains, weights, **options):
    return DomainConditionalCrossEntropy(
        np.array(members, bool), np.array(domains), np.array(weights), **options
    )


def test_without_adjustment_it_is_cross_entropy_over_a_set():
    members = torch.tensor([[True, True, False], [False, False, True]])
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]))
    loss = loss_of(members.numpy(), [0, 0], [0.5, 0.5], tau=0.0)
    expected = -(np.log(0.8) + np.log(0.2)) / 2
    assert float(loss(logits, members, torch.tensor([0, 0]))) == pytest.approx(expected, rel=1e-5)


def test_the_class_mix_of_the_domain_enters_as_a_prior():
    # Domain 0: three quarters of class 0. By hand: p(0) = 0.75 * 0.5 / (0.75 * 0.5 + 0.25 * 0.5) = 0.75.
    rows = [[True, False], [False, True]]
    loss = loss_of(rows, [0, 0], [0.75, 0.25])
    logits = torch.zeros(1, 2)
    members = torch.tensor([[True, False]])
    assert float(loss(logits, members, torch.tensor([0]))) == pytest.approx(-np.log(0.75), rel=1e-5)


def test_a_class_that_a_domain_does_not_annotate_is_hardly_punished():
    rows = [[True, False, False], [False, True, False], [False, False, True]]
    loss = loss_of(rows, [0, 0, 1], [0.4, 0.4, 0.2], unlabelled_prior=0.01)
    logits = torch.zeros(1, 3, requires_grad=True)
    loss(logits, torch.tensor([[True, False, False]]), torch.tensor([0])).backward()
    annotated, absent = float(logits.grad[0, 1]), float(logits.grad[0, 2])
    assert annotated > 40 * absent > 0


def test_gradient_agrees_with_differences():
    random = np.random.default_rng(0)
    members = random.random((6, 4)) < 0.4
    members[np.arange(6), random.integers(0, 4, 6)] = True
    loss = loss_of(members, [0, 0, 0, 1, 1, 1], np.full(6, 1 / 6)).double()
    loss.log_prior = loss.log_prior.double()
    logits = torch.randn(6, 4, dtype=torch.double, requires_grad=True)
    domains = torch.tensor([0, 0, 0, 1, 1, 1])

    def run(z):
        # The loss computes in float32 for training; the check needs doubles.
        adjusted = z + loss.log_prior[domains]
        allowed = adjusted.masked_fill(~torch.from_numpy(members), -torch.inf)
        return (adjusted.logsumexp(1) - allowed.logsumexp(1)).mean()

    assert torch.autograd.gradcheck(run, (logits,))
    logits = logits.detach()
    assert float(run(logits)) == pytest.approx(
        float(loss(logits, torch.from_numpy(members), domains)), rel=1e-5
    )


def test_rows_are_drawn_by_domain_then_class():
    domains = ["a"] * 100 + ["b"] * 4
    labels = ["x"] * 81 + ["y"] * 19 + ["x"] * 4
    weights = row_weights(domains, labels, domain_power=0.5, class_power=0.0)
    in_a = weights[:100].sum()
    assert in_a == pytest.approx(10 / 12)
    assert weights[:81].sum() == pytest.approx(in_a / 2)
    assert weights.sum() == pytest.approx(1)
