"""What the panel for a folder of images does: its images, how far each is, and the steps of the job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from time import monotonic
from typing import Any

from napari_wbc.batch import CountedBefore, ImageCounted, ImageFailed, ImageStarted, count_images
from napari_wbc.batch_table import (
    CountSummary,
    ImageCounts,
    Together,
    counts_text,
    together,
)
from napari_wbc.cohort import PAGE_FILE, Cohort, CohortImage
from napari_wbc.differential.profile import DEFAULT_PROFILE
from napari_wbc.differential.wording import cells_text, percent_text
from napari_wbc.errors import InputError, ScaleUnknownError
from napari_wbc.execution.progress import CancelToken, Progress
from napari_wbc.gui.count.choices import Choices, what_is_wrong
from napari_wbc.gui.first_use import import_torch, wait_for
from napari_wbc.gui.progress_text import time_left
from napari_wbc.pipeline import CountOptions
from napari_wbc.review.folder import keep_beside
from napari_wbc.slides.folder import images_in


class ImageState(Enum):
    """How far an image is."""

    WAITING = "waiting"
    COUNTING = "counting"
    COUNTED = "counted"
    BEFORE = "counted before"
    FAILED = "failed"


@dataclass(frozen=True, eq=False)
class ImageDone:
    """An image is counted, now or before.

    Attributes
    ----------
    image : str
        Its path.
    folder : pathlib.Path
        Its results.
    summary : CountSummary
        What they state.
    before : bool
        Whether they were there already.
    """

    image: str
    folder: Path
    summary: CountSummary
    before: bool


def folder_steps(
    images: Sequence[str], out: Path, options: CountOptions, resume: bool, cancel: CancelToken
) -> Generator[Any]:
    """Count images as the command line does, and write the tables and the page of all of them.

    They are written also where the job ends early, with the images that had their turn. Beside the results of an
    image its cells are kept for a review, see :func:`~napari_wbc.review.folder.keep_beside`.

    Yields
    ------
    ImageStarted, Progress, ImageDone or ImageFailed
        For each image in turn.
    pathlib.Path
        The page, at the end.
    """
    cohort = Cohort([CohortImage(image, options) for image in images], out)
    wait_for(import_torch, cancel)
    try:
        for event in count_images(images, out, options, resume=resume, keep=keep_beside, cancel=cancel):
            match event:
                case ImageStarted() | Progress():
                    yield event
                case ImageFailed():
                    cohort.take(event, problem_text(event))
                    yield event
                case ImageCounted() | CountedBefore():
                    row = cohort.take(event)
                    assert row is not None
                    assert row.summary is not None
                    yield ImageDone(event.image, event.folder, row.summary, isinstance(event, CountedBefore))
    finally:
        if cohort.rows:
            cohort.write()
    yield out / PAGE_FILE


def problem_text(event: ImageFailed) -> str:
    """Say why an image could not be counted, and what to do about it in the viewer."""
    if isinstance(event.error, ScaleUnknownError):
        return "the scale is not known: neither the file nor its red cells tell it; type the µm per px in the form"
    return event.line


@dataclass(eq=False)
class ImageRow:
    """One image of the folder.

    Attributes
    ----------
    path : pathlib.Path
        The image.
    state : ImageState
        How far it is.
    share : float
        0 to 1, of its tiles; while it is being counted.
    folder : pathlib.Path or None
        Its results.
    summary : CountSummary or None
        What they state.
    problem : str
        Why it could not be counted.
    """

    path: Path
    state: ImageState = ImageState.WAITING
    share: float = 0.0
    folder: Path | None = None
    summary: CountSummary | None = None
    problem: str = ""

    @property
    def state_text(self) -> str:
        """How far it is, for people."""
        if self.state is ImageState.COUNTING:
            return f"counting {self.share:.0%}".replace("%", " %")
        return self.state.value

    @property
    def details(self) -> str:
        """Everything about it, line by line."""
        lines = [str(self.path), self.problem]
        if self.summary is not None:
            one = self.summary
            lines.append(cells_text(one.leukocytes, "leukocyte"))
            lines += [f"{one.titles[name]}: {percent_text(p)} %" for name, p in one.largest(len(one.counts))]
            lines += [f"Unidentified: {one.unidentified}"] if one.unidentified else []
            lines += [f"⚠ {alarm}" for alarm in one.alarms]
        return "\n".join(line for line in lines if line)


class FolderCounts:
    """The images of a folder and how far their counts are.

    Attributes
    ----------
    rows : list of ImageRow
        In the order of their names.
    problem : str
        Why the folder cannot be read, if so.
    """

    def __init__(self) -> None:
        self.rows: list[ImageRow] = []
        self.problem = ""
        self._started = monotonic()

    def look_at(self, folder: str) -> None:
        """List the images of a folder; of none where it is empty."""
        self.rows, self.problem = [], ""
        try:
            self.rows = [ImageRow(path) for path in images_in(folder)] if folder else []
        except InputError as error:
            self.problem = str(error)

    def reason(self, folder: str, out: str, choices: Choices) -> str:
        """Say why the count cannot start; empty when it can."""
        if not folder:
            return "Choose the folder of the images."
        if self.problem:
            return self.problem
        if not self.rows:
            return "There is no image in this folder that can be read."
        if not out:
            return "Choose a folder for the results."
        return what_is_wrong(choices)

    def begin(self) -> None:
        """Let every image wait for its turn."""
        self.rows = [ImageRow(row.path) for row in self.rows]
        self._started = monotonic()

    def stop(self) -> None:
        """Take note that the job ended: an image that was being counted waits again."""
        for row in self.rows:
            if row.state is ImageState.COUNTING:
                row.state, row.share = ImageState.WAITING, 0.0

    def take(self, event: Any) -> int | None:
        """Take an event of :func:`folder_steps`.

        Returns
        -------
        int or None
            The row that it is about.
        """
        if isinstance(event, Progress):
            number = next((i for i, row in enumerate(self.rows) if row.state is ImageState.COUNTING), None)
            if number is not None and event.unit == "tile" and event.total:
                self.rows[number].share = event.done / event.total
            return number
        if not isinstance(event, ImageStarted | ImageDone | ImageFailed):
            return None
        number = next(i for i, row in enumerate(self.rows) if str(row.path) == event.image)
        row = self.rows[number]
        match event:
            case ImageStarted():
                row.state = ImageState.COUNTING
            case ImageDone():
                row.state = ImageState.BEFORE if event.before else ImageState.COUNTED
                row.folder, row.summary = event.folder, event.summary
            case ImageFailed():
                row.state, row.problem = ImageState.FAILED, problem_text(event)
        return number

    @property
    def ended(self) -> int:
        """How many images had their turn."""
        return sum(row.state not in (ImageState.WAITING, ImageState.COUNTING) for row in self.rows)

    def total_line(self, *, running: bool) -> str:
        """Say how far the folder is, while it is counted with the time that is left."""
        states = Counter(row.state for row in self.rows)
        if running:
            parts = [f"{self.ended:,} of {cells_text(len(self.rows), 'image')}"]
        else:
            parts = [f"{states[ImageState.COUNTED] + states[ImageState.BEFORE]:,} of "
                     f"{cells_text(len(self.rows), 'image')} counted"]  # fmt: skip
        if states[ImageState.BEFORE]:
            parts.append(f"{states[ImageState.BEFORE]:,} of them before")
        if states[ImageState.FAILED]:
            parts.append(f"{states[ImageState.FAILED]:,} failed")
        alarmed = sum(row.summary is not None and bool(row.summary.alarms) for row in self.rows)
        if alarmed:
            parts.append(f"{alarmed:,} with an alarm")
        if running:
            # Images that failed or were counted before take hardly any time, and say nothing about the others.
            skipped = states[ImageState.BEFORE] + states[ImageState.FAILED]
            done = self.ended - skipped + sum(r.share for r in self.rows if r.state is ImageState.COUNTING)
            parts.append(time_left(monotonic() - self._started, done, len(self.rows) - skipped))
        return " · ".join(part for part in parts if part)

    def together(self, chosen: Sequence[int]) -> tuple[Together | None, bool]:
        """Add up the chosen images, where two or more of them are counted; else all that are.

        Returns
        -------
        Together or None
            None with fewer than two images.
        bool
            Whether it is of the chosen ones.
        """
        for rows, are_chosen in (
            ([self.rows[i] for i in chosen if i < len(self.rows)], True),
            (self.rows, False),
        ):
            summaries = [row.summary for row in rows if row.summary is not None]
            if len(summaries) > 1:
                return together(summaries), are_chosen and len(rows) < len(self.rows)
        return None, False

    def text(self) -> str:
        """Give the table of the images that had their turn as text, for the clipboard."""
        return counts_text(
            [
                ImageCounts(row.path.name, row.folder.name if row.folder else "", row.summary, row.problem)
                for row in self.rows
                if row.summary is not None or row.problem
            ]
        )


def folder_options(choices: Choices) -> CountOptions:
    """Give what the form says about every image of a folder; regions and a WBC count belong to one image."""
    return CountOptions(
        um_per_px=choices.um_per_px,
        model=choices.model,
        device=choices.device,
        profile=choices.profile or None,
    )


def choices_text(choices: Choices) -> str:
    """Say with what choices of the form the images are counted.

    Examples
    --------
    >>> choices_text(Choices(model="robust", um_per_px=0.08))
    'Model robust, device auto, profile adult peripheral blood, 0.08 µm per px for every image.'
    """
    profile = Path(choices.profile or DEFAULT_PROFILE).stem.replace("_", " ")
    scale = (
        "the scale of each image found automatically"
        if choices.um_per_px is None
        else f"{choices.um_per_px:g} µm per px for every image"
    )
    return f"Model {choices.model or '–'}, device {choices.device}, profile {profile}, {scale}."
