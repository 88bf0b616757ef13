"""A model refined on labelled cells: its last layer first, then all that lies behind the second stage."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor
from torch.nn import functional

from napari_wbc.adaptation.adam import Adam
from napari_wbc.adaptation.balance import balanced_rows, log_shares
from napari_wbc.adaptation.head import Head, HeadCells, shrunken_head
from napari_wbc.adaptation.outputs import as_input, upper_outputs
from napari_wbc.adaptation.recipe import Recipe
from napari_wbc.adaptation.start import Start
from napari_wbc.adaptation.views import Done, source_network
from napari_wbc.classification.backbone import Network
from napari_wbc.classification.replay import Replay
from napari_wbc.errors import InputError
from napari_wbc.execution.progress import CancelToken
from napari_wbc.training.losses.cross_entropy import set_log_probability

_WARMUP_STEPS = 5
_HEAD = ("head.weight", "head.bias")
#: Steps between two looks at the loss.
_LOOK_EVERY = 10


@dataclass(frozen=True, slots=True)
class LearningPoint:
    """Where a run is, for live curves.

    Attributes
    ----------
    run : str
        Which one, in words.
    step, steps : int
        Taken, and in all.
    loss : float
        Mean over the last steps.
    macro_f1 : float or None
        On the cells that this run does not learn from; None where there are none.
    """

    run: str
    step: int
    steps: int
    loss: float
    macro_f1: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What refinements learn from, with what the source sees in it: once for all of them.

    Attributes
    ----------
    labels : numpy.ndarray of str, shape (n,)
        Of the labelled cells.
    maps : numpy.ndarray of float16, shape (copies, n, channels, h, w)
        Augmented copies of them (:func:`~napari_wbc.adaptation.views.augmented_maps`).
    embeddings : numpy.ndarray, shape (copies, n, d)
        What the source sees in these.
    replay : Replay
        Cells of the training without the guard; may be empty.
    replay_embeddings, replay_logits : numpy.ndarray, shape (m, d) and (m, k)
        What the source sees in them, and says of them.
    """

    labels: NDArray[np.str_]
    maps: NDArray[np.float16]
    embeddings: NDArray[np.float32]
    replay: Replay
    replay_embeddings: NDArray[np.float32]
    replay_logits: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        network: Network,
        labels: NDArray[np.str_],
        maps: NDArray[np.float16],
        replay: Replay,
        *,
        cancel: CancelToken | None = None,
    ) -> Material:
        """Let the network of the source look at maps and replay."""
        said = upper_outputs(network, replay.maps, cancel=cancel)
        return cls(labels, maps, _embedded(network, maps, cancel), replay, said[1], said[0])

    def rows(self, chosen: NDArray[np.intp]) -> Material:
        """Give it for some of the labelled cells."""
        return Material(
            self.labels[chosen], self.maps[:, chosen], self.embeddings[:, chosen],
            self.replay, self.replay_embeddings, self.replay_logits,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Refined:
    """What came of a refinement, on the CPU.

    Attributes
    ----------
    head : dict of str to torch.Tensor
        The last layer as it was fitted to what the source sees.
    weights : dict of str to torch.Tensor
        All that changed in the end, the last layer among them.
    """

    head: dict[str, Tensor]
    weights: dict[str, Tensor]


#: Called with every point.
LearningCallback = Callable[[LearningPoint], None]
#: Gives the macro-F1 of a network on cells set aside.
Judge = Callable[[Network], float]


def refine(
    start: Start,
    material: Material,
    recipe: Recipe,
    *,
    device: str = "cpu",
    run: str = "",
    judge: Judge | None = None,
    learning: LearningCallback | None = None,
    step: Done | None = None,
    cancel: CancelToken | None = None,
) -> Refined:
    """Refine the source on labelled cells.

    The head is fitted to the embeddings of the copies. Then all that lies behind the second stage follows for some
    steps; half of each batch is replayed and held to what the source says. At the end the head is fitted again, to
    what the network sees by then. The first two stages stay as they are: cells need to go through them once, and of
    those of the training no image is needed. A refinement always begins at the source.

    Parameters
    ----------
    start : Start
        The source.
    material : Material
        What to learn from.
    recipe : Recipe
        The settings.
    device : {"cpu", "cuda"}
        Where to run.
    run : str, optional
        Name of the run for ``learning``.
    judge : callable, optional
        Looks at cells that this run does not learn from.
    learning : callable, optional
        Takes a :class:`LearningPoint` now and then.
    step : callable, optional
        Told how many steps of how many are done.
    cancel : CancelToken, optional
        Checked at each step.

    Returns
    -------
    Refined
        The weights that changed.

    Raises
    ------
    InputError
        The loss runs away.
    """
    network = source_network(start, device)
    _set_head(network, fit_head(start, material, recipe))
    head = _kept(network, _HEAD)
    # Without cells of the training nothing would hold the layers below.
    if not goes_deep(recipe, material.replay):
        if step is not None:
            step(1, 1)
        return Refined(head, head)
    names = (*network.upper_names(), *_HEAD)
    parameters: list[Tensor] = [p for name, p in network.named_parameters() if name in names]
    average = copy.deepcopy(network)
    followed: list[Tensor] = [p for name, p in average.named_parameters() if name in names]
    network.train()
    for parameter in parameters:
        parameter.requires_grad_(True)
    batches = _Batches(start, material, recipe, device)
    optimizer = Adam(parameters)
    torch.manual_seed(recipe.seed)
    losses: list[float] = []
    for done in range(1, recipe.steps + 1):
        if cancel is not None:
            cancel.check()
        loss = batches.loss(network)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step(recipe.lr * _rate(done - 1, recipe.steps))
        decay = min(recipe.average, done / (done + 9))
        with torch.no_grad():
            torch._foreach_lerp_(followed, parameters, 1.0 - decay)
        losses.append(float(loss.detach()))
        if not np.isfinite(losses[-1]):
            raise InputError("the loss is no number any more; look for images that are empty or broken")
        if step is not None:
            step(done, recipe.steps)
        if learning is not None and (done % _LOOK_EVERY == 0 or done == recipe.steps):
            score = judge(average) if judge is not None else None
            learning(LearningPoint(run, done, recipe.steps, float(np.mean(losses[-_LOOK_EVERY:])), score))
    again = Material.of(average, material.labels, material.maps, material.replay, cancel=cancel)
    _set_head(average, fit_head(start, again, recipe))
    return Refined(head, _kept(average, names))


def goes_deep(recipe: Recipe, replay: Replay) -> bool:
    """Tell whether layers below the last one are refined: only where cells of the training hold them."""
    return recipe.steps > 0 and len(replay) > 0


def fit_head(start: Start, material: Material, recipe: Recipe) -> Head:
    """Fit the head to copies of labelled cells and to replayed cells, which count as much as the former in all."""
    replay = material.replay
    rows = balanced_rows(material.labels, replay.labels, replay.domains, start.classes)
    prior, n = log_shares(rows), len(material.labels)
    copies = [(material.embeddings, slice(None, n)), (material.replay_embeddings[np.newaxis], slice(n, None))]
    cells = HeadCells(
        np.concatenate([of.reshape(-1, of.shape[2]) for of, _ in copies]),
        np.concatenate([np.tile(rows.members[part], (len(of), 1)) for of, part in copies]),
        np.concatenate([np.tile(rows.weights[part] * n / max(1, len(of)), len(of)) for of, part in copies]),
        np.concatenate([np.tile(prior[part], (len(of), 1)) for of, part in copies]),
    )
    pull = recipe.pull if len(replay) else recipe.pull_without_replay
    return shrunken_head(start.head, cells, pull=pull, most_steps=100)


def interpolated(start: Start, refined: Refined, point: tuple[float, float], device: str = "cpu") -> Network:
    """Give a network on the way from the source to the refined one (after WiSE-FT, https://arxiv.org/abs/2109.01903).

    Parameters
    ----------
    start : Start
        The source.
    refined : Refined
        Where the way leads.
    point : tuple of float
        How much of the way to the fitted head to go, and from there how much of the way to all that was refined: (0, 0)
        is the source, (0, 0.5) lies on the straight way to what was refined, (1, 0) is the source with the new head.
    device : {"cpu", "cuda"}
        Where it is wanted.

    Returns
    -------
    Network
        In evaluation mode.
    """
    network = source_network(start, device)
    state = network.state_dict()
    with torch.no_grad():
        for weights, part in zip((refined.head, refined.weights), point, strict=True):
            for name, value in weights.items():
                state[name].lerp_(value.to(state[name].device), part)
    return network


def _embedded(network: Network, maps: NDArray[np.float16], cancel: CancelToken | None) -> NDArray[np.float32]:
    return np.stack([upper_outputs(network, copy, cancel=cancel)[1] for copy in maps])


class _Batches:
    """Draws batches, half of them replayed, and gives their loss."""

    def __init__(self, start: Start, material: Material, recipe: Recipe, device: str) -> None:
        self._recipe, self._device = recipe, device
        self._maps, self._old = material.maps, material.replay.maps
        replay = material.replay
        rows = balanced_rows(material.labels, replay.labels, replay.domains, start.classes)
        self._n, self._m = len(material.labels), len(replay)
        self._chance = rows.weights[: self._n], rows.weights[self._n :]
        self._members = torch.from_numpy(rows.members).to(device)
        self._prior = torch.from_numpy(log_shares(rows)).float().to(device)
        self._said = torch.from_numpy(softmax(material.replay_logits, axis=1)).float().to(device)
        self._random = np.random.default_rng(recipe.seed)

    def loss(self, network: Network) -> Tensor:
        """Draw a batch and give its loss."""
        recipe = self._recipe
        fresh = self._random.choice(self._n, recipe.batch, p=self._chance[0])
        old = self._random.choice(self._m, recipe.replay_batch, p=self._chance[1])
        copy = self._random.integers(len(self._maps), size=recipe.batch)
        maps = np.concatenate([self._maps[copy, fresh], self._old[old]])
        logits, _ = network.upper(as_input(maps, self._device))
        rows = np.concatenate([fresh, self._n + old])
        likelihood = set_log_probability(logits + self._prior[rows], self._members[rows])
        divergence = functional.kl_div(
            functional.log_softmax(logits[recipe.batch :], dim=1), self._said[old], reduction="batchmean"
        )
        fresh_loss, old_loss = -likelihood[: recipe.batch].mean(), -likelihood[recipe.batch :].mean()
        return fresh_loss + old_loss + recipe.distillation * divergence


def _set_head(network: Network, head: Head) -> None:
    with torch.no_grad():
        network.head.weight.copy_(torch.from_numpy(head.weight))
        network.head.bias.copy_(torch.from_numpy(head.bias))


def _kept(network: Network, names: tuple[str, ...]) -> dict[str, Tensor]:
    state = network.state_dict()
    return {name: state[name].detach().cpu().clone() for name in names}


def _rate(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / _WARMUP_STEPS) * 0.5 * (1.0 + float(np.cos(np.pi * step / steps)))
