"""What a training run is told: one TOML file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_wbc.classification.second_look import SecondLook
from napari_wbc.errors import InputError
from napari_wbc.slides.crops import WINDOW_UM
from napari_wbc.training.augmentation import Augmentation
from napari_wbc.training.losses import LossConfig
from napari_wbc.training.tables import require, with_values

#: The classes of the bundled models, in the order of their outputs.
DEFAULT_CLASSES = (
    "neutrophil_segmented",
    "neutrophil_band",
    "lymphocyte",
    "monocyte",
    "eosinophil",
    "basophil",
    "metamyelocyte",
    "myelocyte",
    "promyelocyte",
    "erythroblast",
    "platelet",
    "artifact",
)
#: The start that is fetched from torchvision's server.
TORCHVISION = "torchvision"


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Table ``[network]``: which network is trained.

    Attributes
    ----------
    name : {"mobilenet_v2", "convnext_atto"}
        Architecture.
    normalisation : {"none", "batch"}
        "batch" puts trainable batch normalisation back into MobileNetV2, for comparison only.
    dropout : float
        Share of the embedding dropped before the last layer, in training.
    mixstyle : float
        Probability that a batch has the statistics of its early features mixed (Zhou 2021), in training.
    """

    name: str = "mobilenet_v2"
    normalisation: str = "none"
    dropout: float = 0.2
    mixstyle: float = 0.0

    def __post_init__(self) -> None:
        require(0 <= self.dropout < 1, f"dropout must lie between 0 and 1, not {self.dropout}")
        require(0 <= self.mixstyle <= 1, f"mixstyle must lie between 0 and 1, not {self.mixstyle}")
        require(
            self.normalisation in ("none", "batch"),
            f"normalisation must be 'none' or 'batch', not {self.normalisation!r}",
        )

    def arguments(self) -> dict[str, Any]:
        """Give the arguments for :func:`~napari_wbc.classification.network.build_network`, without its defaults."""
        changed: dict[str, Any] = {"dropout": self.dropout}
        if self.normalisation != "none":
            changed["normalisation"] = self.normalisation
        if self.mixstyle > 0:
            changed["mixstyle"] = self.mixstyle
        return changed


