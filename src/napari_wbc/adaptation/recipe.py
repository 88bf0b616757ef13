"""How an adaptation learns: one table of numbers, the same for every laboratory."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_wbc.training.augmentation import Augmentation

#: Cells of one lab come from one microscope and one stain: turns and focus vary, colours hardly.
_WITHIN_A_LAB = Augmentation(
    scale=(0.85, 1.18), shift=0.05, stain_swap=0.0, stain_lab=0.0, stain_jitter=0.1, depth=0.2, hue=0.05, light=0.5,
    view_edge=0.0, optics=0.2, fringe=0.0, noise=0.01, jpeg=0.1, cutout=0.1,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of a refinement; the defaults were chosen on draws of development cells (benchmarks/few_shot).

    Attributes
    ----------
    views, view_crops : int
        Augmented copies of each labelled cell to learn from: so many, and so many in all, but one of each.
    pull : float
        How strongly the head is held where it was.
    pull_without_replay : float
        The same where no cell of the training is at hand that would hold it.
    steps : int
        Of the layers behind the second stage; 0 leaves them as they are.
    batch, replay_batch : int
        Labelled and replayed cells of a step.
    lr : float
        Of Adam, with a short warm-up and half a cosine.
    distillation : float
        Weight of the divergence from what the source says of replayed cells.
    average : float
        Decay of the running average of the weights, per step.
    points : tuple of (float, float)
        How much of the way from the source to the fitted head to go, and from there how much of the way to all that was
        refined: the choice that folds and guard have, the nearest to the source first.
    largest_loss : float
        Of accuracy on the guard cells of the source, that is allowed, within the standard error of the difference.
    augmentation : Augmentation
        Of labelled cells.
    seed : int
        Of all draws.
    """

    views: int = 30
    view_crops: int = 3000
    pull: float = 0.01
    pull_without_replay: float = 1.0
    steps: int = 120
    batch: int = 16
    replay_batch: int = 16
    lr: float = 3e-4
    distillation: float = 2.0
    average: float = 0.9
    points: tuple[tuple[float, float], ...] = (
        (0.5, 0.0), (1.0, 0.0), (0.0, 0.25), (0.0, 0.5), (0.0, 0.75), (1.0, 0.25), (1.0, 0.5), (1.0, 0.75), (1.0, 1.0),
    )  # fmt: skip
    largest_loss: float = 0.01
    augmentation: Augmentation = field(default_factory=lambda: _WITHIN_A_LAB)
    seed: int = 0
