"""The slides of a batch: images of one slide make one differential."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from napari_wbc.batch_table import ImageCounts
from napari_wbc.cell_table import read_cells_csv
from napari_wbc.differential.count import differential
from napari_wbc.differential.intervals import largest_remainder
from napari_wbc.differential.profile import Profile
from napari_wbc.differential.rows import COLUMNS
from napari_wbc.domain_shift import DomainShift
from napari_wbc.leukocytes import in_order

_NUMBERS = (
    "percent",
    "ci_low",
    "ci_high",
    "per_100_wbc",
    "absolute_per_l",
    "reference_low",
    "reference_high",
)


@dataclass(frozen=True, eq=False)
class SlideCount:
    """The differential of a slide, of one image or of several.

    Attributes
    ----------
    name : str
        What it is called.
    images : tuple of ImageCounts
        Its images that could be counted.
    table : pandas.DataFrame
        Rows of the differential, columns as in ``differential.csv``.
    titles : dict of str to str
        What the classes are called.
    leukocytes : int
        Cells.
    unidentified_percent, unlike_percent : float
        Of leukocytes, erythroblasts and unidentified cells.
    shift : float
        Distance from the slides that the model was trained on, the median of its images (the higher one of two); its
        limit is 1. NaN where it is not known.
    alarms : tuple of str
        Why the count of all its cells is not reliable.
    profile : Profile
        That it was counted with.
    """

    name: str
    images: tuple[ImageCounts, ...]
    table: pd.DataFrame
    titles: Mapping[str, str]
    leukocytes: int
    unidentified_percent: float
    unlike_percent: float
    shift: float
    alarms: tuple[str, ...]
    profile: Profile

    @cached_property
    def percents(self) -> dict[str, float]:
        """Percentages of the classes in the denominator; NaN without leukocytes."""
        inside = self.table[self.table["in_denominator"] == 1]
        return dict(zip(inside["class"], inside["percent"].astype(float), strict=True))

    @cached_property
    def counts(self) -> dict[str, int]:
        """Cells of the classes in the denominator."""
        inside = self.table[self.table["in_denominator"] == 1]
        return dict(zip(inside["class"], inside["count"].astype(int), strict=True))


def slide_counts(rows: Sequence[ImageCounts], out: Path, profiles: Mapping[str, Profile]) -> list[SlideCount]:
    """Put the images of each slide together.

    A slide of one image is what its ``differential.json`` says; of several, their cells are counted anew as one table,
    with the WBC count of the slide. A cell that two images show counts twice. Whether it is unlike the slides of the
    training says the median of its images: the farthest of a hundred is beyond the limit by chance.

    Parameters
    ----------
    rows : sequence of ImageCounts
        Of the batch; images that could not be counted are left out.
    out : Path
        The folder of their folders of results.
    profiles : mapping of str to Profile
        By the name of the folder of results.
    """
    groups: dict[str, list[ImageCounts]] = {}
    for row in rows:
        if row.summary is not None:
            groups.setdefault(row.slide or row.folder, []).append(row)
    return [_slide(name, images, out, profiles[images[0].folder]) for name, images in groups.items()]


def _slide(name: str, images: list[ImageCounts], out: Path, profile: Profile) -> SlideCount:
    summaries = [image.summary for image in images if image.summary is not None]
    shift = _median_shift(one.quality.get("domain_shift") for one in summaries)
    if len(images) == 1:
        one = summaries[0]
        table, titles, quality = pd.DataFrame(list(one.rows)), dict(one.titles), one.quality
        leukocytes, alarms = one.leukocytes, one.alarms
    else:
        cells = [read_cells_csv(out / image.folder / "cells.csv") for image in images]
        pooled = differential(
            pd.concat(cells, ignore_index=True), profile, wbc_per_l=summaries[0].wbc_per_l, domain_shift=shift
        )
        table, titles, quality = pooled.table, dict(pooled.titles), pooled.quality
        leukocytes, alarms = pooled.denominator, pooled.alarms
    return SlideCount(
        name=name,
        images=tuple(images),
        table=table[list(COLUMNS)].astype(dict.fromkeys(_NUMBERS, "float64")),
        titles=titles,
        leukocytes=leukocytes,
        unidentified_percent=float(quality["unidentified_percent"]),
        unlike_percent=float(quality["unlike_training_percent"]),
        shift=math.nan if shift is None else shift.ratio,
        alarms=tuple(alarms),
        profile=profile,
    )


def _median_shift(of: Iterable[Mapping[str, Any] | None]) -> DomainShift | None:
    known = sorted((DomainShift(**one) for one in of if one), key=lambda shift: shift.ratio)
    return known[len(known) // 2] if known else None


def slides_table(slides: Sequence[SlideCount]) -> pd.DataFrame:
    """Put the differentials of slides one below the other.

    Returns
    -------
    pandas.DataFrame
        ``slide``, ``images`` (how many), then the columns of ``differential.csv``; a row per slide and class.
    """
    tables = [
        slide.table.assign(slide=slide.name, images=len(slide.images)) for slide in slides if len(slide.table)
    ]
    columns = ["slide", "images", *COLUMNS]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def classes_table(slides: Sequence[SlideCount]) -> pd.DataFrame:
    """Say how each class is spread over the slides.

    Parameters
    ----------
    slides : sequence of SlideCount
        Those without leukocytes have no percentages and are left out.

    Returns
    -------
    pandas.DataFrame
        A row per class of the denominator: ``class``, ``slides`` (that have a row for it), ``cells`` of all,
        ``percent`` of all leukocytes of all slides (they sum to exactly 100), and ``median``, ``q1``, ``q3``,
        ``lowest`` and ``highest`` of the slides' percentages, each slide counting once (quartiles between two slides
        are interpolated linearly).
    """
    counted = [slide for slide in slides if slide.leukocytes]
    names = in_order({name for slide in counted for name in slide.counts})
    cells = [sum(slide.counts.get(name, 0) for slide in counted) for name in names]
    records: list[dict[str, Any]] = []
    for name, number, percent in zip(names, cells, largest_remainder(cells), strict=True):
        percents = pd.Series([slide.percents[name] for slide in counted if name in slide.percents])
        q1, median, q3 = percents.quantile([0.25, 0.5, 0.75])
        records.append(
            {
                "class": name,
                "slides": len(percents),
                "cells": number,
                "percent": percent,
                "median": round(median, 1),
                "q1": round(q1, 1),
                "q3": round(q3, 1),
                "lowest": percents.min(),
                "highest": percents.max(),
            }
        )
    columns = ["class", "slides", "cells", "percent", "median", "q1", "q3", "lowest", "highest"]
    return pd.DataFrame(records, columns=columns)
