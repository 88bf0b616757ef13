import numpy as np
import pytest
import torch

from napari_wbc.training.losses import Batch, LossConfig, TrainingRows, build_objective
from napari_wbc.training.losses.boda import BalancedDomainClassAlignment
from napari_wbc.training.losses.moments import Coral, MacroAlignment, moment_differences
from napari_wbc.training.losses.supervised_contrastive import SupervisedContrastive

CLASSES = ("neutrophil_segmented", "neutrophil_band", "monocyte", "lymphocyte")


def rows_of(pairs, weights=None):
    domains, labels = zip(*(p.split() for p in pairs), strict=True)
    weights = np.full(len(pairs), 1 / len(pairs)) if weights is None else np.array(weights)
    return TrainingRows.of(domains, labels, weights, CLASSES)


def batch_of(rows, embeddings, step=0):
    n = len(embeddings)
    members, domains, labels = (torch.from_numpy(x[:n]) for x in (rows.members, rows.domains, rows.labels))
    return Batch(
        torch.zeros(n, len(CLASSES), dtype=embeddings.dtype), embeddings, members, domains, labels, step
    )


def refreshed(rows, embeddings, **options):
    """Centroids of exactly these rows."""
    loss = BalancedDomainClassAlignment(rows, embeddings.shape[1], start=0, **options)
    loss.update_centroids(embeddings, torch.from_numpy(rows.domains), torch.from_numpy(rows.labels))
    return loss


def test_boda_by_hand_with_equal_pairs():
    # One dimension; centroids: a mono 0, a lymph 4, b mono 1, b lymph 6. All N alike, so s is minus the distance.
    rows = rows_of(["a monocyte", "a lymphocyte", "b monocyte", "b lymphocyte"])
    z = torch.tensor([[0.0], [4.0], [1.0], [6.0]])
    loss = refreshed(rows, z)
    # Each sample's own pair is left out of the sum; the positive is the same class in the other domain.
    by_hand = [
        1 + np.log(np.exp(-4) + np.exp(-1) + np.exp(-6)),
        2 + np.log(np.exp(-4) + np.exp(-3) + np.exp(-2)),
        1 + np.log(np.exp(-1) + np.exp(-3) + np.exp(-5)),
        2 + np.log(np.exp(-6) + np.exp(-2) + np.exp(-5)),
    ]
    assert float(loss(batch_of(rows, z))) == pytest.approx(np.mean(by_hand), rel=1e-5)


def test_boda_calibrates_by_the_numbers_of_samples():
    # a mono is drawn three times as often as b mono; in units of their mean 1.5 and 0.5.
    rows = rows_of(["a monocyte", "b monocyte", "c lymphocyte"], [0.6, 0.2, 0.4])
    z = torch.tensor([[0.0], [1.0], [3.0]])
    loss = refreshed(rows, z, nu=0.5, temperature=2.0)
    n = np.array([1.5, 0.5, 1.0])
    assert loss.counts.tolist() == pytest.approx(n)

    def s(i, j):
        return -abs(float(z[i] - z[j])) / n[i] * (n[j] / n[i]) ** 0.5 / 2.0

    # The lymphocyte has no positive and gives no term.
    by_hand = [
        -(s(0, 1) - np.log(np.exp(s(0, 1)) + np.exp(s(0, 2)))),
        -(s(1, 0) - np.log(np.exp(s(1, 0)) + np.exp(s(1, 2)))),
    ]
    assert float(loss(batch_of(rows, z))) == pytest.approx(np.mean(by_hand), rel=1e-5)


def test_boda_partial_labels_are_positives_across_domains_and_neutral_within_one():
    rows = rows_of(["a neutrophil", "a neutrophil_band", "b neutrophil_band", "b monocyte", "b leukocyte"])
    z = torch.tensor([[0.0], [1.0], [2.0], [4.0], [9.0]])
    loss = refreshed(rows, z)
    # The wide label takes no part: four pairs.
    assert len(loss.counts) == 4
    # First sample: positive b band; b monocyte in the sum, a band (which may be the same) not.
    first = batch_of(rows, z[:1])
    assert float(loss(first)) == pytest.approx(2 + np.log(np.exp(-2) + np.exp(-4)), rel=1e-5)


def test_boda_without_a_positive_is_zero_and_not_nan():
    rows = rows_of(["a monocyte", "b lymphocyte"])
    z = torch.tensor([[0.0], [1.0]], requires_grad=True)
    objective = build_objective(LossConfig("cross_entropy", boda=1.0, boda_start=0), rows, 1)
    objective.update_centroids(z.detach(), torch.from_numpy(rows.domains), torch.from_numpy(rows.labels))
    total, parts = objective(batch_of(rows, z))
    assert float(parts["boda"]) == 0.0
    assert torch.isfinite(total)


def test_boda_waits_for_its_start_and_for_its_centroids():
    rows = rows_of(["a monocyte", "b monocyte", "b lymphocyte"])
    config = LossConfig("cross_entropy", boda=1.0, boda_start=3, boda_refresh=2)
    objective = build_objective(config, rows, 1)
    assert [objective.needs_centroids(step) for step in range(7)] == [False] * 3 + [True, False, True, False]
    z = torch.tensor([[0.0], [1.0], [2.0]])
    assert float(objective(batch_of(rows, z, step=3))[1]["boda"]) == 0.0
    objective.update_centroids(z, torch.from_numpy(rows.domains), torch.from_numpy(rows.labels))
    assert float(objective(batch_of(rows, z, step=2))[1]["boda"]) == 0.0
    assert float(objective(batch_of(rows, z, step=3))[1]["boda"]) > 0.0


