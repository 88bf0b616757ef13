"""From crops to probabilities, labels and novelty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax

from napari_wbc.cell_table import UNLIKE_TRAINING
from napari_wbc.classification.bundle import Model, load_model
from napari_wbc.classification.conformal import coarse_probabilities, prediction_sets
from napari_wbc.classification.novelty import NoveltyReference
from napari_wbc.errors import InputError, ModelError, ScaleUnknownError
from napari_wbc.execution.progress import CancelToken, Progress, ProgressCallback
from napari_wbc.leukocytes import UNIDENTIFIED, coarse_class, is_nucleated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor


#: px of a side.
_LARGEST_SINGLE_CELL = 8192


@dataclass(frozen=True, slots=True)
class Predictions:
    """What the network says of n crops.

    Attributes
    ----------
    probabilities : numpy.ndarray of float32, shape (n, k)
        Calibrated, in the order of the model's classes.
    novelty : numpy.ndarray of float32, shape (n,)
        0..1: share of the cells behind the bundle's quantiles that are less unlike the training cells; one minus it
        is a p-value.
    embeddings : numpy.ndarray of float32, shape (n, d)
        For similarity between cells.
    logits : numpy.ndarray of float32, shape (n, k)
        Before temperature and prior.
    """

    probabilities: NDArray[np.float32]
    novelty: NDArray[np.float32]
    embeddings: NDArray[np.float32]
    logits: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of n cells.

    Attributes
    ----------
    label : list of str
        ``unidentified`` where the model is unsure.
    model_label : list of str
        The most likely class.
    confidence : numpy.ndarray of float32, shape (n,)
        Probability of ``model_label``.
    flags : list of str
        ``unlike_training`` or empty.
    """

    label: list[str]
    model_label: list[str]
    confidence: NDArray[np.float32]
    flags: list[str]


def choose_device(device: str = "auto") -> str:
    """Resolve ``auto`` and check that the device is there.

    Raises
    ------
    InputError
        CUDA is asked for and is not there, or the name is not known.
    """
    import torch

    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"unknown device {device!r}; it is auto, cpu or cuda")
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise InputError("no CUDA GPU was found; use the device auto or cpu")
    return "cuda" if there and device != "cpu" else "cpu"


def predict_crops(
    model: Model,
    crops: NDArray[np.uint8] | Tensor,
    *,
    device: str = "auto",
    cancel: CancelToken | None = None,
    progress: ProgressCallback | None = None,
) -> Predictions:
    """Run the network over crops.

    Parameters
    ----------
    model : Model
        From :func:`~napari_wbc.classification.bundle.load_model`.
    crops : numpy.ndarray or torch.Tensor of uint8, shape (n, side, side, 3)
        RGB windows of ``model.window_um``, as :func:`~napari_wbc.classification.crops.centre_crop` and
        :func:`~napari_wbc.slides.crops.crop_cells` cut them: of ``CROP_PX``, as in training.
    device : {"auto", "cpu", "cuda"}
        Where to run.
    cancel : CancelToken, optional
        Checked before each batch.
    progress : callable, optional
        Called after each batch.

    Returns
    -------
    Predictions
        Those of a crop do not depend on the other crops. Cells that the model is unsure of are seen in further
        orientations (:class:`~napari_wbc.classification.second_look.SecondLook`).
    """
    look = _Look(model, crops, choose_device(device), cancel, progress)
    logits, embeddings = model.second_look.outputs(look, len(crops), model.classes, model.log_prior)
    reference = NoveltyReference.of(model)
    novelty = reference.novelty(reference.score(logits, embeddings))
    return Predictions(calibrated(model, logits), novelty, embeddings, logits)


def calibrated(model: Model, logits: NDArray[np.floating]) -> NDArray[np.float32]:
    """Give probabilities ``(n, k)`` of logits, with the temperature and the class priors of a model.

    Raises
    ------
    ModelError
        The logits are no numbers: a weight of the network is none, whatever its checksum says.
    """
    if not np.isfinite(logits).all():
        raise ModelError(f"the network of {model.folder} gives no finite output; fetch the model again")
    return np.asarray(softmax(logits / model.temperature + model.log_prior, axis=1), np.float32)


