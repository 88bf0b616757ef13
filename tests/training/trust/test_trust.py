import dataclasses
from dataclasses import replace

import numpy as np
import pytest

from napari_wbc.classification.domain_shift import DomainReference
from napari_wbc.classification.novelty import NoveltyReference, nucleated_columns
from napari_wbc.errors import InputError
from napari_wbc.training.priors import tempered_priors
from napari_wbc.training.trust.cells import JudgedCells, equal_weights, per_pair, weighted_quantiles
from napari_wbc.training.trust.domains import fit_domain_shift
from napari_wbc.training.trust.novelty import fit_novelty
from napari_wbc.training.trust.unseen import UnseenCells, fit_on_unseen, sharpest_level

CLASSES = ("neutrophil_segmented", "lymphocyte", "monocyte", "artifact")
D = 40
_AXES = np.random.default_rng(9).normal(size=(20, D))


def judged(domain, n, seed, *, labels=CLASSES, slides=5, moved=1.0):
    """Draw cells: each class and each domain has a place of its own."""
    random = np.random.default_rng(seed)
    label = random.choice(labels, n)
    where = np.array([list(CLASSES).index(x) if x in CLASSES else 7 for x in label])
    slide = random.integers(0, slides, n)
    embeddings = 3 * _AXES[where] + moved * _AXES[10 + domain] + random.normal(0, 0.7, (n, D))
    embeddings += 0.2 * np.random.default_rng(domain).normal(size=(slides, D))[slide]
    logits = 8.0 * np.eye(8)[where][:, :4] + random.normal(0, 1, (n, 4))
    return JudgedCells(
        logits, embeddings, label.astype(str), np.full(n, f"lab{domain}"), np.array([f"s{i}" for i in slide])
    )


def together(*parts):
    return JudgedCells(
        *(np.concatenate([getattr(p, f.name) for p in parts]) for f in dataclasses.fields(JudgedCells))
    )


@pytest.fixture(scope="module")
def fitted():
    return together(judged(0, 600, 0), judged(1, 600, 1))


@pytest.fixture(scope="module")
def held_out():
    return together(judged(0, 200, 2), judged(1, 60, 3))


def novelty_of(fitted, held_out):
    tensors, stated = fit_novelty(CLASSES, fitted, held_out)
    return NoveltyReference(
        tensors["novelty.reference"].astype(float),
        stated["neighbours"],
        stated["parts"],
        np.array(stated["quantiles"]),
        nucleated_columns(CLASSES),
    )


def test_novelty_of_held_out_cells_is_even_and_strange_cells_stand_out(fitted, held_out):
    reference = novelty_of(fitted, held_out)
    fresh = together(judged(0, 400, 4), judged(1, 400, 5)).nucleated()
    usual = reference.novelty(reference.score(fresh.logits, fresh.embeddings))
    assert np.median(usual) == pytest.approx(0.5, abs=0.1)
    assert (usual > 0.95).mean() == pytest.approx(0.05, abs=0.05)
    for strange in (judged(0, 200, 6, labels=["blast"]), judged(0, 200, 6, labels=["artifact"])):
        assert (reference.novelty(reference.score(strange.logits, strange.embeddings)) > 0.95).all()


def test_novelty_needs_held_out_leukocytes(fitted, held_out):
    with pytest.raises(InputError, match="hold out more groups"):
        fit_novelty(CLASSES, fitted, held_out.rows(np.flatnonzero(held_out.labels == "artifact")))


def test_a_new_laboratory_is_told_from_the_old_ones(fitted, held_out):
    tensors, stated = fit_domain_shift(tempered_priors(CLASSES), fitted, held_out)
    reference = DomainReference(
        tuple(stated["domains"]),
        tuple(stated["classes"]),
        tensors["domains.basis"].astype(float),
        tensors["domains.means"].astype(float),
        np.array(stated["cells"], float),
        np.array(stated["limits"]),
    )
    assert stated["domains"] == ["lab0", "lab1"]
    assert stated["limits"] == sorted(stated["limits"], reverse=True)
    for domain, mix in ((0, CLASSES), (1, CLASSES), (1, ["lymphocyte"])):
        known = judged(domain, 100, 7, labels=mix)
        shift = reference.shift(known.embeddings, list(known.labels))
        assert (shift.nearest, shift.beyond) == (f"lab{domain}", False)
    new = judged(2, 100, 8)
    assert reference.shift(new.embeddings, list(new.labels)).ratio > 1.2


