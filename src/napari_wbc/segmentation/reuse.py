"""One slide model for all fields of a slide: a field alone may show too little of the stain, or no red cells."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from napari_wbc.errors import InputError
from napari_wbc.execution.progress import CancelToken
from napari_wbc.segmentation.model_file import load_slide_model
from napari_wbc.segmentation.slide_model import SlideModel, even_choice, fit_slide_model, relight
from napari_wbc.slides import Scale, Slide, open_slide, resolve_scale


def known_slide_model(known: SlideModel | str | Path | None) -> SlideModel | None:
    """Read the model of another field where a file of it is named.

    Parameters
    ----------
    known : SlideModel, str, Path or None
        The model, or where it lies; see :func:`~napari_wbc.segmentation.load_slide_model`.

    Raises
    ------
    InputError
        When there is no slide model in the file.
    """
    return load_slide_model(known) if isinstance(known, (str, Path)) else known


def slide_model_of(
    slide: Slide, scale: Scale, known: SlideModel | None = None, *, cancel: CancelToken | None = None
) -> SlideModel:
    """Give the model to segment a slide with: a known one in the light of the slide, else one fitted to it.

    Parameters
    ----------
    slide : Slide
        The slide, or a field of one.
    scale : Scale
        Of the slide.
    known : SlideModel, optional
        Of other fields.
    cancel : CancelToken, optional
        Looked at several times a second.
    """
    if known is not None:
        return relight(known, slide, scale.um_per_px, cancel=cancel)
    return fit_slide_model(slide, scale.um_per_px, scale_confidence=scale.confidence, cancel=cancel)


def pool_slide_model(
    fields: Sequence[Any], um_per_px: float | None = None, *, cancel: CancelToken | None = None
) -> SlideModel:
    """Fit one slide model, its scale included, to all fields of a slide.

    Parameters
    ----------
    fields : sequence of Slide, path or array
        Fields of one slide, seen by one camera at one magnification; anything that
        :func:`napari_wbc.open_slide` takes.
    um_per_px : float, optional
        µm per px; else from the files, else from the red cells of all fields.
    cancel : CancelToken, optional
        Looked at several times a second.

    Returns
    -------
    SlideModel
        For ``slide_model=`` of :func:`napari_wbc.count` and :func:`napari_wbc.segment`.

    Raises
    ------
    InputError
        When there is no field, one cannot be read, or the files tell different scales.
    ScaleUnknownError
        When nothing tells the scale.

    Notes
    -----
    Of many fields an even choice is looked at, as many as a slide has windows.

    Examples
    --------
    >>> import numpy as np
    >>> fields = [np.full((90, 90, 3), light, np.uint8) for light in (230, 240)]
    >>> model = pool_slide_model(fields, um_per_px=0.1)
    >>> model.confidence, model.scale_confidence
    (0.0, 1.0)
    """
    if not fields:
        raise InputError("a slide model needs at least one field of the slide")
    with ExitStack() as opened:
        slides = []
        for field in even_choice(fields):
            slides.append(open_slide(field))
            if slides[-1] is not field:
                opened.callback(slides[-1].close)
        scale = resolve_scale(slides, um_per_px)
        return fit_slide_model(slides, scale.um_per_px, scale_confidence=scale.confidence, cancel=cancel)
