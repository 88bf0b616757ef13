"""What models say of labelled cells that they were not trained on, kept for the other benchmarks of this folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_wbc.classification.bundle import Model, load_model
from napari_wbc.classification.predict import label_predictions, predict_crops
from napari_wbc.confusion import Confusion
from napari_wbc.leukocytes import UNIDENTIFIED, coarse_class, is_nucleated
from napari_wbc.training.config import TrainingConfig
from napari_wbc.training.manifests import CropRows, load_crops
from napari_wbc.training.train import held_out, read_manifests
from napari_wbc.training.trust.cells import per_pair

ROOT = Path(__file__).resolve().parents[2]
RUNS = Path(os.environ.get("NAPARI_WBC_RUNS", ROOT / "runs"))
RESULTS = ROOT / "benchmarks" / "results" / "differential"
DOMAINS = ("bccd", "chula", "pbc", "raabin")
#: Of each pair of laboratory and label: more would make the shares of a row sharper by next to nothing.
MOST_PER_LABEL = 450


@dataclass(frozen=True, slots=True)
class Sayings:
    """What a model says of labelled cells: labels as a user sees them, and calibrated probabilities."""

    domain: NDArray[np.str_]
    truth: NDArray[np.str_]
    said: NDArray[np.str_]
    probabilities: NDArray[np.float32]
    classes: NDArray[np.str_]

    def rows(self, chosen: NDArray[np.bool_]) -> Sayings:
        """Give some of the cells."""
        return Sayings(
            self.domain[chosen],
            self.truth[chosen],
            self.said[chosen],
            self.probabilities[chosen],
            self.classes,
        )


def say(folds: Sequence[Path], shipped: Path, config: TrainingConfig, work: Path) -> None:
    """Let each fold say what it makes of the laboratory that it was trained without, and the shipped model of held-out
    cells; keep both in ``work``."""
    rows = read_manifests(replace(config, leave_out=()))
    crops = load_crops(rows, Path(config.manifests[0]).parent)
    work.mkdir(parents=True, exist_ok=True)
    labels, domains = rows["label"].to_numpy(str), rows["domain"].to_numpy(str)
    nucleated = np.array([is_nucleated(coarse_class(x)) for x in labels])
    jobs = []
    for fold in map(load_model, folds):
        seen = {d["name"] for d in fold.info["training_domains"]}
        shown = {coarse_class(c) for d in fold.info["training_domains"] for c in d["classes"]}
        # What a fold says of classes that it was never shown is no measure of the recipe.
        left = (
            nucleated
            & ~np.isin(domains, sorted(seen))
            & np.isin([coarse_class(x) for x in labels], sorted(shown))
        )
        chosen = np.flatnonzero(left)
        chosen = chosen[per_pair(domains[chosen], labels[chosen], MOST_PER_LABEL, 0)]
        jobs.append((fold, chosen, f"unseen-{'-'.join(sorted(set(domains[chosen])))}"))
    jobs.append((load_model(shipped), np.flatnonzero(nucleated & held_out(rows, config)), "held-out"))
    for model, chosen, name in jobs:
        _keep(model, CropRows(crops, chosen), domains[chosen], labels[chosen], work / f"{name}.npz")
        print(name, len(chosen), flush=True)


def _keep(
    model: Model, crops: CropRows, domains: NDArray[np.str_], labels: NDArray[np.str_], file: Path
) -> None:
    predictions = predict_crops(model, crops, device="cpu")  # type: ignore[arg-type]
    np.savez(
        file,
        domain=domains,
        truth=labels,
        said=np.array(label_predictions(model, predictions).label),
        probabilities=predictions.probabilities,
        classes=np.array(model.classes),
    )


def kept(work: Path, name: str) -> Sayings:
    """Read what :func:`say` kept: ``unseen-<laboratory>`` or ``held-out``."""
    with np.load(work / f"{name}.npz") as content:
        return Sayings(*(content[key] for key in ("domain", "truth", "said", "probabilities", "classes")))


def confusion_of(unseen: Sequence[Sayings], known: Sayings) -> Confusion:
    """Count what was said of each class: coarse ones of laboratories left out, fine ones of held-out cells."""
    said = (*(str(c) for c in known.classes if is_nucleated(str(c))), UNIDENTIFIED)
    return Confusion(
        said,
        {str(s.domain[0]): _counts(s, said, coarse=True) for s in unseen},
        {str(d): _counts(known.rows(known.domain == d), said, coarse=False) for d in np.unique(known.domain)},
    )


def _counts(sayings: Sayings, said: Sequence[str], *, coarse: bool) -> dict[str, list[int]]:
    truth = np.array([coarse_class(str(x)) if coarse else str(x) for x in sayings.truth])
    fine = set(said) - {UNIDENTIFIED}
    return {
        str(name): [int(((truth == name) & (sayings.said == label)).sum()) for label in said]
        for name in np.unique(truth)
        if coarse or str(name) in fine
    }