def test_without_enough_held_out_cells_there_is_no_limit(fitted):
    few = fitted.rows(np.arange(5))
    alone = JudgedCells(
        fitted.logits,
        fitted.embeddings,
        fitted.labels,
        fitted.domains,
        np.arange(len(fitted)).astype(str),
    )
    assert fit_domain_shift(tempered_priors(CLASSES), alone, few) == ({}, {})


def unseen_cells(n, over_confidence, seed=0):
    random = np.random.default_rng(seed)
    logits = random.normal(0, 1.5, (n, 4))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (probabilities.cumsum(axis=1) > random.random((n, 1))).argmax(axis=1)
    domains = np.where(np.arange(n) < n // 10, "small", "large")
    return UnseenCells(
        over_confidence * logits, random.normal(size=n), np.array(CLASSES)[truth], domains.astype(str)
    )


def test_what_is_promised_of_unseen_laboratories_holds_there():
    info = {
        "classes": list(CLASSES),
        "class_priors": dict.fromkeys(CLASSES, 0.25),
        "novelty": {"quantiles": [0.0, 1.0], "neighbours": 10},
        "thresholds": {"min_confidence": 0.5, "max_novelty": 0.98},
    }
    unseen = unseen_cells(4000, over_confidence=3.0)
    new = fit_on_unseen(info, unseen)
    assert new["temperature"] > 2.0, "the model was far too sure of itself"
    assert 0.5 <= new["conformal"]["level"] < 1.0
    assert 0.0 < new["conformal"]["threshold"] < 1.0
    assert new["thresholds"]["max_novelty"] == pytest.approx(0.95)
    quantiles = new["novelty"]["quantiles"]
    assert len(quantiles) == 201
    assert quantiles == sorted(quantiles)
    assert info["novelty"] == {"quantiles": [0.0, 1.0], "neighbours": 10}, "the old content is left alone"
    with pytest.raises(InputError, match="no domain left out"):
        fit_on_unseen(info, dataclasses.replace(unseen, labels=np.full(4000, "platelet")))


def test_rightly_classified_cells_mostly_keep_their_label():
    random = np.random.default_rng(0)
    sums = random.dirichlet([0.3, 0.3, 0.3], 3000)
    truth = (sums.cumsum(axis=1) > random.random((3000, 1))).argmax(axis=1)
    level, threshold = sharpest_level(sums, truth, np.ones(3000))
    right = sums.argmax(axis=1) == truth
    assert ((sums >= threshold).sum(axis=1) == 1)[right].mean() >= 0.9
    assert (sums[np.arange(3000), truth] >= threshold).mean() == pytest.approx(level, abs=0.02)


def test_rows_and_weights():
    domains, labels = ["a"] * 5 + ["b"], ["x", "x", "x", "y", "y", "x"]
    chosen = per_pair(domains, labels, 2, 0)
    assert [(domains[i], labels[i]) for i in chosen].count(("a", "x")) == 2
    assert len(chosen) == 5
    assert len(per_pair([], [], 2, 0)) == 0
    weights = equal_weights(np.array(domains))
    assert weights[:5].sum() == pytest.approx(weights[5:].sum())
    quantiles = weighted_quantiles(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 1.0]))
    assert (quantiles[0], quantiles[100], quantiles[200]) == (1.0, 2.0, 3.0)


@pytest.mark.parametrize("spread", [0.0, 1e-7, 1e-4])
def test_a_network_that_sees_no_difference_breaks_no_reference(fitted, held_out, spread):
    """A collapsed network: 1 / sqrt(variance) does not fit into half precision then."""

    def collapsed(cells):
        noise = np.random.default_rng(0).normal(0, spread, cells.embeddings.shape)
        return replace(cells, embeddings=(1.0 + noise).astype(np.float32))

    tensors, stated = fit_domain_shift(tempered_priors(CLASSES), collapsed(fitted), collapsed(held_out))
    assert all(np.isfinite(value).all() for value in tensors.values())
    assert bool(tensors) is bool(stated)
    assert all(limit > 0 for limit in stated.get("limits", []))
    assert stated or spread < 1e-4
