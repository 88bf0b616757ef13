"""The rows of a differential: percentages, intervals, absolute counts, and what stands beside the leukocytes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from napari_wbc.differential.intervals import largest_remainder, share_interval
from napari_wbc.differential.profile import Profile
from napari_wbc.differential.tally import Tally
from napari_wbc.leukocytes import UNIDENTIFIED

CONFIDENCE = 0.95

#: Columns of differential.csv in their order.
COLUMNS = (
    "class",
    "count",
    "percent",
    "ci_low",
    "ci_high",
    "in_denominator",
    "per_100_wbc",
    "absolute_per_l",
    "reference_low",
    "reference_high",
    "flag",
    "count_before_review",
)


@dataclass(frozen=True, slots=True)
class Share:
    """A share of the cells with its interval, percent.

    Attributes
    ----------
    count, n : int
        Cells of the class, and in all.
    percent, ci_low, ci_high : float
        At one decimal.
    """

    count: int
    n: int
    percent: float
    ci_low: float
    ci_high: float


def per_100_of(counts: Tally, method: str) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Give what stands beside every 100 leukocytes; the interval is that of its share among both, as odds."""
    values: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    for name in counts.per_100_rows:
        number, both = counts.counts[name], counts.counts[name] + counts.denominator
        if counts.denominator == 0:
            values[name], intervals[name] = math.nan, (math.nan, math.nan)
            continue
        low, high = share_interval(number, both, method, CONFIDENCE)
        values[name] = round(100 * number / counts.denominator, 1)
        intervals[name] = round(100 * low / (1 - low), 1), round(100 * high / (1 - high), 1)
    return values, intervals


def corrected_wbc(
    wbc_per_l: float | None, nrbc_per_100: float, profile: Profile, *, already: bool
) -> float | None:
    """Give the WBC count without erythroblasts, which many analysers take for leukocytes.

    Parameters
    ----------
    wbc_per_l : float or None
        As given, cells per litre.
    nrbc_per_100 : float
        Erythroblasts per 100 leukocytes.
    profile : Profile
        Says from how many on the count is corrected.
    already : bool
        The analyser has corrected it.

    Returns
    -------
    float or None
        ``WBC * 100 / (100 + NRBC)``, or the count as given.

    Examples
    --------
    >>> from napari_wbc.differential.profile import load_profile
    >>> corrected_wbc(12e9, 25.0, load_profile(None), already=False)
    9600000000.0
    """
    if wbc_per_l is None:
        return None
    start = profile.nrbc_correction_from
    if already or start is None or math.isnan(nrbc_per_100) or nrbc_per_100 < start or nrbc_per_100 == 0:
        return wbc_per_l
    return wbc_per_l * 100 / (100 + nrbc_per_100)


def table_of(
    counts: Tally, profile: Profile, method: str, per_100: Mapping[str, float], wbc_per_l: float | None
) -> pd.DataFrame:
    """Make the table of a differential, columns as in ``COLUMNS``, without its flags.

    Parameters
    ----------
    counts : Tally
        Of the cells.
    profile : Profile
        Of the laboratory.
    method : str
        Of the intervals.
    per_100 : dict of str to float
        Of the rows beside the denominator.
    wbc_per_l : float or None
        What the absolute counts are made of.
    """
    n = counts.denominator
    percents = dict(
        zip(counts.inside, largest_remainder([counts.counts[r] for r in counts.inside]), strict=True)
    )
    records = []
    for name in (*counts.inside, *counts.outside):
        count, inside = counts.counts[name], name in percents
        low = high = math.nan
        if inside and n:
            low, high = (round(100 * limit, 1) for limit in share_interval(count, n, method, CONFIDENCE))
        absolute = math.nan
        if wbc_per_l is not None and n and (inside or name in per_100):
            # 0.01 x 10^9 per litre is the last digit that an analyser gives.
            absolute = round(wbc_per_l * count / n / 1e7) * 1e7
        entry = profile.class_named(name)
        # Cells that were not told apart are only a part of their class: its interval does not apply to them.
        reference = (name not in counts.not_split and entry.reference) or (math.nan, math.nan)
        records.append(
            (
                name,
                count,
                percents.get(name, math.nan),
                low,
                high,
                int(inside),
                per_100.get(name, math.nan),
                absolute,
                *reference,
                "",
                counts.before[name],
            )
        )
    return pd.DataFrame.from_records(records, columns=list(COLUMNS))


def with_unidentified_of(counts: Tally) -> dict[str, float]:
    """Give the percentages with the unidentified cells in the denominator."""
    names = [*counts.inside, UNIDENTIFIED]
    return dict(zip(names, largest_remainder([counts.counts[name] for name in names]), strict=True))


def worst_case_of(counts: Tally, method: str) -> Share | None:
    """Give the share of blasts if every unidentified cell were one; None without cells."""
    unidentified = counts.counts[UNIDENTIFIED]
    n = counts.denominator + unidentified
    if n == 0:
        return None
    blasts = counts.counts.get("blast", 0) + unidentified
    low, high = share_interval(blasts, n, method, CONFIDENCE)
    return Share(blasts, n, round(100 * blasts / n, 1), round(100 * low, 1), round(100 * high, 1))
