"""Choosing the number of steps and settings by leaving out one training domain at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax

from napari_wbc.classification.backbone import Network
from napari_wbc.errors import InputError
from napari_wbc.execution.atomic import atomic_path
from napari_wbc.execution.progress import CancelToken, ProgressCallback
from napari_wbc.leukocytes import coarse_class
from napari_wbc.training.config import TrainingConfig
from napari_wbc.training.evaluation.metrics import FIVE_CLASSES, measure
from napari_wbc.training.fit import fit_network, rows_fingerprint
from napari_wbc.training.manifests import CropRows
from napari_wbc.training.outputs import CropSource, network_outputs
from napari_wbc.training.priors import class_priors, log_prior
from napari_wbc.training.temperature import pooled_temperature

#: Looks that a score is the mean of, so that the luckiest look of a noisy curve is not what is chosen.
_SMOOTHED_OVER = 3


@dataclass(frozen=True, slots=True)
class Curve:
    """How well a network did on a domain it had not seen, as it was trained.

    Attributes
    ----------
    domain : str
        Left out.
    candidate : int
        Number of the settings.
    steps : tuple of int
        When it was looked at.
    scores : tuple of float
        Macro-F1 over the five common classes that the domain has.
    """

    domain: str
    candidate: int
    steps: tuple[int, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a selection chose.

    Attributes
    ----------
    config : TrainingConfig
        With the settings of the best candidate and its number of steps.
    candidate, step : int
        The best ones.
    score : float
        Mean over the domains left out, smoothed over three looks.
    temperature : float
        Best for the cells of all domains left out, each domain counting the same: a fit on domains that a network was
        trained on is over-confident elsewhere.
    curves : tuple of Curve
        All that was measured.
    """

    config: TrainingConfig
    candidate: int
    step: int
    score: float
    temperature: float
    curves: tuple[Curve, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give plain values for ``model.json``."""
        return {
            "candidate": self.candidate,
            "step": self.step,
            "score": round(self.score, 4),
            "temperature": round(self.temperature, 4),
            "curves": [asdict(curve) for curve in self.curves],
        }


@dataclass
class _LeftOut:
    """Watches how well a network does on the domain left out, and ends the run when that no longer grows."""

    config: TrainingConfig
    labels: list[str]
    source: CropSource
    stem: Path
    steps: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    @property
    def every(self) -> int:
        """Steps between two looks."""
        return self.config.selection.every

    def look(self, step: int, network: Network) -> bool:
        """Score the network; True when the last ``patience`` looks brought nothing."""
        logits, _ = network_outputs(network, self.source, self.config.input_px, self.config.view)
        with atomic_path(logits_file(self.stem, step)) as temporary:
            np.save(temporary, logits)
        found = measure(
            softmax(logits + log_prior(class_priors(self.config)), axis=1), self.config.classes, self.labels
        )
        self.steps.append(step)
        self.scores.append(round(found.macro_f1, 6))
        patience = self.config.selection.patience
        return bool(patience) and len(self.scores) - 1 - int(np.argmax(self.scores)) >= patience

    def state(self) -> dict[str, Any]:
        """Give the curve so far."""
        return {"steps": self.steps, "scores": self.scores}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back the curve so far."""
        self.steps, self.scores = list(state["steps"]), list(state["scores"])


def select(
    config: TrainingConfig,
    rows: pd.DataFrame,
    crops: NDArray[np.uint8] | CropRows,
    *,
    work_dir: str | Path,
    name: str = "training",
    device: str = "cpu",
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Choice:
    """Train without each domain in turn, look at it on the way, and choose what did best on the mean of them.

    Every score comes from a domain that its network never saw, and none from a domain that is not trained on in the
    end; validation within the sources is near 1 for any recipe and tells nothing.

    Parameters
    ----------
    config : TrainingConfig
        With ``selection.every`` above 0.
    rows, crops
        Training rows, as for :func:`~napari_wbc.training.fit.fit_network`.
    work_dir : str or Path
        Holds each finished curve as JSON and the state of the current run, so that a stopped selection goes on.
    name : str, optional
        Beginning of those file names.
    device, progress, cancel
        As for :func:`~napari_wbc.training.fit.fit_network`.

    Returns
    -------
    Choice

    Raises
    ------
    InputError
        There is one domain only, or a fold that is no training domain.
    """
    folds = config.selection.folds or tuple(sorted(_with_five_classes(rows)))
    foreign = sorted(set(folds) - set(rows["domain"]))
    if foreign:
        raise InputError(f"selection.folds names {foreign[0]!r}, which is not trained on")
    if rows["domain"].nunique() < 2 or not folds:
        raise InputError(
            "a selection leaves one training domain out at a time and needs two or more; set selection.every = 0"
        )
    candidates = config.selection.candidates or ({},)

    def stem(candidate: int, domain: str) -> Path:
        return Path(work_dir) / f"{name}-choice-{candidate}-{domain}"

    curves = []
    for number, changes in enumerate(candidates):
        settings = replace(config.changed(changes), stop=0)
        for domain in folds:
            curve = _curve(
                settings,
                rows,
                crops,
                domain,
                number,
                stem=stem(number, domain),
                device=device,
                stage=f"Choosing settings {number + 1} of {len(candidates)}, without {domain}",
                progress=progress,
                cancel=cancel,
            )
            curves.append(curve)
    candidate, step, score = best_of(curves)
    chosen = replace(config.changed(candidates[candidate]), stop=step)
    unseen = [
        (
            np.load(logits_file(stem(candidate, curve.domain), min(step, curve.steps[-1]))),
            list(rows["label"].iloc[_looked_at(rows, curve.domain, chosen)]),
        )
        for curve in curves
        if curve.candidate == candidate
    ]
    temperature = pooled_temperature(unseen, chosen.classes, log_prior(class_priors(chosen)))
    return Choice(chosen, candidate, step, score, temperature, tuple(curves))


def logits_file(stem: Path, step: int) -> Path:
    """Name the file that a look leaves: the logits of the cells of the domain left out."""
    return Path(f"{stem}-{step}.npy")


def best_of(curves: Sequence[Curve]) -> tuple[int, int, float]:
    """Give the candidate and step with the highest mean score over domains, and that score.

    A curve that ended early goes on at its last score. Of equal scores the earliest step and the first candidate win.

    Examples
    --------
    >>> steps = (10, 20, 30, 40)
    >>> best_of([Curve("a", 0, steps, (0.1, 0.5, 0.6, 0.4)), Curve("b", 0, steps[:2], (0.2, 0.4))])
    (0, 30, 0.45)
    """
    longest = max((curve.steps for curve in curves), key=len)
    best: tuple[int, int, float] = (0, longest[0], -1.0)
    for candidate in sorted({curve.candidate for curve in curves}):
        filled = [
            [*curve.scores, *[curve.scores[-1]] * (len(longest) - len(curve.scores))]
            for curve in curves
            if curve.candidate == candidate
        ]
        smooth = pd.Series(np.mean(filled, axis=0)).rolling(_SMOOTHED_OVER, center=True, min_periods=1).mean()
        place = int(smooth.round(6).argmax())
        if smooth[place] > best[2] + 1e-6:
            best = (candidate, longest[place], round(float(smooth[place]), 6))
    return best


def _curve(
    config: TrainingConfig,
    rows: pd.DataFrame,
    crops: NDArray[np.uint8] | CropRows,
    domain: str,
    candidate: int,
    *,
    stem: Path,
    device: str,
    stage: str,
    progress: ProgressCallback | None,
    cancel: CancelToken | None,
) -> Curve:
    looked = _looked_at(rows, domain, config)
    watch = _LeftOut(
        config,
        list(rows["label"].iloc[looked]),
        CropSource(CropRows(crops, looked), device),
        stem,
    )
    kept, checkpoint = Path(f"{stem}.json"), Path(f"{stem}.checkpoint.pt")
    settings = [config.fingerprint(), asdict(config.selection) | {"candidates": []}, rows_fingerprint(rows)]
    known = _stored_curve(kept)
    # Compared as JSON gives it back: a tuple comes back as a list.
    if known.get("settings") == json.loads(json.dumps(settings)):
        watch.restore(known)
    else:
        fitted = np.flatnonzero(rows["domain"] != domain)
        fit_network(
            config,
            rows.iloc[fitted].reset_index(drop=True),
            CropRows(crops, fitted),
            device=device,
            checkpoint=checkpoint,
            watch=watch,
            stage=stage,
            progress=progress,
            cancel=cancel,
        )
        with atomic_path(kept) as temporary:
            temporary.write_text(json.dumps({"settings": settings, **watch.state()}), encoding="utf-8")
        checkpoint.unlink(missing_ok=True)
    if not watch.scores:
        raise InputError(f"selection.every is {config.selection.every}, more than the {config.steps} steps")
    return Curve(domain, candidate, tuple(watch.steps), tuple(watch.scores))


def _stored_curve(file: Path) -> dict[str, Any]:
    """Read a curve that was measured before; nothing where there is none, or a file that is none."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _five_class(rows: pd.DataFrame) -> pd.Series[str]:
    """Give the coarse class of rows, empty where it is none of the five that every data set has."""
    coarse = rows["label"].map(coarse_class)
    return coarse.where(coarse.isin(FIVE_CLASSES), "")


def _with_five_classes(rows: pd.DataFrame) -> set[str]:
    """Give the domains that have two or more of the five classes."""
    found = _five_class(rows)
    counts = found[found != ""].groupby(rows["domain"]).nunique()
    return {str(domain) for domain in counts.index[counts >= 2]}


def _looked_at(rows: pd.DataFrame, domain: str, config: TrainingConfig) -> NDArray[np.intp]:
    """Choose the cells of the domain left out that are looked at: as many of each class as far as there are."""
    coarse = _five_class(rows).to_numpy(str)
    random = np.random.default_rng(config.seed)
    places = np.flatnonzero((rows["domain"].to_numpy(str) == domain) & (coarse != ""))
    order = random.permutation(places)
    rank = pd.Series(coarse[order]).groupby(coarse[order]).cumcount().to_numpy()
    return np.sort(order[np.argsort(rank, kind="stable")][: config.selection.cells])
