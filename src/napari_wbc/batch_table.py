"""The differentials of several images in one table, a row per image: ``counts.csv``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from napari_wbc.cell_table import spreadsheet_safe
from napari_wbc.differential.exports import output_file
from napari_wbc.differential.intervals import largest_remainder, share_interval
from napari_wbc.differential.wording import interval_text, percent_text
from napari_wbc.errors import InputError
from napari_wbc.leukocytes import class_of, in_order

#: Name of the table beside the folders of results.
COUNTS_FILE = "counts.csv"
_QUALITY = ("unidentified_percent", "unlike_training_percent")


@dataclass(frozen=True)
class CountSummary:
    """What a folder of results states, in a few numbers.

    Attributes
    ----------
    leukocytes : int
        The denominator of the differential.
    counts, percents : dict of str to int, and to float
        Of the classes in the denominator, in their order; NaN without leukocytes.
    titles : dict of str to str
        What the classes are called.
    per_100 : dict of str to float
        Cells beside 100 leukocytes, by class; NaN without leukocytes.
    unidentified, excluded : int
        Cells without a class, and cells that a person took out.
    alarms : tuple of str
        Why the count is not reliable.
    target : int
        How many leukocytes the profile asks for.
    quality : dict of str to Any
        Figures behind the alarms, see :func:`napari_wbc.differential.advice.quality_of`.
    rows : tuple of dict
        Rows of the differential, as in ``differential.json``.
    wbc_per_l : float or None
        The WBC count that was given.
    """

    leukocytes: int
    counts: Mapping[str, int]
    percents: Mapping[str, float]
    titles: Mapping[str, str]
    per_100: Mapping[str, float]
    unidentified: int
    excluded: int
    alarms: tuple[str, ...]
    target: int = 0
    quality: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[Mapping[str, Any], ...] = ()
    wbc_per_l: float | None = None

    def largest(self, number: int = 3) -> list[tuple[str, float]]:
        """Give the largest classes with their percentages, the largest first; of equal ones the first in order."""
        there = [(name, self.percents[name]) for name, count in self.counts.items() if count]
        return sorted(there, key=lambda item: -item[1])[:number]


def read_summary(folder: str | Path) -> CountSummary:
    """Read what a folder of results states, from its ``differential.json``.

    Parameters
    ----------
    folder : str or Path
        Written by :meth:`napari_wbc.CountResult.write`.

    Raises
    ------
    InputError
        It holds no differential.
    """
    path = Path(folder) / "differential.json"
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
        inside = [row for row in stated["rows"] if row["in_denominator"]]
        summary = CountSummary(
            leukocytes=int(stated["denominator"]),
            counts={row["class"]: int(row["count"]) for row in inside},
            percents={row["class"]: _number(row["percent"]) for row in inside},
            titles={row["class"]: str(row["title"]) for row in inside},
            per_100={name: _number(entry["value"]) for name, entry in stated["per_100_wbc"].items()},
            unidentified=int(stated["unidentified"]),
            excluded=int(stated["excluded"]),
            alarms=tuple(stated["alarms"]),
            target=int(stated["target_count"]),
            quality=dict(stated["quality"]),
            rows=tuple(stated["rows"]),
            wbc_per_l=stated["wbc"]["given_per_l"],
        )
        _check_numbers(summary)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise InputError(f"{path}: no differential of napari-wbc; count the image again ({error})") from None
    return summary


def _check_numbers(summary: CountSummary) -> None:
    """Raise ValueError for numbers that no count has; a class that is listed twice has lost one of its two."""
    cells = (summary.leukocytes, summary.unidentified, summary.excluded, *summary.counts.values())
    if min(cells) < 0 or sum(summary.counts.values()) != summary.leukocytes:
        raise ValueError("numbers of cells that are none")
    if any(not (math.isnan(share) or 0 <= share <= 100) for share in summary.percents.values()):
        raise ValueError("percentages that are none")


@dataclass(frozen=True)
class Together:
    """The differential of several images of one smear, cells of all of them together.

    Attributes
    ----------
    images : int
        How many.
    leukocytes : int
        The denominator: all leukocytes of all images.
    counts, percents : dict of str to int, and to float
        Of the classes in the denominator, in their order; the percentages sum to exactly 100. NaN without leukocytes.
    intervals : dict of str to tuple of float
        95 % intervals of the percentages, as in a differential of all these cells.
    titles : dict of str to str
        What the classes are called.
    unidentified : int
        Cells without a class.
    alarmed : int
        How many of the images have an alarm.
    """

    images: int
    leukocytes: int
    counts: Mapping[str, int]
    percents: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    titles: Mapping[str, str]
    unidentified: int
    alarmed: int


def together(summaries: Sequence[CountSummary]) -> Together:
    """Add up the counts of images that show different fields of one smear.

    Parameters
    ----------
    summaries : sequence of CountSummary
        One per image. A cell that two of them show counts twice.

    Examples
    --------
    >>> one = CountSummary(4, {"monocyte": 1, "lymphocyte": 3}, {}, {}, {}, 0, 0, ())
    >>> both = together([one, one])
    >>> both.leukocytes, both.counts["lymphocyte"], both.percents["lymphocyte"]
    (8, 6, 75.0)
    """
    names = in_order({name for one in summaries for name in one.counts})
    counts = {name: sum(one.counts.get(name, 0) for one in summaries) for name in names}
    n = sum(counts.values())
    limits = {name: share_interval(count, n) if n else (math.nan, math.nan) for name, count in counts.items()}
    return Together(
        images=len(summaries),
        leukocytes=n,
        counts=counts,
        percents=dict(zip(names, largest_remainder(list(counts.values())), strict=True)),
        intervals={name: (round(100 * low, 1), round(100 * high, 1)) for name, (low, high) in limits.items()},
        titles={name: title for one in summaries for name, title in one.titles.items()},
        unidentified=sum(one.unidentified for one in summaries),
        alarmed=sum(bool(one.alarms) for one in summaries),
    )


def together_lines(result: Together) -> list[str]:
    """Write the classes with their percentages and intervals, one per line.

    Examples
    --------
    >>> one = CountSummary(4, {"monocyte": 1, "lymphocyte": 3}, {}, {"monocyte": "Monocyte"}, {}, 0, 0, ())
    >>> together_lines(together([one, one]))[1]
    'Monocyte 25.0 % (7.1–59.1)'
    """
    lines = []
    for name, count in result.counts.items():
        interval = interval_text(*result.intervals[name], count, result.leukocytes)
        title = result.titles.get(name, class_of(name).title)
        lines.append(f"{title} {percent_text(result.percents[name])} % ({interval})")
    return lines


@dataclass(frozen=True)
class ImageCounts:
    """One row of the table.

    Attributes
    ----------
    image : str
        File name of the image.
    folder : str
        Name of its folder of results.
    summary : CountSummary or None
        None where the image could not be counted.
    problem : str
        Why not.
    slide : str
        What the slide is called that the image is of.
    """

    image: str
    folder: str
    summary: CountSummary | None = None
    problem: str = ""
    slide: str = ""


def counts_table(rows: Sequence[ImageCounts]) -> pd.DataFrame:
    """Put the differentials of several images side by side.

    Parameters
    ----------
    rows : sequence of ImageCounts
        In the order of the table.

    Returns
    -------
    pandas.DataFrame
        ``image``, ``slide``, ``results``, ``leukocytes``, ``target``, ``percent_<class>`` for every class that any
        image has a row for, ``per_100_<class>``, ``unidentified``, ``excluded``, ``unidentified_percent`` and
        ``unlike_training_percent`` (of leukocytes, erythroblasts and unidentified cells), ``domain_shift`` (distance
        from the slides that the model was trained on, its limit is 1), ``alarms`` and ``problem``. Empty (NA) where a
        number has no meaning or an image could not be counted.
    """
    summaries = [row.summary for row in rows if row.summary is not None]
    classes = in_order({name for summary in summaries for name in summary.counts})
    beside = in_order({name for summary in summaries for name in summary.per_100})
    records = []
    for row in rows:
        record: dict[str, Any] = {"image": row.image, "slide": row.slide, "results": row.folder}
        if row.summary is not None:
            one = row.summary
            record |= {"leukocytes": one.leukocytes, "target": one.target}
            record |= {f"percent_{name}": one.percents.get(name, math.nan) for name in classes}
            record |= {f"per_100_{name}": one.per_100.get(name, math.nan) for name in beside}
            record |= {"unidentified": one.unidentified, "excluded": one.excluded}
            record |= {name: _number(one.quality.get(name)) for name in _QUALITY}
            record["domain_shift"] = _number((one.quality.get("domain_shift") or {}).get("ratio"))
        record["alarms"] = " ".join(row.summary.alarms) if row.summary is not None else ""
        record["problem"] = row.problem
        records.append(record)
    numbers = [*(f"percent_{name}" for name in classes), *(f"per_100_{name}" for name in beside)]
    figures = [*_QUALITY, "domain_shift"]
    whole = ["leukocytes", "target", "unidentified", "excluded"]
    columns = ["image", "slide", "results", *whole[:2], *numbers, *whole[2:], *figures, "alarms", "problem"]
    table = pd.DataFrame(records, columns=columns)
    return table.astype(dict.fromkeys(whole, "Int64") | dict.fromkeys((*numbers, *figures), "float64"))


def write_counts_csv(rows: Sequence[ImageCounts], path: str | Path) -> Path:
    """Write the table of several images, whole or not at all; texts are such that no spreadsheet runs them.

    Raises
    ------
    OutputError
        The place cannot be written to.
    """
    table = counts_table(rows)
    # The distance is stated with two digits everywhere.
    table["domain_shift"] = table["domain_shift"].map(
        lambda ratio: "" if math.isnan(ratio) else f"{ratio:.2f}"
    )
    for name in ("image", "slide", "results", "alarms", "problem"):
        table[name] = table[name].map(spreadsheet_safe)
    with output_file(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", float_format="%.1f")
    return Path(path)


def counts_text(rows: Sequence[ImageCounts]) -> str:
    """Give the table as text with tabs between the columns, which documents and spreadsheets take.

    Only classes that some image has cells of have a column. Two or more images that were counted are followed by a
    row of all together.

    Parameters
    ----------
    rows : sequence of ImageCounts
        In the order of the table.

    Returns
    -------
    str
        Lines without a last line break.
    """
    summaries = [row.summary for row in rows if row.summary is not None]
    titles = {name: title for summary in summaries for name, title in summary.titles.items()}
    classes = in_order({name for one in summaries for name, count in one.counts.items() if count})
    heading = ["Image", "Leukocytes", *(f"{titles[name]} %" for name in classes), "Unidentified", "Notes"]
    lines = [heading]
    for row in rows:
        one = row.summary
        if one is None:
            lines.append([row.image, *[""] * (len(classes) + 2), row.problem])
            continue
        percents = [percent_text(one.percents.get(name, math.nan)) for name in classes]
        lines.append([row.image, str(one.leukocytes), *percents, str(one.unidentified), " ".join(one.alarms)])
    if len(summaries) > 1:
        both = together(summaries)
        percents = [percent_text(both.percents[name]) for name in classes]
        lines.append(["Together", str(both.leukocytes), *percents, str(both.unidentified), ""])
    return "\n".join("\t".join(" ".join(cell.split()) for cell in line).rstrip() for line in lines)


def largest_text(summary: CountSummary, number: int = 3) -> str:
    """Name the largest classes of an image.

    Examples
    --------
    >>> counts = {"neutrophil_segmented": 6, "lymphocyte": 3, "monocyte": 1}
    >>> percents = {name: 10.0 * count for name, count in counts.items()}
    >>> largest_text(CountSummary(10, counts, percents, {}, {}, 0, 0, ()), 2)
    'SEG 60.0 %, LYM 30.0 %'
    """
    return ", ".join(
        f"{class_of(name).abbreviation} {percent_text(percent)} %"
        for name, percent in summary.largest(number)
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
