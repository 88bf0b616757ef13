"""What a training run is told: one TOML file."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_wbc.errors import InputError
from napari_wbc.training.augmentation import Augmentation

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


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """One training run.

    Attributes
    ----------
    manifests : tuple of str
        Paths of manifests (:func:`napari_wbc.training.manifests.read_manifest`).
    init : str
        safetensors file with an ImageNet start or of a bundle, or an empty text for random weights.
    init_note : str
        Where the start comes from, for the model card.
    leave_out : tuple of str
        Domains that are not trained on.
    holdout : float
        Share of the groups of each domain kept for the in-domain test.
    steps, batch : int
        Number of batches and crops in each.
    lr, lr_decay : float
        Learning rate of the head, and the factor from each stage of the network to the one before it.
    ema : float
        Decay of the running average of the weights, which is what is used in the end.
    """

    manifests: tuple[str, ...]
    init: str = ""
    init_note: str = ""
    classes: tuple[str, ...] = DEFAULT_CLASSES
    leave_out: tuple[str, ...] = ()
    holdout: float = 0.1
    input_px: int = 96
    steps: int = 3000
    batch: int = 64
    lr: float = 1e-3
    lr_decay: float = 0.6
    warmup: int = 100
    weight_decay: float = 0.05
    dropout: float = 0.2
    ema: float = 0.998
    tau: float = 1.0
    unlabelled_prior: float = 0.01
    domain_power: float = 0.25
    class_power: float = 0.5
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)

    @classmethod
    def from_toml(cls, path: str | Path) -> TrainingConfig:
        """Read a configuration; paths in it are relative to its folder.

        Raises
        ------
        InputError
            The file is missing or malformed, or holds a key that is not known.
        """
        path = Path(path)
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InputError(f"{path} cannot be read as a training configuration: {error}") from None
        augmentation = _checked(Augmentation, content.pop("augmentation", {}), path)
        values = _checked(cls, content, path)
        if "manifests" not in values:
            raise InputError(f'{path} names no manifests; add manifests = ["cells.csv"]')
        values["manifests"] = tuple(str(path.parent / m) for m in values["manifests"])
        if values.get("init"):
            values["init"] = str(path.parent / values["init"])
        return cls(**values, augmentation=Augmentation(**augmentation))

    def to_dict(self) -> dict[str, Any]:
        """Give plain values, without the local places of files."""
        values = dataclasses.asdict(self)
        values["manifests"] = [Path(m).name for m in self.manifests]
        values["init"] = Path(self.init).name
        return values


def _checked(kind: type, values: dict[str, Any], path: Path) -> dict[str, Any]:
    known = {f.name for f in dataclasses.fields(kind)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise InputError(f"{path}: unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
