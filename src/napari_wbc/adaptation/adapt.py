"""From labelled cells to an adapted model and a verdict on it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from napari_wbc.adaptation.card import write_adapted_card
from napari_wbc.adaptation.cells import Copies, Folds, LabelledCells, find_copies, split_into_folds
from napari_wbc.adaptation.checks import check_enough, check_labels, noticed
from napari_wbc.adaptation.crossfit import cross_fit
from napari_wbc.adaptation.outputs import outputs_of, probabilities_of, upper_outputs
from napari_wbc.adaptation.parents import source_of
from napari_wbc.adaptation.recalibrate import SeenCells, recalibrate, target_cells
from napari_wbc.adaptation.recipe import Recipe
from napari_wbc.adaptation.refine import LearningCallback, Material, goes_deep, interpolated, refine
from napari_wbc.adaptation.shift import with_this_laboratory
from napari_wbc.adaptation.start import Start, start_of
from napari_wbc.adaptation.verdict import Guard, Judged, Verdict, guard_of, judge
from napari_wbc.adaptation.views import augmented_maps, plain_maps, source_network
from napari_wbc.classification.bundle import Model, load_model, save_bundle
from napari_wbc.classification.predict import choose_device
from napari_wbc.classification.replay import Replay, load_replay
from napari_wbc.errors import ModelError, WbcError
from napari_wbc.execution.progress import CancelToken, Progress, ProgressCallback
from napari_wbc.training.trust.cells import JudgedCells


class NotBetterError(WbcError):
    """An adapted model that must not be used; ``verdict`` says why, with figures."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__("the adapted model is refused: " + "; ".join(verdict.reasons))
        self.verdict = verdict


@dataclass(frozen=True, slots=True, eq=False)
class Adaptation:
    """An adapted model, not yet written.

    Attributes
    ----------
    start : Start
        The source, with the new classes.
    weights : dict of str to torch.Tensor
        Those that changed, at the point chosen.
    tensors, stated : dict
        References and entries of ``model.json`` that replace those of the source.
    verdict : Verdict
        Whether it may be used.
    """

    start: Start
    weights: dict[str, Tensor]
    tensors: dict[str, NDArray[Any]]
    stated: dict[str, Any]
    verdict: Verdict

    def save(self, folder: str | Path) -> Model:
        """Write the bundle and load it; its name is that of the folder.

        Raises
        ------
        NotBetterError
            The verdict refused it.
        OutputError
            The place cannot be written to, or holds something else.
        """
        if not self.verdict.accepted:
            raise NotBetterError(self.verdict)
        folder = Path(folder)
        source = self.start.model
        changed = {f"network.{k}": v.numpy().astype(np.float16) for k, v in self.weights.items()}
        info = {**source.info, **self.stated, "name": folder.name}
        # It is never adapted again: the next adaptation begins at the source, with all labels.
        info.pop("replay", None)
        # Measured of the source; this model makes other errors, and may know other classes.
        info.pop("confusion", None)
        tensors = {**source.tensors, **changed, **self.tensors}
        return load_model(save_bundle(folder, tensors, info, write_adapted_card(info, source.card)))


