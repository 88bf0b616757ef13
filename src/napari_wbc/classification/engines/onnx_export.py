"""A bundle's network as an ONNX file for other programs, checked against torch before it is written."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_wbc.classification.engines import onnx_is_there
from napari_wbc.errors import InputError, ModelError, OutputError, system_reason
from napari_wbc.execution.atomic import atomic_path

if TYPE_CHECKING:
    from napari_wbc.classification.bundle import Model

#: Logits of two engines differ by rounding only: by less than this share of the largest one.
_LARGEST_DIFFERENCE = 1e-4
_CHECKED_CROPS = 64


@dataclass(frozen=True, slots=True)
class Parity:
    """How far the exported network is from the one in torch.

    Attributes
    ----------
    crops : int
        Compared images.
    logits, embeddings, probabilities : float
        Largest absolute difference.
    same_class : float
        Share of images that get the same most likely class.
    """

    crops: int
    logits: float
    embeddings: float
    probabilities: float
    same_class: float


def export_onnx(model: Model, path: str | Path) -> Parity:
    """Write the network of a bundle as ONNX, if it gives the numbers that torch gives.

    Parameters
    ----------
    model : Model
        The bundle.
    path : str or Path
        The file to write. It takes ``images`` ``(cells, 3, side, side)`` in [-1, 1], as
        :func:`~napari_wbc.classification.crops.prepare` makes them, and gives ``logits`` and ``embeddings``. Its
        metadata hold the rest of the contract: classes, window, normalisation, temperature, priors, SHA-256.

    Returns
    -------
    Parity
        Measured on smooth random images with the file that was written.

    Raises
    ------
    InputError
        The packages of the extra ``fast`` are missing.
    ModelError
        The two differ by more than rounding, or a layer has no ONNX form.
    OutputError
        The place cannot be written to.
    """
    if not onnx_is_there():
        raise InputError(
            "exporting to ONNX needs further packages; install them: pip install 'napari-wbc[fast]'"
        )
    import onnxruntime
    import torch

    from napari_wbc.classification.engines.onnx_graph import INPUT, onnx_model
    from napari_wbc.classification.engines.torch_engine import TorchEngine

    contract = (
        "um_per_px",
        "window_um",
        "input_px",
        "normalisation",
        "temperature",
        "class_priors",
    )
    notes = {key: json.dumps(model.info[key]) for key in contract}
    notes["second_look"] = json.dumps(asdict(model.second_look))
    notes["view_um"] = json.dumps(model.window_um * model.view)
    notes |= {"name": model.name, "classes": json.dumps(model.classes), "sha256": model.sha256}
    content = onnx_model(model.network("cpu"), model.input_px, notes).SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand((_CHECKED_CROPS, 3, 12, 12), generator=generator)
    images = torch.nn.functional.interpolate(coarse, (model.input_px, model.input_px), mode="bicubic")
    images = images.clamp(0.0, 1.0) * 2.0 - 1.0
    [(logits, embeddings)] = TorchEngine(model.network("cpu"), "cpu").outputs([images])
    exported_logits, exported_embeddings = session.run(None, {INPUT: images.numpy()})
    one, other = (
        torch.from_numpy(values / model.temperature).softmax(dim=1).numpy()
        for values in (logits, exported_logits)
    )
    parity = Parity(
        crops=_CHECKED_CROPS,
        logits=float(np.abs(logits - exported_logits).max()),
        embeddings=float(np.abs(embeddings - exported_embeddings).max()),
        probabilities=float(np.abs(one - other).max()),
        same_class=float((one.argmax(axis=1) == other.argmax(axis=1)).mean()),
    )
    if not parity.logits <= _LARGEST_DIFFERENCE * max(1.0, float(np.abs(logits).max())):
        raise ModelError(
            f"the ONNX form of {model.name} gives other numbers than torch (logits differ by {parity.logits:.3g}); "
            "nothing was written"
        )
    try:
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise OutputError(f"{path}: the file cannot be written ({system_reason(error)})") from None
    return parity
