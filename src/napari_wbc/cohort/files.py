"""What is written beside the folders of results when a batch has several images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from napari_wbc.batch import CountedBefore, ImageCounted, ImageFailed
from napari_wbc.batch_table import COUNTS_FILE, ImageCounts, read_summary, write_counts_csv
from napari_wbc.cohort.slides import classes_table, slide_counts, slides_table
from napari_wbc.differential.exports import field_text, output_file
from napari_wbc.differential.profile import Profile, load_profile
from napari_wbc.errors import printable
from napari_wbc.pipeline import CountOptions
from napari_wbc.provenance import read_run
from napari_wbc.results import result_folders

SLIDES_FILE, CLASSES_FILE, PAGE_FILE = "slides.csv", "classes.csv", "cohort.html"
#: Everything that :meth:`Cohort.write` writes.
FILES = (COUNTS_FILE, SLIDES_FILE, CLASSES_FILE, PAGE_FILE)


@dataclass(frozen=True, eq=False)
class CohortImage:
    """An image of a batch, before it is counted.

    Attributes
    ----------
    image : str
        Its path, as it is given to :func:`napari_wbc.batch.count_images`.
    options : CountOptions
        What it is counted with.
    slide : str
        The slide that it is of; empty for one of its own.
    """

    image: str
    options: CountOptions
    slide: str = ""


class Cohort:
    """Takes the events of a batch, and writes what all its images come to.

    Parameters
    ----------
    images : sequence of CohortImage
        Of the batch, in its order.
    out : str or Path
        Where their folders of results are.

    Attributes
    ----------
    rows : list of ImageCounts
        The images that had their turn.

    Examples
    --------
    >>> from napari_wbc.batch import count_images
    >>> fields = ["field1.png", "field2.png"]
    >>> cohort = Cohort([CohortImage(field, CountOptions()) for field in fields], "results")
    >>> for event in count_images(fields, "results"):  # doctest: +SKIP
    ...     cohort.take(event)
    >>> cohort.write()  # doctest: +SKIP
    """

    def __init__(self, images: Sequence[CohortImage], out: str | Path) -> None:
        self.out = Path(out)
        self.rows: list[ImageCounts] = []
        folders = result_folders([image.image for image in images], self.out)
        self._images = {image.image: image for image in images if image.image in folders}
        self.planned = len(folders)

    def take(self, event: object, problem: str = "") -> ImageCounts | None:
        """Take an event of :func:`napari_wbc.batch.count_images`; all but the end of an image are passed over.

        Parameters
        ----------
        event : ImageCounted, CountedBefore, ImageFailed or another
            The event.
        problem : str, optional
            Why an image failed, in other words than those of the event.
        """
        if not isinstance(event, ImageCounted | CountedBefore | ImageFailed):
            return None
        name, slide = printable(Path(event.image).name), self._images[event.image].slide
        if isinstance(event, ImageFailed):
            row = ImageCounts(name, event.folder.name, problem=problem or event.line, slide=slide)
        else:
            row = ImageCounts(name, event.folder.name, read_summary(event.folder), slide=slide)
        self.rows.append(row)
        return row

    def write(self) -> Path:
        """Write ``counts.csv``, ``slides.csv``, ``classes.csv`` and ``cohort.html``, each whole or not at all.

        Returns
        -------
        pathlib.Path
            The page.

        Raises
        ------
        OutputError
            The place cannot be written to.
        """
        from napari_wbc.cohort.page import cohort_page

        write_counts_csv(self.rows, self.out / COUNTS_FILE)
        slides = slide_counts(self.rows, self.out, self._profiles())
        _write_csv(slides_table(slides), self.out / SLIDES_FILE)
        _write_csv(classes_table(slides), self.out / CLASSES_FILE)
        runs = [read_run(self.out / row.folder) or {} for row in self.rows if row.summary is not None]
        name = self.out.absolute().name
        html = cohort_page(self.rows, slides, name=name, planned=self.planned, runs=runs)
        with output_file(self.out / PAGE_FILE) as temporary:
            temporary.write_text(html, encoding="utf-8")
        return self.out / PAGE_FILE

    def _profiles(self) -> dict[str, Profile]:
        """Give the profile of every image by its folder of results; one that many share is read once."""
        loaded: dict[str, Profile] = {}
        profiles = {}
        for image, folder in result_folders(list(self._images), self.out).items():
            chosen = self._images[image].options.profile
            if not isinstance(chosen, Profile):
                if str(chosen) not in loaded:
                    loaded[str(chosen)] = load_profile(chosen)
                chosen = loaded[str(chosen)]
            profiles[folder.name] = chosen
        return profiles


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table with as many digits as ``differential.csv`` has."""
    texts = {str(name): [field_text(str(name), value) for value in table[name]] for name in table.columns}
    with output_file(path) as temporary:
        pd.DataFrame(texts).to_csv(temporary, index=False, lineterminator="\n")
