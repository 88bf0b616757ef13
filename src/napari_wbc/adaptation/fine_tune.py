"""The one call: labelled cells in, a judged bundle out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_wbc.adaptation.adapt import adapt
from napari_wbc.adaptation.cells import LabelledCells
from napari_wbc.adaptation.recipe import Recipe
from napari_wbc.adaptation.refine import LearningCallback
from napari_wbc.adaptation.sources import cells_of_review, labelled_cells
from napari_wbc.classification.bundle import Model, load_model, user_models_dir
from napari_wbc.execution.progress import CancelToken, ProgressCallback
from napari_wbc.review.session import ReviewSession


def fine_tune(
    model: str | Path | Model,
    labels: LabelledCells | ReviewSession | str | Path | Sequence[str | Path],
    out: str | Path | None = None,
    *,
    um_per_px: float | None = None,
    recipe: Recipe | None = None,
    device: str = "auto",
    learning: LearningCallback | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Model:
    """Adapt a model to a laboratory from a few dozen labelled cells, and write its bundle if it is better.

    Takes minutes. The last layer and what lies behind the second stage are refined; replayed cells of the training
    (https://arxiv.org/abs/1912.01100) and a guard of others keep it from forgetting.

    Parameters
    ----------
    model : str, Path or Model
        The source; it is not changed.
    labels : LabelledCells, ReviewSession, str, Path, or sequence of str and Path
        Labelled cells (crops of uint8, shape (n, 160, 160, 3), of 25 µm each), a review, or places: reviews
        (``*.wbcreview``), manifests (``path,domain,label,group,um_per_px``) and folders with one folder per class.
        Twelve cells at least, four each of two classes.
    out : str or Path, optional
        Folder of the bundle; by default ``<model>-adapted`` among the user's own models. An adapted model that is
        there already is replaced only by one that was accepted.
    um_per_px : float, optional
        µm per px of the images in class folders.
    recipe, device, learning, progress, cancel : optional
        As for :func:`~napari_wbc.adaptation.adapt.adapt`.

    Returns
    -------
    Model
        The new bundle; ``model.info["adaptation"]["verdict"]`` has the figures, its card, too.

    Raises
    ------
    NotBetterError
        The adapted model is not better on cells that it did not learn from, or forgets too much; nothing is written.
        Its ``verdict`` has the figures, the reasons and what would help.
    InputError
        The labels cannot be used or are too few.
    ModelError
        There is no such model, it is broken, or it was adapted from one that is not installed.
    OutputError
        The place cannot be written to, or holds something else.
    Cancelled
        ``cancel`` was set.

    Examples
    --------
    Too few labels are told before anything is learned:

    >>> import numpy as np
    >>> import napari_wbc as wbc
    >>> from napari_wbc.adaptation.cells import LabelledCells
    >>> crops = np.random.default_rng(0).integers(0, 256, (4, 160, 160, 3), dtype=np.uint8)
    >>> labels = np.array(["monocyte", "monocyte", "basophil", "basophil"])
    >>> names = np.array(["a", "b", "c", "d"])
    >>> cells = LabelledCells(crops, labels, slides=names, names=names)
    >>> wbc.fine_tune("robust", cells, device="cpu")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    napari_wbc.errors.InputError: too few labelled cells to learn from and to judge by (basophil 2, monocyte 2); ...

    From a review to a count with the adapted model:

    >>> model = wbc.fine_tune("robust", "smear.wbcreview", "models/our-lab")  # doctest: +SKIP
    >>> wbc.count("next.svs", model=model)  # doctest: +SKIP
    """
    source = load_model(model)
    if isinstance(labels, LabelledCells):
        cells = labels
    elif isinstance(labels, ReviewSession):
        cells = cells_of_review(labels)
    else:
        places = [labels] if isinstance(labels, str | Path) else list(labels)
        cells = labelled_cells(places, um_per_px=um_per_px, progress=progress, cancel=cancel)
    adapted = adapt(
        source, cells, recipe=recipe, device=device, learning=learning, progress=progress, cancel=cancel
    )
    folder = Path(out) if out is not None else user_models_dir() / f"{adapted.start.model.name}-adapted"
    return adapted.save(folder)
