"""The state of a running fit: kept in one file, so that a run that was stopped or killed goes on bit for bit."""

from __future__ import annotations

import copy
import io
import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_wbc.classification.backbone import Network
from napari_wbc.errors import InputError
from napari_wbc.execution.atomic import atomic_path
from napari_wbc.training.config import TrainingConfig
from napari_wbc.training.losses import Objective

#: What a file that is no state of a run makes of it, beside an unpickler's own error.
_BROKEN = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError, EOFError)


@dataclass
class RunState:
    """All that changes while a network is fitted.

    Attributes
    ----------
    network, average : Network
        The weights that are stepped, and their running average (None where none is kept).
    objective : Objective
        The losses, some of which remember something from step to step.
    optimizer, schedule
        Of torch.
    generator : torch.Generator
        Of the augmentation.
    random : numpy.random.Generator
        Of the rows that are drawn.
    step : int
        Steps taken.
    ended : bool
        Whether the run was ended before its last step, by what watches it.
    """

    network: Network
    average: Network | None
    objective: Objective
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    generator: torch.Generator
    random: np.random.Generator
    step: int = 0
    ended: bool = False

    def update_average(self, config: TrainingConfig) -> None:
        """Let the average follow the network, after a step."""
        if self.average is None:
            return
        # A short memory at first, so that the start does not linger in the average.
        decay = min(config.average.decay, self.step / (self.step + 9))
        ours, theirs = self.average.state_dict(), self.network.state_dict()
        moving = [k for k, v in ours.items() if v.is_floating_point()]
        with torch.no_grad():
            torch._foreach_lerp_([ours[k] for k in moving], [theirs[k] for k in moving], 1.0 - decay)

    def result(self) -> Network:
        """Give the network to be used, in evaluation mode; the one that is trained stays as it is."""
        chosen = copy.deepcopy(self.network) if self.average is None else self.average
        return chosen.eval().requires_grad_(False)

    def save(self, path: Path, fingerprint: str, watched: dict[str, Any]) -> None:
        """Write the state, whole or not at all."""
        content = {
            "fingerprint": fingerprint,
            "step": self.step,
            "ended": self.ended,
            "network": self.network.state_dict(),
            "average": self.average.state_dict() if self.average is not None else {},
            "objective": self.objective.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "generator": self.generator.get_state(),
            # Numbers of 128 bits, which only a text holds.
            "random": json.dumps(self.random.bit_generator.state),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state() if self.generator.device.type == "cuda" else torch.empty(0),
            "watched": json.dumps(watched),
        }
        # Through memory: where the disk is full, what torch raises of itself does not say so.
        memory = io.BytesIO()
        torch.save(content, memory)
        with atomic_path(path) as temporary:
            temporary.write_bytes(memory.getbuffer())

    def restore(self, path: Path, fingerprint: str) -> dict[str, Any]:
        """Read the state; give what was watched.

        Raises
        ------
        InputError
            The file is damaged, or belongs to a run of other settings, images or device.
        """
        try:
            content = torch.load(path, weights_only=True, map_location="cpu")
            if content["fingerprint"] != fingerprint:
                raise InputError(
                    f"{path} belongs to a training with other settings or images; delete it to start afresh"
                )
            self.network.load_state_dict(content["network"])
            if self.average is not None:
                self.average.load_state_dict(content["average"])
            self.objective.load_state_dict(content["objective"])
            self.optimizer.load_state_dict(content["optimizer"])
            self.schedule.load_state_dict(content["schedule"])
            self.generator.set_state(content["generator"])
            self.random.bit_generator.state = json.loads(content["random"])
            torch.set_rng_state(content["torch"])
            if self.generator.device.type == "cuda":
                torch.cuda.set_rng_state(content["cuda"])
            self.step, self.ended = int(content["step"]), bool(content["ended"])
            return dict(json.loads(content["watched"]))
        except (*_BROKEN, pickle.UnpicklingError) as error:
            why = (str(error) or type(error).__name__).splitlines()[0]
            raise InputError(
                f"{path} cannot be read as the state of a training ({why}); delete it to start afresh"
            ) from None
