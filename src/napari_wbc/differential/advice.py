"""What a differential points out: flags, whether to count more, and when a count is not reliable."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from napari_wbc.cell_table import UNLIKE_TRAINING
from napari_wbc.differential.intervals import cells_to_settle, chance_to_miss
from napari_wbc.differential.profile import Profile, ProfileClass
from napari_wbc.differential.smear_quality import count_by_region
from napari_wbc.differential.tally import Tally, counted_rows, has_flag
from napari_wbc.differential.wording import cells_text, interval_text
from napari_wbc.domain_shift import DomainShift
from napari_wbc.leukocytes import CONTAINS, UNIDENTIFIED

#: More cells than this are not worth a number in the advice.
MOST_CELLS = 10_000
#: Below a routine count nearly every limit lies within an interval: then only the target is worth a sentence.
ROUTINE_COUNT = 100


@dataclass(frozen=True, slots=True)
class CountMore:
    """A limit of the profile that lies within the interval of a class.

    Attributes
    ----------
    name, title : str
        The class.
    limit : float
        The limit, percent.
    more_cells : int or None
        Leukocytes to count beyond those counted until the interval no longer holds the limit, if the share stays
        what it is; None when that is more than ``MOST_CELLS``.
    sentence : str
        The same for people.
    """

    name: str
    title: str
    limit: float
    more_cells: int | None
    sentence: str


@dataclass(frozen=True, slots=True)
class _Finding:
    flag: str
    limit: float
    sentence: str


def flags_of_rows(table: pd.DataFrame, counts: Tally, profile: Profile) -> list[str]:
    """Give the flag of every row: ``low``, ``high``, ``>=1``, ``>2``, joined with ``;``, or nothing."""
    return [";".join(f.flag for f in _findings(row, counts, profile)) for row in _rows(table)]


def sentences_of(table: pd.DataFrame, counts: Tally, profile: Profile) -> tuple[str, ...]:
    """Say in one sentence each what the flags mean, and where the interval includes the limit."""
    return tuple(
        f.sentence + ("." if is_settled(row, f.limit) else "; not settled: the interval includes the limit.")
        for row in _rows(table)
        for f in _findings(row, counts, profile)
    )


def count_more_of(table: pd.DataFrame, counts: Tally, profile: Profile, method: str) -> tuple[CountMore, ...]:
    """Tell which limits of the profile lie within an interval, and how many more cells would settle each."""
    n = counts.denominator
    found: list[CountMore] = []
    further = f"further {profile.noun}"
    if n == 0:
        return ()
    for row in _rows(table):
        if not row["in_denominator"]:
            continue
        name = str(row["class"])
        if name in counts.not_split:
            continue
        title = counts.titles[name]
        for limit in _limits(profile.class_named(name)):
            more = cells_to_settle(int(row["count"]), n, limit / 100, method, limit=MOST_CELLS)
            if more == 0:
                continue
            share = f"{title}: the limit {limit:g} % lies within {row['ci_low']:.1f}–{row['ci_high']:.1f} %"
            if more is None:
                advice = f"more than {cells_text(MOST_CELLS, further)} would be needed to settle it"
            else:
                advice = f"about {cells_text(round_up(more), further)} would settle it"
            found.append(CountMore(name, title, limit, more, f"{share}; {advice} if the share stays."))
    return tuple(found)


def advice_of(denominator: int, count_more: Sequence[CountMore], profile: Profile) -> tuple[str, ...]:
    """Say in sentences whether to count more, for the profile's target and for limits that are not settled."""
    sentences = []
    missing = profile.target_count - denominator
    if denominator == 0:
        sentences.append(f"Count {cells_text(missing, profile.noun)} to reach the target of the profile.")
    elif missing > 0:
        missed = 100 * chance_to_miss(0.01, denominator)
        sentences.append(
            f"Count {cells_text(missing, f'further {profile.noun}')} to reach the target of "
            f"{profile.target_count}: with {denominator}, a class that makes up 1 % of the {profile.noun}s is missed "
            f"with a chance of {missed:.0f} %."
        )
    if denominator >= ROUTINE_COUNT:
        sentences += [item.sentence for item in count_more]
    return tuple(sentences)