def test_centroids_remember_a_fifth_and_survive_a_resume():
    rows = rows_of(["a monocyte", "a monocyte", "b monocyte"])
    config = LossConfig("cross_entropy", boda=1.0, boda_start=0)
    objective = build_objective(config, rows, 1)
    domains, labels = torch.from_numpy(rows.domains), torch.from_numpy(rows.labels)
    objective.update_centroids(torch.tensor([[1.0], [3.0], [5.0]]), domains, labels)
    assert objective.terms["boda"].centroids.ravel().tolist() == [2.0, 5.0]
    # Only pair a this time: 0.8 * 12 + 0.2 * 2.
    objective.update_centroids(torch.tensor([[12.0]]), domains[:1], labels[:1])
    assert objective.terms["boda"].centroids.ravel().tolist() == pytest.approx([10.0, 5.0])
    other = build_objective(config, rows, 1)
    other.load_state_dict(objective.state_dict())
    batch = batch_of(rows, torch.tensor([[1.0], [2.0], [3.0]]))
    assert torch.equal(other(batch)[0], objective(batch)[0])


def test_moments_agree_with_covariances_that_are_made():
    random = torch.Generator().manual_seed(0)
    embeddings = torch.randn(12, 5, generator=random, dtype=torch.double)
    # The third domain has one sample, hence no covariance.
    domains = torch.tensor([0] * 4 + [2] * 7 + [1])
    means, covariances, pairs = moment_differences(embeddings, domains)
    a, b = embeddings[:4], embeddings[4:11]
    assert pairs == 1
    assert float(means[0]) == pytest.approx(float((a.mean(0) - b.mean(0)).square().sum()))
    difference = torch.cov(a.T) - torch.cov(b.T)
    assert float(covariances[0]) == pytest.approx(float(difference.square().sum()))
    rows = rows_of(["a monocyte"] * 4 + ["c monocyte"] * 7 + ["b monocyte"])
    batch = batch_of(rows, embeddings)
    assert float(Coral()(batch)) == pytest.approx(float(covariances[0]) / 100)
    assert float(MacroAlignment()(batch)) == pytest.approx(float(means[0]) / 5 + float(covariances[0]) / 25)


def test_moments_of_one_domain_are_zero():
    rows = rows_of(["a monocyte", "a monocyte", "b monocyte"])
    batch = batch_of(rows, torch.randn(3, 4))
    assert float(MacroAlignment()(batch)) == float(Coral()(batch)) == 0.0


def test_contrast_by_hand():
    # Unit vectors; T = 1. Anchor a mono: positive b mono (cosine 0), negative a lymph (cosine -1).
    rows = rows_of(["a monocyte", "b monocyte", "a lymphocyte", "a monocyte"])
    z = torch.tensor([[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0], [1.0, 0.0]])
    loss = SupervisedContrastive(rows, temperature=1.0)
    # The fourth, of the same class and domain as the first, is in neither's sum.
    of_a = np.log(1 + np.exp(-1))
    # Anchor b mono: positives 1 and 4 (cosine 0), negative with cosine 0.
    of_b = np.log(3)
    assert float(loss(batch_of(rows, z))) == pytest.approx((of_a + of_b + of_a) / 3, rel=1e-5)


def test_contrast_knows_what_partial_labels_leave_open():
    rows = rows_of(["a neutrophil", "b neutrophil_band", "b leukocyte", "b monocyte"])
    z = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, 0.0]])
    loss = SupervisedContrastive(rows, temperature=1.0)
    # Positives are the first two; the wide label is neither for nor against them.
    by_hand = [np.log(1 + np.exp(-1)), np.log(2)]
    assert float(loss(batch_of(rows, z))) == pytest.approx(np.mean(by_hand), rel=1e-5)
    nothing = rows_of(["a monocyte", "a monocyte", "b lymphocyte"])
    alone = SupervisedContrastive(nothing)(batch_of(nothing, torch.randn(3, 2)))
    assert float(alone) == 0.0


@pytest.mark.parametrize("term", ["boda", "macro", "coral", "supervised_contrastive"])
def test_gradient_of_the_embeddings_agrees_with_differences(term):
    rows = rows_of(
        ["a neutrophil", "a monocyte", "b neutrophil_band", "b monocyte", "c lymphocyte", "c monocyte",
         "a lymphocyte", "b leukocyte"]
    )  # fmt: skip
    config = LossConfig("cross_entropy", boda_start=0, contrastive_temperature=0.5, **{term: 1.0})
    objective = build_objective(config, rows, 3).double()
    random = torch.Generator().manual_seed(1)
    z = torch.randn(8, 3, generator=random, dtype=torch.double)
    objective.update_centroids(z + 0.3, torch.from_numpy(rows.domains), torch.from_numpy(rows.labels))
    z.requires_grad_()
    assert float(objective(batch_of(rows, z))[1][term]) > 0
    assert torch.autograd.gradcheck(lambda e: objective(batch_of(rows, e))[0], (z,))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
def test_on_a_gpu_the_sum_is_the_same():
    rows = rows_of(["a neutrophil", "a monocyte", "b neutrophil_band", "b monocyte", "b lymphocyte"])
    config = LossConfig(boda=0.1, boda_start=0, macro=1.0, coral=1.0, supervised_contrastive=0.1)
    z = torch.randn(5, 8)
    totals = []
    for device in ("cpu", "cuda"):
        objective = build_objective(config, rows, 8).to(device)
        batch = batch_of(rows, z)
        moved = {
            k: getattr(batch, k).to(device) for k in ("logits", "embeddings", "members", "domains", "labels")
        }
        objective.update_centroids(moved["embeddings"], moved["domains"], moved["labels"])
        totals.append(float(objective(Batch(**moved, step=0))[0]))
    assert totals[1] == pytest.approx(totals[0], rel=1e-4)
