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

    Parameters
    ----------
    model : str, Path or Model
        The source; it is not changed.
    labels : LabelledCells, ReviewSession, str, Path or sequence of them
        Labelled cells, a review, or places: reviews (``*.wbcreview``), manifests (``path,domain,label,group,
        um_per_px``) and folders with one folder per class.
    out : str or Path, optional
        Folder of the bundle; by default ``<model>-adapted`` among the user's own models. An adapted model that is
        there already is replaced only by one that was accepted.
    um_per_px : float, optional
        Of the images in class folders.
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

    Examples
    --------
    >>> import napari_wbc as wbc
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
