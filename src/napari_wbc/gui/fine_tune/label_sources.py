"""Further places of labels beside the open images: which ones, and how many labels they hold. No Qt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psygnal import Signal

from napari_wbc.adaptation.label_places import LabelPlace, labels_at, remember_places, remembered_places
from napari_wbc.cell_table import is_labelled
from napari_wbc.errors import WbcError
from napari_wbc.execution.progress import CancelToken
from napari_wbc.gui.job import Job, JobState, Runner
from napari_wbc.review.session import ReviewSession


@dataclass(frozen=True, slots=True)
class SourceCount:
    """What a look at a place found.

    Attributes
    ----------
    place : LabelPlace
        Where.
    labels : dict of str to int
        By class.
    problem : str
        Why it cannot be learned from; empty where it can.
    """

    place: LabelPlace
    labels: dict[str, int]
    problem: str = ""

    @property
    def number(self) -> int:
        """How many labels there are."""
        return sum(self.labels.values())


class LabelSources:
    """The places, in the order in which they were added.

    Parameters
    ----------
    runner : Runner
        Reads beside the GUI thread.

    Signals
    -------
    changed()
        Other places, or other counts.
    message(str, bool)
        A line for the user, and whether it is an error.

    Attributes
    ----------
    places : list of LabelPlace
        All of them, those of open reviews among them.
    """

    changed = Signal()
    message = Signal(str, bool)

    def __init__(self, runner: Runner) -> None:
        self.places: list[LabelPlace] = []
        self._counts: dict[LabelPlace, SourceCount] = {}
        # Of images that are in memory only, so that nothing but the review itself can be learned from.
        self._kept: dict[LabelPlace, ReviewSession] = {}
        self._runner = runner
        runner.arrived.connect(self._on_counted)
        runner.finished.connect(lambda _: self._read())
        runner.failed.connect(self._on_failed)

    def recall(self) -> None:
        """Take the places that were learned from before."""
        self.places += [place for place in remembered_places() if place not in self.places]
        self._read()

    def add(self, place: LabelPlace) -> None:
        """Learn from a place, too."""
        self.places = [known for known in self.places if known.path != place.path]
        self.places.append(place)
        self._counts.pop(place, None)
        self.changed.emit()
        self._read()

    def keep(self, session: ReviewSession) -> None:
        """Go on learning from a review that is closed: from its folder, or from itself if its image is no file."""
        if session.folder is None:
            return
        place = LabelPlace(session.folder)
        if session.count.slide.path is None:
            self._kept[place] = session
            labels = Counter(session.cells.loc[is_labelled(session.cells), "label"])
            self.places = [known for known in self.places if known != place] + [place]
            self._counts[place] = SourceCount(place, dict(labels))
            self.changed.emit()
        else:
            self.add(place)

    def remove(self, place: LabelPlace) -> None:
        """Learn from a place no more; what lies there stays there."""
        self._kept.pop(place, None)
        self.places = [known for known in self.places if known != place]
        self.remember()
        self.changed.emit()

    def clear(self) -> None:
        """Learn from no further place."""
        self.places = []
        self._kept.clear()
        self.remember()
        self.changed.emit()

    def remember(self) -> None:
        """Keep the places for the next time."""
        try:
            remember_places([place for place in self.places if place not in self._kept])
        except WbcError as error:
            self.message.emit(str(error), True)

    def read_again(self, folders: set[Path]) -> None:
        """Count the labels of some places anew: something was changed there."""
        for place in self.places:
            if place.path in folders and place not in self._kept:
                self._counts.pop(place, None)
        self._read()

    def shown(self, is_open: set[Path]) -> list[tuple[LabelPlace, SourceCount | None]]:
        """Give the places with what they hold, None where that is not known yet.

        Parameters
        ----------
        is_open : set of pathlib.Path
            Folders of reviews that are open: their labels count there.
        """
        return [(place, self._counts.get(place)) for place in self.places if place.path not in is_open]

    def used(self, is_open: set[Path]) -> list[LabelPlace]:
        """Give the places on disk that there is something to learn from, or may be."""
        return [
            place
            for place, count in self.shown(is_open)
            if place not in self._kept and (count is None or count.number)
        ]

    def sessions(self, is_open: set[Path]) -> list[ReviewSession]:
        """Give the closed reviews whose image is in memory only."""
        return [session for place, session in self._kept.items() if place.path not in is_open]

    def labels(self, is_open: set[Path]) -> Counter[str]:
        """Count the labels of all places, as far as they are known."""
        counts: Counter[str] = Counter()
        for _, count in self.shown(is_open):
            counts.update(count.labels if count is not None else {})
        return counts

    def shutdown(self) -> None:
        """Stop reading."""
        self._runner.shutdown()

    # ---- inside --------------------------------------------------------------------------------------------

    def _read(self) -> None:
        waiting = [place for place in self.places if place not in self._counts]
        if waiting and self._runner.state is JobState.IDLE:
            self._runner.start(Job("Counting labels", lambda cancel: count_steps(waiting, cancel)))

    def _on_counted(self, found: object) -> None:
        if isinstance(found, SourceCount):
            self._counts[found.place] = found
            self.changed.emit()

    def _on_failed(self, line: str) -> None:
        """Take note of the place that nobody thought of, and go on with the others."""
        failed = next((place for place in self.places if place not in self._counts), None)
        if failed is not None:
            self._on_counted(SourceCount(failed, {}, line))
            self._read()


def count_steps(places: list[LabelPlace], cancel: CancelToken) -> Generator[Any]:
    """Count the labels of places.

    Yields
    ------
    SourceCount
        One for each.
    """
    for place in places:
        cancel.check()
        try:
            yield SourceCount(place, labels_at(place))
        except WbcError as error:
            yield SourceCount(place, {}, str(error))