class _Look:
    """Crops of cells, run through the network in one orientation or several."""

    def __init__(
        self,
        model: Model,
        crops: NDArray[np.uint8] | Tensor,
        device: str,
        cancel: CancelToken | None,
        progress: ProgressCallback | None,
    ) -> None:
        self._model = model
        self._crops = crops
        self._engine = model.engine(device)
        self._cancel = cancel
        self._progress = progress

    def __call__(
        self, rows: NDArray[np.intp], orientations: Sequence[int]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Give the means of logits and embeddings over the orientations, for some rows of the crops."""
        size = self._engine.batch_crops
        stage = "Classifying cells" if 0 in orientations else "Looking again at unsure cells"
        logits = np.zeros((len(rows), len(self._model.classes)), np.float32)
        embeddings = np.zeros(
            (len(rows), self._model.network(self._engine.device).embedding_size), np.float32
        )
        found = self._engine.outputs(self._batches(rows, orientations))
        for start in range(0, len(rows), size):
            looks = [next(found) for _ in orientations]
            part = slice(start, min(start + size, len(rows)))
            for values, of_looks in zip((logits, embeddings), zip(*looks, strict=True), strict=True):
                values[part] = np.mean(of_looks, axis=0)[: part.stop - part.start]
            if self._progress is not None:
                self._progress(Progress(stage, part.stop, len(rows), "cell"))
        return logits, embeddings

    def _batches(self, rows: NDArray[np.intp], orientations: Sequence[int]) -> Iterator[Tensor]:
        from napari_wbc.classification.crops import prepare, turned

        model, size = self._model, self._engine.batch_crops
        for start in range(0, len(rows), size):
            if self._cancel is not None:
                self._cancel.check()
            # Filled up with the last crop: what a crop gives must not depend on how many others there are.
            chosen = rows[np.minimum(np.arange(start, start + size), len(rows) - 1)]
            images = prepare(
                self._crops[chosen],
                model.input_px,
                model.info["normalisation"]["background_quantile"],
                model.info["normalisation"]["white"],
                view=model.view,
                device=self._engine.device,
            )
            for orientation in orientations:
                yield turned(images, orientation)


def likeliest(probabilities: NDArray[np.floating], classes: Sequence[str]) -> NDArray[np.intp]:
    """Give the place of the likeliest class of each row: of the likeliest coarse class the likeliest fine one.

    Examples
    --------
    >>> likeliest(np.array([[0.3, 0.3, 0.4]]), ["neutrophil_band", "neutrophil_segmented", "monocyte"]).tolist()
    [0]
    """
    names, sums = coarse_probabilities(probabilities, classes)
    if not len(sums):
        return np.zeros(0, np.intp)
    columns = np.array([names.index(coarse_class(c)) for c in classes])
    within = np.where(columns[None, :] == sums.argmax(axis=1)[:, None], probabilities, -1.0)
    return np.asarray(within.argmax(axis=1), np.intp)


def label_predictions(model: Model, predictions: Predictions) -> Labels:
    """Choose labels: the coarse class first, then the finest class within it; unsure cells stay unidentified.

    A cell is unsure when the set of coarse classes that may be right
    (:func:`~napari_wbc.classification.conformal.prediction_sets`) is not a set of one, or when it was taken for a
    leukocyte or an erythroblast but is too unlike those of training. Models that were fitted without a lab left out
    have no such sets and go by the probability of the coarse class alone.
    """
    probabilities = predictions.probabilities
    names, sums = coarse_probabilities(probabilities, model.classes)
    best = sums.argmax(axis=1) if len(sums) else np.zeros(0, int)
    index = likeliest(probabilities, model.classes)
    rows = np.arange(len(index))
    thresholds, conformal = model.info["thresholds"], model.info.get("conformal")
    if conformal is None:
        unsure = sums[rows, best] < thresholds["min_confidence"]
    else:
        unsure = prediction_sets(sums, conformal["threshold"]).sum(axis=1) != 1
    # What was recognised as a platelet or an artifact is unlike the cells of training, and rightly so.
    nucleated = np.array([is_nucleated(name) for name in names])[best]
    novel = (predictions.novelty > thresholds["max_novelty"]) & nucleated
    model_label = [model.classes[i] for i in index]
    return Labels(
        label=[UNIDENTIFIED if u else name for u, name in zip(unsure | novel, model_label, strict=True)],
        model_label=model_label,
        confidence=probabilities[rows, index],
        flags=[UNLIKE_TRAINING if n else "" for n in novel],
    )


def classify(
    crops_or_paths: NDArray[np.uint8] | Iterable[str | Path | NDArray[Any]],
    *,
    model: str | Path | Model = "robust",
    um_per_px: float | Sequence[float] | None = None,
    device: str = "auto",
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> pd.DataFrame:
    """Classify single-cell images; the cell is at the centre of each.

    Parameters
    ----------
    crops_or_paths : array of shape (n, height, width, 3), or iterable of arrays and paths
        RGB images of any size up to 8192 px, of the kinds that :func:`napari_wbc.open_slide` takes (arrays of uint8,
        uint16, or float in 0..1); what lies outside a window of 25 µm is cut away, what is missing is mirrored.
    model : str, Path or Model, optional
        A name of an installed bundle, a bundle's folder, or a loaded model.
    um_per_px : float or sequence of float
        µm per px of the images, 0.01 to 5: one for all or one for each.
    device : {"auto", "cpu", "cuda"}
        Where to run.
    progress, cancel : optional
        A callback for :class:`~napari_wbc.execution.Progress`, and a token to stop.

    Returns
    -------
    pandas.DataFrame
        One row per image, in their order: ``label`` (str; ``unidentified`` where the model is unsure), ``confidence``
        (float32, 0..1: calibrated probability of the likeliest class), ``p_<class>`` (float32) for every class of the
        model, which sum to 1, and ``novelty`` (float32, 0..1; one minus it is a p-value).

    Raises
    ------
    InputError
        An image cannot be used, or ``um_per_px`` is no scale or not one for each.
    ScaleUnknownError
        No µm per px is given.
    ModelError
        There is no such model, or its bundle is broken.
    Cancelled
        ``cancel`` was set.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_wbc as wbc
    >>> table = wbc.classify(np.full((2, 96, 96, 3), 230, np.uint8), um_per_px=0.26)
    >>> len(table), table["novelty"].dtype
    (2, dtype('float32'))
    """
    from napari_wbc.classification.crops import centre_crop
    from napari_wbc.slides import open_slide
    from napari_wbc.slides.crops import CROP_PX

    loaded = load_model(model)
    images = list(crops_or_paths)
    if um_per_px is None:
        raise ScaleUnknownError("the scale of single-cell images cannot be guessed; give um_per_px")
    scales = [float(um_per_px)] * len(images) if np.isscalar(um_per_px) else [float(s) for s in um_per_px]  # type: ignore[arg-type, union-attr]
    if len(scales) != len(images):
        raise InputError(
            f"{len(images)} images but {len(scales)} values of um_per_px; give one for all or one for each"
        )
    if any(not 0.01 <= s <= 5.0 for s in scales):
        raise InputError("um_per_px must lie between 0.01 and 5.0")
    crops = np.empty((len(images), CROP_PX, CROP_PX, 3), np.uint8)
    for i, (image, scale) in enumerate(zip(images, scales, strict=True)):
        if cancel is not None:
            cancel.check()
        slide = open_slide(image)
        try:
            if max(slide.shape) > _LARGEST_SINGLE_CELL:
                height, width = slide.shape
                raise InputError(
                    f"{image}: {height} x {width} px is no image of a single cell; use napari-wbc count for smears"
                )
            pixels = slide.read(0, 0, 0, *slide.shape)
        finally:
            slide.close()
        crops[i] = centre_crop(pixels, scale, CROP_PX, loaded.window_um)
        if progress is not None and (i + 1) % 64 == 0:
            progress(Progress("Reading images", i + 1, len(images), "image"))
    predictions = predict_crops(loaded, crops, device=device, cancel=cancel, progress=progress)
    labels = label_predictions(loaded, predictions)
    columns: dict[str, Any] = {"label": labels.label, "confidence": labels.confidence}
    columns |= {f"p_{name}": predictions.probabilities[:, i] for i, name in enumerate(loaded.classes)}
    return pd.DataFrame({**columns, "novelty": predictions.novelty})