def quality_of(
    cells: pd.DataFrame, counts: Tally, profile: Profile, domain_shift: DomainShift | None = None
) -> dict[str, Any]:
    """Give the figures behind the alarms.

    Parameters
    ----------
    cells : pandas.DataFrame
        With ``label``, ``status`` and ``flags``.
    counts : Tally
        Of the same cells.
    profile : Profile
        Of the laboratory.
    domain_shift : DomainShift, optional
        How far the slide lies from those that the model was trained on.

    Returns
    -------
    dict
        ``cells``, ``leukocytes``, ``reviewed``, ``excluded``, ``target_count``, ``target_reached``,
        ``unidentified_percent`` and ``unlike_training_percent`` (of leukocytes, erythroblasts and unidentified
        cells), ``domain_shift`` (None where it is not known), ``unlike_training_slides`` (whether that is beyond its
        limit and the model's own labels matter), ``flags`` (cells by flag), ``regions`` (leukocytes by the quality of
        their region, or None), ``reliable``.
    """
    counted = cells[cells["status"] != "excluded"]
    outside = [name for name in counts.outside if name not in (UNIDENTIFIED, "erythroblast")]
    # A person who labelled a cell has settled what it is, however unlike the training cells it looks.
    unlike = has_flag(counted["flags"], UNLIKE_TRAINING) & (counted["status"] == "model")
    unlike &= ~counted["label"].isin(outside)
    of = counts.nucleated
    shares = {
        "unidentified_percent": 100 * counts.counts[UNIDENTIFIED] / of if of else 0.0,
        "unlike_training_percent": 100 * int(unlike.sum()) / of if of else 0.0,
    }
    flags = counted["flags"].str.split(";").explode()
    # Where a person labelled nearly every cell, it does not matter what the model makes of the slide.
    by_model = int(((counted["status"] == "model") & ~counted["label"].isin(outside)).sum())
    unlike_slides = (
        domain_shift is not None
        and domain_shift.beyond
        and 100 * by_model > profile.unlike_training_percent * max(1, of)
    )
    reliable = (
        counts.denominator > 0
        and shares["unidentified_percent"] <= profile.unidentified_percent
        and shares["unlike_training_percent"] <= profile.unlike_training_percent
        and not unlike_slides
    )
    return {
        "cells": len(cells),
        "leukocytes": counts.denominator,
        "reviewed": int((cells["status"] == "reviewed").sum()),
        "excluded": counts.excluded,
        "target_count": profile.target_count,
        "target_reached": counts.denominator >= profile.target_count,
        **{name: round(value, 1) for name, value in shares.items()},
        "domain_shift": None if domain_shift is None else domain_shift.to_dict(),
        "unlike_training_slides": unlike_slides,
        "flags": {str(k): int(v) for k, v in flags[flags != ""].value_counts().sort_index().items()},
        "regions": count_by_region(counted[counted_rows(counted, profile).isin(counts.inside)]),
        "reliable": reliable,
    }


