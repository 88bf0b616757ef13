"""Slide -> cells -> classes -> table -> differential, as one generator of events: :func:`count_events`.

The viewer, in a thread, and :mod:`napari_wbc.batch`, for the command line, take its events one by one; :func:`count`
reads them to the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from napari_wbc.chosen_regions import Region, checked_regions, inside, tiles_of
from napari_wbc.count_result import CountResult
from napari_wbc.execution.journal import Journal
from napari_wbc.execution.progress import CancelToken, Progress, ProgressCallback
from napari_wbc.execution.tasks import engine_name
from napari_wbc.found_cells import Found, FoundCells
from napari_wbc.masks import CellMask
from napari_wbc.provenance import (
    job_fingerprint,
    model_entry,
    profile_sha256,
    run_record,
    slide_model_sha256,
)
from napari_wbc.slides import Scale, Slide, image_sha256, open_slide, resolve_scale
from napari_wbc.slides.unchanged import FileChangedError, FileWatch

if TYPE_CHECKING:
    from napari_wbc.classification.bundle import Model
    from napari_wbc.differential.profile import Profile
    from napari_wbc.segmentation.slide_model import SlideModel
    from napari_wbc.segmentation.tiles import Tile


@dataclass(frozen=True)
class CountOptions:
    """What a user can choose about a count.

    Attributes
    ----------
    um_per_px : float, optional
        µm per level-0 px; else from the metadata, else from the slide model, else from the red cells.
    slide_model : SlideModel, str or Path, optional
        Stain and scale of other fields of this slide, or the ``run.json`` that holds them; else learned from the
        image.
    model : str, Path or Model
        A name of an installed bundle, a bundle's folder, or a loaded model.
    device : {"auto", "cpu", "cuda"}
        Where the classifier runs.
    workers : int
        Processes of the segmentation, on this computer.
    scheduler : str, optional
        Address of a dask scheduler; its workers do the segmentation then.
    journal : str or Path, optional
        A file to note finished tiles in; see :func:`count`.
    profile : str, Path or Profile, optional
        The lab's profile; the default one else.
    regions : sequence of (y0, x0, y1, x1), optional
        Level-0 px; only cells whose centre lies in one of them count.
    wbc_per_l : float, optional
        White cells per litre, for absolute counts.
    """

    um_per_px: float | None = None
    slide_model: SlideModel | str | Path | None = None
    model: str | Path | Model = "robust"
    device: str = "auto"
    workers: int = 1
    scheduler: str | None = None
    journal: str | Path | None = None
    profile: str | Path | Profile | None = None
    regions: Sequence[Region] | None = None
    wbc_per_l: float | None = None

    def parameters(self, profile: Profile) -> dict[str, Any]:
        """Give what changes the result, besides image and model, in a form for ``run.json``."""
        return {
            "um_per_px": self.um_per_px,
            "slide_model": None if self.slide_model is None else slide_model_sha256(self.slide_model),
            "profile": profile.name,
            "profile_sha256": profile_sha256(profile),
            "regions": None
            if self.regions is None
            else [list(map(float, region)) for region in self.regions],
            "wbc_per_l": self.wbc_per_l,
        }


@dataclass(frozen=True)
class ScaleResolved:
    """The scale is known."""

    scale: Scale


@dataclass(frozen=True)
class SlideModelFitted:
    """Stain and background of the slide are known."""

    slide_model: SlideModel


@dataclass(frozen=True)
class CellsFound:
    """Further cells were found and classified.

    Attributes
    ----------
    cells : pandas.DataFrame
        The columns of the cell table; ``cell_id`` counts on in the order of finding and is provisional.
    masks : list of CellMask
        One per row of ``cells``, for painting them while the count goes on.
    """

    cells: pd.DataFrame
    masks: list[CellMask]


Event = Progress | ScaleResolved | SlideModelFitted | CellsFound | CountResult


def count(
    slide: Any,
    model: str | Path | Model = "robust",
    *,
    um_per_px: float | None = None,
    slide_model: SlideModel | str | Path | None = None,
    device: str = "auto",
    workers: int = 1,
    scheduler: str | None = None,
    journal: str | Path | None = None,
    profile: str | Path | Profile | None = None,
    regions: Sequence[Region] | None = None,
    wbc_per_l: float | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> CountResult:
    """Find, classify and count the leukocytes of a smear.

    Parameters
    ----------
    slide : Slide, path or array
        The smear; anything that :func:`napari_wbc.open_slide` takes.
    model : str, Path or Model, optional
        A name of an installed bundle, a bundle's folder, or a loaded model.
    um_per_px : float, optional
        µm per level-0 px; else from the metadata, else from the slide model, else from the red cells.
    slide_model : SlideModel, str or Path, optional
        Stain and scale of other fields of this slide, or the ``run.json`` that holds them; else learned from the
        image. The light is always that of the image.
    device : {"auto", "cpu", "cuda"}, optional
        Where the classifier runs.
    workers : int, optional
        Processes of the segmentation, on this computer; the result does not depend on them.
    scheduler : str, optional
        Address of a dask scheduler (``tcp://host:8786``); its workers do the segmentation then.
    journal : str or Path, optional
        A file to note finished tiles in. A count that was killed goes on from there when it is started again with the
        same image, model and parameters; a journal of anything else is begun anew. Writing the result removes it.
    profile : str, Path or Profile, optional
        The lab's profile.
    regions : sequence of (y0, x0, y1, x1), optional
        Level-0 px; only cells whose centre lies in one of them count.
    wbc_per_l : float, optional
        White cells per litre, for absolute counts.
    progress : callable, optional
        Called with every :class:`~napari_wbc.execution.Progress`.
    cancel : CancelToken, optional
        Stops the count within about a second.

    Returns
    -------
    CountResult
        Cells, masks, differential, provenance.

    Raises
    ------
    InputError
        The image or an option cannot be used, or the image's file was changed meanwhile;
        ``ScaleUnknownError`` where the µm per px have to be given.
    ModelError
        There is no such model, or its bundle is broken.
    WorkerError
        Workers cannot be reached, cannot open the slide, or keep dying.
    Cancelled
        ``cancel`` was set.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_wbc as wbc
    >>> empty = np.full((200, 300, 3), 235, np.uint8)
    >>> result = wbc.count(empty, um_per_px=0.2, device="cpu")
    >>> result.differential.denominator, result.differential.alarms
    (0, ('No leukocyte was found: there is no differential to state.',))

    A smear is counted and written in the same way:

    >>> result = wbc.count("smear.png")  # doctest: +SKIP
    >>> result.differential.table[["class", "count", "percent"]]  # doctest: +SKIP
    >>> result.write("results/smear")  # doctest: +SKIP
    """
    options = CountOptions(
        um_per_px=um_per_px,
        slide_model=slide_model,
        model=model,
        device=device,
        workers=workers,
        scheduler=scheduler,
        journal=journal,
        profile=profile,
        regions=regions,
        wbc_per_l=wbc_per_l,
    )
    with closing(count_events(slide, options, cancel=cancel)) as events:
        for event in events:
            if isinstance(event, CountResult):
                return event
            if progress is not None and isinstance(event, Progress):
                progress(event)
    raise AssertionError("count_events ends with a CountResult")


def count_events(
    slide: Any, options: CountOptions | None = None, *, cancel: CancelToken | None = None
) -> Generator[Event, None, None]:
    """Do what :func:`count` does, step by step.

    Parameters
    ----------
    slide : Slide, path or array
        The smear.
    options : CountOptions, optional
        What the user chose.
    cancel : CancelToken, optional
        Stops the count within about a second.

    Yields
    ------
    Progress, ScaleResolved, SlideModelFitted, CellsFound or CountResult
        The result comes last.
    """
    from napari_wbc.classification.bundle import load_model
    from napari_wbc.classification.domain_shift import slide_shift
    from napari_wbc.classification.predict import choose_device
    from napari_wbc.confusion import Confusion
    from napari_wbc.differential.count import differential
    from napari_wbc.differential.profile import Profile, load_profile
    from napari_wbc.segmentation import kernels
    from napari_wbc.segmentation.quality import Lattice, with_regions
    from napari_wbc.segmentation.reuse import known_slide_model, slide_model_of
    from napari_wbc.segmentation.tiles import plan_tiles

    options = options or CountOptions()
    cancel = cancel or CancelToken()
    clock = _Clock()

    slide = open_slide(slide)
    watch = FileWatch(slide)
    regions = checked_regions(options.regions, slide.shape)
    profile = options.profile if isinstance(options.profile, Profile) else load_profile(options.profile)
    known = known_slide_model(options.slide_model)
    options = replace(options, slide_model=known)
    # A WBC count that cannot be meant is said now, not after an hour of work.
    differential(pd.DataFrame({"label": []}), profile, wbc_per_l=options.wbc_per_l)
    yield Progress("Loading the model", 0, 0)
    kernels.load()
    model = load_model(options.model)
    device = choose_device(options.device)
    cancel.check()
    clock.lap("model")

    yield Progress("Reading the scale", 0, 0)
    scale = resolve_scale(slide, options.um_per_px, of_slide=known.scale if known else None)
    yield ScaleResolved(scale)
    cancel.check()
    clock.lap("scale")

    yield Progress("Learning the stain", 0, 0)
    slide_model = slide_model_of(slide, scale, known, cancel=cancel)
    yield SlideModelFitted(slide_model)
    cancel.check()
    clock.lap("slide_model")

    plan = tiles_of(regions, plan_tiles(slide.shape, scale.um_per_px))
    found = FoundCells(slide.name, model, device, lambda cell: inside(cell, regions), cancel)
    fingerprint, journal = "", None
    if options.journal is not None:
        yield Progress("Fingerprinting the image", 0, 0)
        fingerprint = image_sha256(slide, cancel=cancel)
        # From now on the fingerprint tells whether it is the same file; it must be the one that was opened.
        watch.check(cancel=cancel)
        clock.lap("image_sha256")
        parameters = options.parameters(profile)
        job = job_fingerprint(slide, fingerprint, scale, slide_model, model.sha256, device, parameters)
        journal = Journal(options.journal, job)
    try:
        with journal or nullcontext():
            resumed = yield from _find_cells(
                slide, scale.um_per_px, slide_model, plan, found, journal, options, cancel, clock,
                lambda: watch.check(fingerprint, quick=True, cancel=cancel),
            )  # fmt: skip
        cancel.check()
        before, fingerprint = fingerprint, fingerprint or image_sha256(slide, cancel=cancel)
        clock.lap("image_sha256")
        watch.check(before, cancel=cancel)
    except FileChangedError:
        if journal is not None:
            journal.path.unlink(missing_ok=True)
        raise

    yield Progress("Counting", 0, 0)
    cells, masks, embeddings, region_quality = found.ordered()
    cells = with_regions(cells, region_quality, Lattice(slide.shape, scale.um_per_px))
    shift = slide_shift(model, embeddings, list(cells["model_label"]))
    counted = differential(
        cells,
        profile,
        wbc_per_l=options.wbc_per_l,
        domain_shift=shift,
        confusion=Confusion.of(model.info),
    )
    clock.lap("differential")
    run = run_record(
        slide=slide,
        image_sha256=fingerprint,
        scale=scale,
        model=model_entry(model, device),
        parameters=options.parameters(profile),
        slide_model=slide_model.to_dict(),
        device=str(device),
        workers=options.workers,
        engine=engine_name(options.workers, options.scheduler),
        tiles=len(plan),
        tiles_resumed=resumed,
        n_cells=len(cells),
        seconds=clock.seconds,
    )
    yield CountResult(
        slide=slide,
        scale=scale,
        cells=cells,
        masks=masks,
        differential=counted,
        slide_model=slide_model,
        run=run,
        embeddings=embeddings,
        region_quality=region_quality,
        domain_shift=shift,
        journal=journal.path if journal is not None else None,
    )


def _find_cells(
    slide: Slide,
    um_per_px: float,
    slide_model: SlideModel,
    plan: list[Tile],
    found: FoundCells,
    journal: Journal | None,
    options: CountOptions,
    cancel: CancelToken,
    clock: _Clock,
    check_image: Callable[[], None],
) -> Generator[Event, None, int]:
    """Find and classify the cells of the tiles that the journal does not hold; tell how many it holds."""
    from napari_wbc.segmentation.segment import segment_slide

    stage, left = "Finding and classifying cells", dict.fromkeys(plan)
    for record in journal.records() if journal is not None else ():
        cancel.check()
        before = Found.from_bytes(record)
        if left.keys() >= set(before.tiles):
            left = {tile: None for tile in left if tile not in before.tiles}
            found.take(before)
            yield CellsFound(found.table(before), before.masks)
    resumed = len(plan) - len(left)
    yield Progress(stage, resumed, len(plan), "tile")
    results = segment_slide(
        slide,
        um_per_px,
        slide_model=slide_model,
        workers=options.workers,
        scheduler=options.scheduler,
        cancel=cancel,
        tiles=list(left),
        crops=found.crop_size,
    )
    with closing(results):
        for result in results:
            clock.lap("segmentation")
            latest = found.add(result, last=result.done == result.total)
            clock.lap("classification")
            if latest is not None and journal is not None:
                check_image()  # cells of another image must not be found there by the next count
                journal.add(latest.to_bytes())
                clock.lap("journal")
            if latest is not None and latest.masks:
                yield CellsFound(found.table(latest), latest.masks)
            yield Progress(stage, resumed + result.done, len(plan), "tile")
    return resumed


class _Clock:
    """Adds up the seconds of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Book the time since the last call on a stage."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now
