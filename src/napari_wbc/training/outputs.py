"""Crops as the network sees them, in training and without augmentation, on the CPU or resident on a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_wbc.classification.crops import middle, network_input, normalise_background, to_tensor, turned
from napari_wbc.training.augmentation import Augmentation
from napari_wbc.training.manifests import CropRows
from napari_wbc.training.priors import class_priors, log_prior

if TYPE_CHECKING:
    from napari_wbc.classification.backbone import Network
    from napari_wbc.classification.second_look import SecondLook
    from napari_wbc.execution.progress import CancelToken
    from napari_wbc.training.config import TrainingConfig

_BATCH_CROPS = 256


class CropSource:
    """Stored crops, normalised by their background batch by batch.

    On a GPU all crops are copied there once, as bytes (77 kB each), so that a step waits for nothing of the CPU.

    Parameters
    ----------
    crops : numpy.ndarray of uint8, shape (n, side, side, 3), or CropRows
        What :func:`~napari_wbc.training.manifests.load_crops` gives, or some of its rows.
    device : {"cpu", "cuda"}
        Where batches are wanted.
    """

    def __init__(self, crops: NDArray[np.uint8] | CropRows, device: str = "cpu") -> None:
        self._crops = crops
        self.device = device
        self._resident: Tensor | None = None
        if device != "cpu" and len(crops):
            parts = [
                torch.from_numpy(np.array(crops[rows])).to(device)
                for rows in np.array_split(np.arange(len(crops)), -(-len(crops) // 1024))
            ]
            self._resident = torch.cat(parts)

    def __len__(self) -> int:
        return len(self._crops)

    def images(self, rows: NDArray[np.integer[Any]]) -> Tensor:
        """Give crops as images ``(n, 3, side, side)`` in 0..1, divided by their background."""
        if self._resident is None:
            return normalise_background(to_tensor(np.array(self._crops[rows])))
        chosen = self._resident[torch.from_numpy(np.asarray(rows)).to(self.device)]
        return normalise_background(chosen.permute(0, 3, 1, 2).float().div_(255.0))

    def plain(self, rows: NDArray[np.integer[Any]], input_px: int, view: float) -> Tensor:
        """Give the network's input as prediction makes it, ``(n, 3, input_px, input_px)`` in [-1, 1].

        ``view`` is the share of the side of a crop that the network sees.
        """
        images = middle(self.images(rows), input_px, view)
        return network_input(images).contiguous(memory_format=torch.channels_last)

    def augmented(
        self,
        rows: NDArray[np.integer[Any]],
        input_px: int,
        view: float,
        augmentation: Augmentation,
        generator: torch.Generator,
        domains: Tensor,
    ) -> Tensor:
        """Give the network's input as training makes it, ``(n, 3, input_px, input_px)`` in [-1, 1].

        ``domains`` is the domain of each of the rows, for stains borrowed from another one.
        """
        images = augmentation(self.images(rows), input_px, generator, domains, view)
        return network_input(images).contiguous(memory_format=torch.channels_last)


def network_outputs(
    network: nn.Module,
    crops: NDArray[np.uint8] | CropRows | CropSource,
    input_px: int,
    view: float,
    *,
    rows: NDArray[np.integer[Any]] | None = None,
    orientations: Sequence[int] = (0,),
    cancel: CancelToken | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give logits ``(n, k)`` and embeddings ``(n, d)`` of crops, without augmentation: means over orientations.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode; it runs on the device of the crops.
    crops : numpy.ndarray of uint8, shape (m, side, side, 3), CropRows or CropSource
        An array or rows of one are taken to the network's device.
    input_px : int
        Side of the network's input, px.
    view : float
        Share of the side of a crop that the network sees.
    rows : numpy.ndarray of int, shape (n,), optional
        Which crops; all by default.
    orientations : sequence of int, optional
        Of :func:`~napari_wbc.classification.crops.turned`; as they are by default.
    cancel : CancelToken, optional
        Checked before each batch.
    """
    if not isinstance(crops, CropSource):
        crops = CropSource(crops, next(network.parameters()).device.type)
    wanted = np.arange(len(crops)) if rows is None else rows
    logits: list[NDArray[np.float32]] = []
    embeddings: list[NDArray[np.float32]] = []
    with torch.inference_mode():
        for start in range(0, len(wanted), _BATCH_CROPS):
            if cancel is not None:
                cancel.check()
            images = crops.plain(wanted[start : start + _BATCH_CROPS], input_px, view)
            looks = [
                network(turned(images, o).contiguous(memory_format=torch.channels_last)) for o in orientations
            ]
            for found, values in zip((logits, embeddings), zip(*looks, strict=True), strict=True):
                found.append((sum(v.float() for v in values) / len(looks)).cpu().numpy())
    return np.concatenate(logits), np.concatenate(embeddings)


def lower_maps(
    network: Network,
    crops: NDArray[np.uint8] | CropRows,
    input_px: int,
    view: float,
    *,
    orientations: Sequence[int] = (0,),
    cancel: CancelToken | None = None,
) -> NDArray[np.float16]:
    """Give what leaves the second stage of a network, shape ``(orientations, n, channels, h, w)``.

    Parameters
    ----------
    network : Network
        In evaluation mode.
    crops, input_px, view, orientations, cancel
        As for :func:`network_outputs`.
    """
    source = CropSource(crops, next(network.parameters()).device.type)
    found = []
    with torch.inference_mode():
        for start in range(0, len(source), _BATCH_CROPS):
            if cancel is not None:
                cancel.check()
            images = source.plain(np.arange(start, min(start + _BATCH_CROPS, len(source))), input_px, view)
            looks = [
                network.lower(turned(images, o).contiguous(memory_format=torch.channels_last))
                for o in orientations
            ]
            found.append(torch.stack(looks).half().contiguous().cpu().numpy())
    return np.concatenate(found, axis=1)


def model_outputs(
    network: nn.Module,
    crops: NDArray[np.uint8] | CropRows,
    config: TrainingConfig,
    *,
    cancel: CancelToken | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give logits ``(n, k)`` and embeddings ``(n, d)`` as the finished model will: with its second look.

    Parameters
    ----------
    network, crops, cancel
        As for :func:`network_outputs`.
    config : TrainingConfig
        Tells size, view, classes and when a cell is looked at again.
    """
    prior = log_prior(class_priors(config))
    return outputs_with_second_look(
        network, crops, config.input_px, config.view, config.second_look, config.classes, prior, cancel=cancel
    )


def outputs_with_second_look(
    network: nn.Module,
    crops: NDArray[np.uint8] | CropRows,
    input_px: int,
    view: float,
    second_look: SecondLook,
    classes: Sequence[str],
    prior: NDArray[np.floating],
    *,
    cancel: CancelToken | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give logits ``(n, k)`` and embeddings ``(n, d)`` with unsure cells looked at again.

    Parameters
    ----------
    network, crops, input_px, view, cancel
        As for :func:`network_outputs`.
    second_look : SecondLook
        When and how a cell is looked at again.
    classes : sequence of str
        Of the network's outputs.
    prior : numpy.ndarray, shape (k,)
        What is added to the logits before a class is chosen.
    """
    source = CropSource(crops, next(network.parameters()).device.type)

    def look(
        rows: NDArray[np.intp], orientations: Sequence[int]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return network_outputs(
            network, source, input_px, view, rows=rows, orientations=orientations, cancel=cancel
        )

    return second_look.outputs(look, len(source), classes, prior)