def alarms_of(quality: dict[str, Any], profile: Profile) -> tuple[str, ...]:
    """Say why the count is not reliable; nothing when it is."""
    if quality["reliable"]:
        return ()
    if quality["leukocytes"] == 0 and quality["unidentified_percent"] == 0:
        return ("No leukocyte was found: there is no differential to state.",)
    alarms = []
    # The shares are compared unrounded above, so at least one of them is at its limit or beyond.
    if quality["unidentified_percent"] >= profile.unidentified_percent:
        alarms.append(
            f"{quality['unidentified_percent']:.1f} % of the cells could not be identified "
            f"(limit {profile.unidentified_percent:g} %): the count is not reliable."
        )
    if quality["unlike_training_percent"] >= profile.unlike_training_percent:
        alarms.append(
            f"{quality['unlike_training_percent']:.1f} % of the cells look unlike those that the model was trained on "
            f"(limit {profile.unlike_training_percent:g} %): the count is not reliable."
        )
    if quality["unlike_training_slides"]:
        alarms.append(
            "Taken together, the cells look unlike those of every laboratory that the model was trained on "
            f"({quality['domain_shift']['ratio']:.2f} times the limit; nearest: {quality['domain_shift']['nearest']}): "
            "the count is not reliable."
        )
    if quality["leukocytes"] == 0:
        alarms.append("No leukocyte was identified: there is no differential to state.")
    return tuple(alarms)


def _rows(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for record in table.to_dict("records"):
        yield {str(key): value for key, value in record.items()}


def _findings(row: dict[str, Any], counts: Tally, profile: Profile) -> list[_Finding]:
    name, n = str(row["class"]), counts.denominator
    if n == 0 or name == UNIDENTIFIED:
        return []
    entry, title = profile.class_named(name), counts.titles[name]
    if row["in_denominator"]:
        value, stated = row["percent"], f"{row['percent']:.1f} % ({_interval(row, n)})"
    else:
        value, stated = row["per_100_wbc"], f"{row['per_100_wbc']:.1f} per 100 leukocytes"
    found = []
    if not math.isnan(row["reference_low"]) and row["in_denominator"]:
        low, high = row["reference_low"], row["reference_high"]
        interval = f"the reference interval {low:g}–{high:g} %"
        # Cells that were not told apart may belong to this class: it is low only if it stays low with all of them.
        if value + _not_split(name, counts) < low:
            found.append(_Finding("low", low, f"{title}: {stated} is below {interval}"))
        elif value > high:
            found.append(_Finding("high", high, f"{title}: {stated} is above {interval}"))
    if name not in counts.not_split:
        unit = " %" if row["in_denominator"] else ""
        if entry.at_least is not None and value >= entry.at_least:
            limit = entry.at_least
            found.append(_Finding(f">={limit:g}", limit, f"{title}: {stated} is at least {limit:g}{unit}"))
        if entry.above is not None and value > entry.above:
            limit = entry.above
            found.append(_Finding(f">{limit:g}", limit, f"{title}: {stated} is above {limit:g}{unit}"))
    return found


def flagged_limits(row: Mapping[Any, Any]) -> list[float]:
    """Give the limits that the flags of a row of the table are about, percent."""
    ends = {"low": row["reference_low"], "high": row["reference_high"]}
    flags = [flag for flag in str(row["flag"]).split(";") if flag]
    return [float(ends[flag]) if flag in ends else float(flag.lstrip(">=")) for flag in flags]


def is_settled(row: Mapping[Any, Any], limit: float) -> bool:
    """Tell whether a limit lies outside the interval of a row of the table (rows without one are settled)."""
    return not row["ci_low"] < limit < row["ci_high"]


def _not_split(name: str, counts: Tally) -> float:
    coarse = next((row for row, finer in CONTAINS.items() if name in finer and row in counts.inside), None)
    return 100 * counts.counts[coarse] / counts.denominator if coarse is not None else 0.0


def _limits(entry: ProfileClass) -> list[float]:
    limits = [*(entry.reference or ()), entry.at_least, entry.above]
    return sorted({limit for limit in limits if limit is not None})


def _interval(row: dict[str, Any], n: int) -> str:
    return interval_text(row["ci_low"], row["ci_high"], int(row["count"]), n)


def round_up(number: int) -> int:
    """Round up to two digits: the number is an estimate, and a plan for the bench.

    Examples
    --------
    >>> round_up(73), round_up(1234)
    (73, 1300)
    """
    step: int = 10 ** max(0, len(str(number)) - 2)
    return -(-number // step) * step
