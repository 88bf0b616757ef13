"""Several images, one after the other: the job of ``napari-wbc count IMAGE... --out DIR`` and of the viewer's folders.

One that fails does not stop the others, and a batch that was cancelled or killed goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_wbc.batch_table import read_summary
from napari_wbc.count_result import CountResult
from napari_wbc.errors import Cancelled, InputError, one_line
from napari_wbc.exchange.formats import Format, formats_named
from napari_wbc.execution.claims import claimed, lock_beside
from napari_wbc.execution.progress import CancelToken, Progress
from napari_wbc.pipeline import CountOptions, count_events
from napari_wbc.provenance import read_run, same_run
from napari_wbc.results import (
    check_folder,
    is_complete,
    journal_of,
    result_folders,
    writable_folder,
)
from napari_wbc.slides import Slide, image_sha256, open_slide

if TYPE_CHECKING:
    from napari_wbc.differential.count import Differential


@dataclass(frozen=True, eq=False)
class _OfImage:
    image: str
    folder: Path


@dataclass(frozen=True, eq=False)
class ImageStarted(_OfImage):
    """The turn of an ``image``, as the user named it, has come; its results go to ``folder``."""


@dataclass(frozen=True, eq=False)
class CountedBefore(_OfImage):
    """Results of the same ``image``, model and parameters are in ``folder`` already."""


@dataclass(frozen=True, eq=False)
class ImageCounted(_OfImage):
    """An ``image`` is counted, and its results are written to ``folder``.

    Attributes
    ----------
    differential : Differential
        Of the image.
    n_cells : int
        Rows of its cell table.
    run : mapping
        Provenance, as in ``run.json``.
    """

    differential: Differential
    n_cells: int
    run: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class ImageFailed(_OfImage):
    """An ``image`` could not be counted; ``error`` says what is wrong."""

    error: Exception

    @property
    def line(self) -> str:
        """One plain line: what is wrong, and what to do; the image's path is left out where it comes first."""
        return one_line(self.error).removeprefix(f"{self.image}: ")


@dataclass(frozen=True)
class BatchFinished:
    """Every image had its turn.

    Attributes
    ----------
    counted, before, failed : int
        Images counted now, counted before, and failed.
    """

    counted: int
    before: int
    failed: int

    @property
    def images(self) -> int:
        """How many there were."""
        return self.counted + self.before + self.failed


BatchEvent = ImageStarted | Progress | ImageCounted | CountedBefore | ImageFailed | BatchFinished


def prepared(options: CountOptions) -> CountOptions:
    """Load what all images share, so that a wrong name is said once and at once.

    Parameters
    ----------
    options : CountOptions
        What the user chose.

    Returns
    -------
    CountOptions
        The same with profile, slide model and model loaded.

    Raises
    ------
    WbcError
        There is no such profile, device, slide model or model.
    """
    from napari_wbc.classification.bundle import load_model
    from napari_wbc.classification.predict import choose_device
    from napari_wbc.differential.profile import Profile, load_profile
    from napari_wbc.segmentation.reuse import known_slide_model

    profile = options.profile if isinstance(options.profile, Profile) else load_profile(options.profile)
    choose_device(options.device)
    slide_model = known_slide_model(options.slide_model)
    return replace(options, profile=profile, slide_model=slide_model, model=load_model(options.model))