@dataclass(frozen=True, slots=True)
class OptimizerConfig:
    """Table ``[optimizer]``: AdamW with a linear warm-up and half a cosine.

    Attributes
    ----------
    lr, lr_decay : float
        Learning rate of the head, and the factor from each stage of the network to the one before it.
    frozen_stages : int
        Stages, counted from the input, that keep the weights of the start.
    warmup : int
        Steps until the full rate is reached.
    weight_decay : float
        Pull towards zero, per step and unit of rate (decoupled).
    start_pull : float
        Pull of all but the head towards the start, in the same units (L2-SP, Li et al. 2018,
        https://arxiv.org/abs/1802.01483).
    clip : float
        Largest norm of the gradient.
    """

    lr: float = 1e-3
    lr_decay: float = 0.6
    frozen_stages: int = 0
    warmup: int = 100
    weight_decay: float = 0.05
    start_pull: float = 0.0
    clip: float = 1.0

    def __post_init__(self) -> None:
        require(self.lr > 0, f"lr must be above 0, not {self.lr}")
        require(0 < self.lr_decay <= 1, f"lr_decay must lie above 0 and at most at 1, not {self.lr_decay}")
        require(self.clip > 0, f"clip must be above 0, not {self.clip}")
        for name in ("frozen_stages", "warmup", "weight_decay", "start_pull"):
            require(getattr(self, name) >= 0, f"{name} must be 0 or more, not {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class AverageConfig:
    """Table ``[average]``: which weights are used in the end.

    Attributes
    ----------
    kind : {"ema", "none"}
        A running average over the steps, or the weights of the last step.
    decay : float
        Of the running average, per step.
    """

    kind: str = "ema"
    decay: float = 0.998

    def __post_init__(self) -> None:
        require(self.kind in ("ema", "none"), f"kind must be 'ema' or 'none', not {self.kind!r}")
        require(0 <= self.decay < 1, f"decay must lie between 0 and 1, not {self.decay}")


@dataclass(frozen=True, slots=True)
class SamplingConfig:
    """Table ``[sampling]``: which rows a batch draws (:func:`~napari_wbc.training.sampling.row_weights`).

    Attributes
    ----------
    domain_power, class_power : float
        0 draws all domains (classes of a domain) alike, 1 as they come.
    """

    domain_power: float = 0.25
    class_power: float = 0.5

    def __post_init__(self) -> None:
        for name in ("domain_power", "class_power"):
            require(0 <= getattr(self, name) <= 1, f"{name} must lie between 0 and 1")


@dataclass(frozen=True, slots=True)
class SelectionConfig:
    """Table ``[selection]``: number of steps and settings chosen by leaving training domains out in turn.

    The target is never looked at: only domains that are trained on are left out
    (:func:`napari_wbc.training.selection.select`).

    Attributes
    ----------
    every : int
        Steps between two looks at the domain left out; 0 switches the selection off.
    cells : int
        Largest number of cells of a domain that are looked at.
    patience : int
        Looks without a better score after which a run ends early; 0 never.
    folds : tuple of str
        The domains to leave out in turn; by default each of them.
    candidates : tuple of mapping
        Settings to choose from, as ``{"optimizer.lr" = 1e-3}``; by default only those of the file.
    """

    every: int = 0
    cells: int = 1000
    patience: int = 0
    folds: tuple[str, ...] = ()
    candidates: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        for name in ("every", "patience"):
            require(getattr(self, name) >= 0, f"{name} must be 0 or more, not {getattr(self, name)}")
        require(self.cells >= 1, f"cells must be 1 or more, not {self.cells}")


@dataclass(frozen=True, slots=True)
class SoupConfig:
    """Table ``[soup]``: the weights of several runs from one start, averaged (:mod:`napari_wbc.training.soup`).

    Attributes
    ----------
    members : int
        Number of runs; they differ in what they draw, with the seeds ``seed``, ``seed + 1``, ...
    """

    members: int = 1

    def __post_init__(self) -> None:
        require(1 <= self.members <= 100, f"members must lie between 1 and 100, not {self.members}")


@dataclass(frozen=True, slots=True)
class HeadConfig:
    """Table ``[head]``: the last layer, fitted once more at the end (:mod:`napari_wbc.training.head`).

    Attributes
    ----------
    draws : int
        Augmented crops that are drawn for it; 0 leaves the layer as it is.
    steps : int
        Steps of 512 of them.
    lr : float
        Of Adam; falls as half a cosine.
    pull : float
        How strongly the weights are held where they were.
    """

    draws: int = 0
    steps: int = 300
    lr: float = 1e-3
    pull: float = 0.1

    def __post_init__(self) -> None:
        require(self.draws >= 0, f"draws must be 0 or more, not {self.draws}")
        require(self.steps >= 1, f"steps must be 1 or more, not {self.steps}")
        require(self.lr > 0, f"lr must be above 0, not {self.lr}")
        require(self.pull >= 0, f"pull must be 0 or more, not {self.pull}")


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """One training run.

    Attributes
    ----------
    manifests : tuple of str
        Paths of manifests (:func:`napari_wbc.training.manifests.read_manifest`).
    init : str
        The start: a safetensors file of an ImageNet network, a model bundle (folder or name), ``"torchvision"``, or
        an empty text for random weights (:func:`napari_wbc.training.start.start_network`).
    init_note : str
        Where the start comes from, for the model card.
    classes : tuple of str
        Outputs of the network, in their order.
    leave_out : tuple of str
        Domains that are not trained on.
    holdout : float
        Share of the groups of each domain kept for the in-domain test.
    input_px : int
        Side of the network's input, px.
    view_um : float
        Side of what the network sees, µm: the middle of the window of 25 µm that a crop shows.
    steps, batch : int
        Number of batches that the rates are planned for, and crops in each.
    stop : int
        Step at which the run ends, before its rates have fallen; 0 is the end. A selection sets it.
    seed : int
        Of everything that is drawn.
    """

    manifests: tuple[str, ...] = ()
    init: str = ""
    init_note: str = ""
    classes: tuple[str, ...] = DEFAULT_CLASSES
    leave_out: tuple[str, ...] = ()
    holdout: float = 0.1
    input_px: int = 96
    view_um: float = WINDOW_UM
    steps: int = 3000
    batch: int = 64
    stop: int = 0
    seed: int = 0
    network: NetworkConfig = field(default_factory=NetworkConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    average: AverageConfig = field(default_factory=AverageConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    augmentation: Augmentation = field(default_factory=Augmentation)
    selection: SelectionConfig = field(default_factory=SelectionConfig)
    soup: SoupConfig = field(default_factory=SoupConfig)
    head: HeadConfig = field(default_factory=HeadConfig)
    second_look: SecondLook = field(default_factory=SecondLook)

    def __post_init__(self) -> None:
        require(
            len(self.classes) == len(set(self.classes)) >= 2, "classes must be two or more different names"
        )
        require(0 <= self.holdout < 1, f"holdout must lie between 0 and 1, not {self.holdout}")
        require(32 <= self.input_px <= 512, f"input_px must lie between 32 and 512, not {self.input_px}")
        require(
            5.0 <= self.view_um <= WINDOW_UM,
            f"view_um must lie between 5 and {WINDOW_UM:g}, not {self.view_um}",
        )
        for name in ("steps", "batch"):
            require(getattr(self, name) >= 1, f"{name} must be 1 or more, not {getattr(self, name)}")
        require(0 <= self.stop <= self.steps, f"stop must lie between 0 and steps, not {self.stop}")
        require(0 <= self.seed < 2**31, f"seed must be a whole number from 0, not {self.seed}")
        require(
            not self.loss.boda or self.loss.boda_start < self.steps,
            f"loss.boda_start is {self.loss.boda_start}, so that loss.boda would not begin within {self.steps} steps",
        )

    @classmethod
    def from_toml(cls, path: str | Path) -> TrainingConfig:
        """Read a configuration; paths in it are relative to its folder.

        Raises
        ------
        InputError
            The file is missing or malformed, or holds a key or a value that is not known.
        """
        path = Path(path)
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InputError(f"{path} cannot be read as a training configuration: {error}") from None
        try:
            config = with_values(cls(), content)
            # A wrong candidate should be told now, not after hours.
            for candidate in config.selection.candidates:
                with_values(config, candidate)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        if not config.manifests:
            raise InputError(f'{path} names no manifests; add manifests = ["cells.csv"]')
        manifests = tuple(str(path.parent / m) for m in config.manifests)
        init = config.init
        # A bundle's name has no folder in it; whatever else is there is meant relative to the file.
        if init and init != TORCHVISION and ("/" in init or (path.parent / init).exists()):
            init = str(path.parent / init)
        return dataclasses.replace(config, manifests=manifests, init=init)

    def changed(self, values: Mapping[str, Any]) -> TrainingConfig:
        """Give the configuration with some values changed, as ``{"optimizer.lr": 1e-3, "steps": 500}``."""
        return with_values(self, values)

    @property
    def view(self) -> float:
        """Share of the side of a crop that the network sees."""
        return self.view_um / WINDOW_UM

    @property
    def last_step(self) -> int:
        """Step at which the run ends."""
        return self.stop or self.steps

    def to_dict(self) -> dict[str, Any]:
        """Give plain values, without the local places of files."""
        values = dataclasses.asdict(self)
        values["manifests"] = [Path(m).name for m in self.manifests]
        values["init"] = Path(self.init).name
        return values

    def fingerprint(self) -> str:
        """Give a hash of all that decides what a fit does, but for the rows."""
        values = dataclasses.asdict(self)
        for name in (
            "manifests",
            "init_note",
            "leave_out",
            "holdout",
            "selection",
            "soup",
            "head",
            "second_look",
        ):
            del values[name]
        # By its content: the same start may lie elsewhere on the machine that goes on.
        if Path(self.init).is_file():
            values["init"] = hashlib.sha256(Path(self.init).read_bytes()).hexdigest()
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