def adapt(
    model: str | Path | Model,
    cells: LabelledCells,
    *,
    recipe: Recipe | None = None,
    device: str = "auto",
    learning: LearningCallback | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Adaptation:
    """Adapt a model to labelled cells and judge it; nothing is written and nothing is changed.

    Parameters
    ----------
    model : str, Path or Model
        The source. For an adapted model it is the one that that was adapted from: labels add up, adaptations do not.
    cells : LabelledCells
        All labels so far.
    recipe : Recipe, optional
        Other settings.
    device : {"auto", "cpu", "cuda"}, optional
        Where to run.
    learning : callable, optional
        Takes :class:`~napari_wbc.adaptation.refine.LearningPoint` for live curves.
    progress, cancel : optional
        A callback and a token to stop.

    Returns
    -------
    Adaptation

    Raises
    ------
    InputError
        There are too few cells to learn from and to judge by; the message says what is missing.
    ModelError
        The source of an adapted model is not installed.
    """
    recipe = recipe or Recipe()
    place = choose_device(device)
    cancel = cancel or CancelToken()
    source = source_of(load_model(model))
    tell = progress or (lambda _: None)
    loaded = load_replay(source)
    tell(Progress("Looking at the labelled cells", 0, 0, "cell"))
    unchanged = start_of(source, ())
    network = source_network(unchanged, place)
    plain = plain_maps(network, unchanged, cells.crops, cancel=cancel)
    replay, guard = _parts(loaded, plain.shape[2:])
    if not goes_deep(recipe, replay):
        recipe = replace(recipe, steps=0, points=tuple(p for p in recipe.points if p[1] == 0))
    before_logits, embeddings = outputs_of(unchanged, network, plain, cancel=cancel)
    guard_before, _ = upper_outputs(network, guard.maps, cancel=cancel)
    copies = find_copies(cells, embeddings)
    cells, before_logits, plain = cells.rows(copies.kept), before_logits[copies.kept], plain[:, copies.kept]
    check_enough(cells)
    start = start_of(source, cells.labels)
    check_labels(start, cells)
    folds = split_into_folds(cells)
    warnings = noticed(start, copies, before_logits, embeddings[copies.kept])

    _dry_run(start, cells, replay, recipe, place)

    def showing(done: int, total: int) -> None:
        tell(Progress("Looking at the cells in many ways", done, total, "crop"))

    network = source_network(start, place)
    maps = augmented_maps(network, start, cells.crops, recipe, step=showing, cancel=cancel)
    material = Material.of(network, cells.labels, maps, replay, cancel=cancel)
    runs = len(np.unique(folds.fold)) + 1
    finished = 0

    def stepping(done: int, total: int) -> None:
        nonlocal finished
        tell(Progress("Learning", finished * total + done, runs * total, "step"))
        finished += done == total

    fit = cross_fit(
        start,
        material,
        plain,
        folds,
        recipe,
        device=place,
        learning=learning,
        step=stepping,
        cancel=cancel,
    )
    refined = refine(
        start, material, recipe,
        device=place, run="with all cells", learning=learning,
        step=stepping, cancel=cancel,
    )  # fmt: skip
    tell(Progress("Judging", 0, 0, "cell"))
    guards: list[Guard | None] = []
    guard_outputs = []
    for point in recipe.points:
        at = interpolated(start, refined, point, place)
        guard_outputs.append(upper_outputs(at, guard.maps, cancel=cancel))
        guards.append(_guarded(start, guard, guard_before, guard_outputs[-1][0]) if len(guard) else None)
    allowed = np.array([g is None or not g.forgets(recipe.largest_loss) for g in guards], bool)
    chosen = fit.best(allowed)
    point = recipe.points[chosen]
    honest = fit.honest_logits(allowed)
    final = interpolated(start, refined, point, place)
    cancel.check()
    seen = SeenCells(
        target_cells(honest, outputs_of(start, final, plain, cancel=cancel)[1], cells.labels, folds.groups),
        folds.fold,
        _judged(replay, upper_outputs(final, replay.maps, cancel=cancel)),
        _judged(guard, guard_outputs[chosen]),
    )
    tensors, stated = recalibrate(start, seen, seed=recipe.seed)
    for part, more in zip(
        (tensors, stated),
        with_this_laboratory(start, seen.target, seen.replayed, material.replay_embeddings),
        strict=True,
    ):
        part |= more
    verdict = judge(
        Judged(
            cells.labels,
            folds.groups,
            cells.names,
            probabilities_of(start, before_logits, start.temperature),
            # With the temperature of the source, too: a better fitted one must not pass for a better model.
            probabilities_of(start, honest, start.temperature),
        ),
        start.classes,
        guards[chosen],
        largest_loss=recipe.largest_loss,
        warnings=warnings,
        suspects=copies.contradicting,
        torn=folds.torn,
        seed=recipe.seed,
    )
    state = final.state_dict()
    stated |= _provenance(start, cells, copies, folds, point, recipe, verdict, stated)
    return Adaptation(start, {k: state[k].cpu() for k in refined.weights}, tensors, stated, verdict)


def _parts(replay: Replay | None, shape: tuple[int, ...]) -> tuple[Replay, Replay]:
    """Give the replayed cells and the guard; both empty where there are none."""
    if replay is None:
        none = np.zeros(0, np.str_)
        replay = Replay(np.zeros((0, *shape), np.float16), none, none, np.zeros(0, bool))
    elif replay.maps.shape[1:] != shape:
        raise ModelError("the replayed cells of the model do not fit its network; make them anew")
    return replay.rows(~replay.guard), replay.rows(replay.guard)


def _dry_run(start: Start, cells: LabelledCells, replay: Replay, recipe: Recipe, device: str) -> None:
    """Take one step on a few cells and look at the result, so that what cannot work is told at once."""
    few, old = cells.rows(np.arange(min(8, len(cells)))), replay.rows(np.arange(min(8, len(replay))))
    one = replace(recipe, steps=min(1, recipe.steps), views=1)
    network = source_network(start, device)
    maps = augmented_maps(network, start, few.crops, one)
    refined = refine(start, Material.of(network, few.labels, maps, old), one, device=device)
    upper_outputs(interpolated(start, refined, (0.0, 0.5), device), maps[0])


def _guarded(start: Start, guard: Replay, before: NDArray[np.floating], after: NDArray[np.floating]) -> Guard:
    return guard_of(
        start.classes,
        guard.labels,
        guard.domains,
        probabilities_of(start, before, start.temperature),
        probabilities_of(start, after, start.temperature),
    )


def _judged(replay: Replay, outputs: tuple[NDArray[np.float32], NDArray[np.float32]]) -> JudgedCells:
    each = np.array([f"{i}" for i in range(len(replay))], str)
    return JudgedCells(*outputs, replay.labels, replay.domains, each)


def _provenance(
    start: Start,
    cells: LabelledCells,
    copies: Copies,
    folds: Folds,
    point: tuple[float, float],
    recipe: Recipe,
    verdict: Verdict,
    stated: dict[str, Any],
) -> dict[str, Any]:
    """Give the entries of ``model.json`` that say what the model was made of."""
    source = start.model
    return {
        "classes": list(start.classes),
        "class_priors": {c: round(float(p), 6) for c, p in start.priors.items()},
        "adaptation": {
            "parent": {"name": source.name, "sha256": source.sha256},
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "labels": cells.counts(),
            "slides": len(set(cells.slides)),
            "copies_left_out": copies.dropped,
            "sources": list(cells.sources),
            "new_classes": list(start.new),
            "judged_within_slides": list(folds.torn),
            "point": point,
            "recipe": _plain(asdict(recipe)),
            "temperature_of_parent": source.temperature,
            # Names of slides and files may tell who somebody is; a model is passed on.
            "verdict": {k: v for k, v in verdict.to_dict().items() if k != "suspects"},
            "renewed": sorted(stated),
        },
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return list(value) if isinstance(value, tuple) else value