def count_images(
    images: Sequence[str],
    out: str | Path,
    options: CountOptions | None = None,
    *,
    own: Mapping[str, CountOptions] | None = None,
    resume: bool = False,
    exports: str | Iterable[str] = (),
    keep: Callable[[CountResult, Path], Any] | None = None,
    cancel: CancelToken | None = None,
) -> Generator[BatchEvent]:
    """Count images one after the other and write a folder of results for each.

    Parameters
    ----------
    images : sequence of str
        Files or OME-Zarr folders; one that is named twice counts once.
    out : str or Path
        Folder for the results; see :func:`~napari_wbc.results.result_folders`.
    options : CountOptions, optional
        What the user chose, for all images; each gets a journal of its own.
    own : mapping of str to CountOptions, optional
        Of single images, in place of ``options``.
    resume : bool, optional
        Go on where a batch that was stopped left off, and leave alone images whose results are there, made from the
        same image, model and parameters, with the further files that are wanted.
    exports : str or iterable of str, optional
        Further files for other programs; see :meth:`napari_wbc.CountResult.export`.
    keep : callable, optional
        Takes each count, with the folder of its results before that is written, to keep more of it than the results.
    cancel : CancelToken, optional
        Stops within about a second. Results are whole or not there; the journal of the image that was being counted
        stays beside them for the next time.

    Yields
    ------
    ImageStarted, Progress, ImageCounted, CountedBefore or ImageFailed
        For each image in turn; progress comes also before the first.
    BatchFinished
        At the end.

    Raises
    ------
    WbcError
        What all images share cannot be used, or another process counts several images into ``out``; nothing has been
        begun then. Where another process counts one of the images, that image fails.
    Cancelled
        ``cancel`` was set.

    Examples
    --------
    >>> for event in count_images(["smear.svs", "field.png"], "results"):  # doctest: +SKIP
    ...     if isinstance(event, ImageCounted):
    ...         print(event.differential.to_text())
    """
    cancel = cancel or CancelToken()
    out = Path(out)
    writable_folder(out)
    yield Progress("Loading the model", 0, 0)
    options = prepared(options or CountOptions())
    formats = formats_named(exports)
    apart = {image: prepared(of_image) for image, of_image in (own or {}).items()}
    folders = result_folders(images, out)
    counted = before = failed = 0
    # Several images have a table of all of them beside their folders.
    with claimed(out / ".lock", out) if len(folders) > 1 else nullcontext():
        for image, folder in folders.items():
            cancel.check()
            yield ImageStarted(image, folder)
            try:
                with claimed(lock_beside(folder), folder):
                    ended = yield from _count_image(
                        image,
                        folder,
                        apart.get(image, options),
                        formats,
                        resume=resume,
                        keep=keep,
                        cancel=cancel,
                    )
            except Cancelled:
                raise
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one image, the others are finished
                failed += 1
                yield ImageFailed(image, folder, error)
            else:
                counted += isinstance(ended, ImageCounted)
                before += isinstance(ended, CountedBefore)
                yield ended
        yield BatchFinished(counted, before, failed)


def _count_image(
    image: str,
    folder: Path,
    options: CountOptions,
    exports: Sequence[Format],
    *,
    resume: bool,
    keep: Callable[[CountResult, Path], Any] | None,
    cancel: CancelToken,
) -> Generator[Progress, None, ImageCounted | CountedBefore]:
    """Count one image and write its results."""
    check_folder(folder)
    journal = journal_of(folder)
    if not resume:
        journal.unlink(missing_ok=True)
    slide = open_slide(image)
    try:
        for fmt in exports:
            fmt.check_slide(slide)
        if resume and _is_done(slide, folder, options, exports, cancel):
            journal.unlink(missing_ok=True)
            return CountedBefore(image, folder)
        with closing(count_events(slide, replace(options, journal=journal), cancel=cancel)) as events:
            for event in events:
                if isinstance(event, Progress):
                    yield event
                elif isinstance(event, CountResult):
                    yield Progress("Writing the results", 0, 0)
                    if keep is not None:
                        keep(event, folder)
                    event.write(folder, exports=[fmt.name for fmt in exports], cancel=cancel)
                    return ImageCounted(image, folder, event.differential, len(event.cells), event.run)
    finally:
        slide.close()
    raise AssertionError("count_events ends with a CountResult")


def _is_done(
    slide: Slide, folder: Path, options: CountOptions, exports: Sequence[Format], cancel: CancelToken
) -> bool:
    from napari_wbc.classification.bundle import Model
    from napari_wbc.differential.profile import Profile

    assert isinstance(options.model, Model)
    assert isinstance(options.profile, Profile)
    record = read_run(folder) if is_complete(folder, exports) else None
    try:
        read_summary(folder)
    except InputError:
        # Damaged, or written by a version that states other things: the tables of the batch could not tell of it.
        return False
    return record is not None and same_run(
        record,
        image_sha256=image_sha256(slide, cancel=cancel),
        model_sha256=options.model.sha256,
        parameters=options.parameters(options.profile),
    )
