"""The differential count: from the cell table to shares with their intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from napari_wbc.cell_table import REGION, probability_columns
from napari_wbc.confusion import Confusion
from napari_wbc.differential import RESEARCH_USE
from napari_wbc.differential.advice import (
    CountMore,
    advice_of,
    alarms_of,
    count_more_of,
    flags_of_rows,
    quality_of,
    sentences_of,
)
from napari_wbc.differential.intervals import METHODS, IntervalMethod
from napari_wbc.differential.profile import Profile, load_profile
from napari_wbc.differential.propagation import (
    REPLICATES,
    SEED,
    Evidence,
    Propagated,
    evidence_of,
    propagate,
)
from napari_wbc.differential.ratios import Ratio, ratio_of
from napari_wbc.differential.rows import (
    CONFIDENCE,
    Share,
    corrected_wbc,
    per_100_of,
    table_of,
    with_unidentified_of,
    worst_case_of,
)
from napari_wbc.differential.smear_quality import region_sentence
from napari_wbc.differential.tally import tally
from napari_wbc.differential.wording import cells_text
from napari_wbc.domain_shift import DomainShift
from napari_wbc.errors import InputError
from napari_wbc.leukocytes import UNIDENTIFIED

SCHEMA_VERSION = 1


@dataclass(frozen=True, eq=False)
class Differential:
    """The differential count of a slide.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per class, columns as in ``COLUMNS``. The percentages of the rows in the denominator sum to exactly
        100; NaN where a number has no meaning.
    denominator : int
        Leukocytes counted.
    unidentified, excluded : int
        Cells without a class, and cells that a person took out.
    outside : dict of str to int
        Cells that are no leukocytes, by class.
    per_100 : dict of str to float
        Erythroblasts and smudge cells per 100 leukocytes.
    per_100_intervals : dict of str to tuple of float
        Their intervals.
    parts : dict of str to dict of str to int
        What merged rows are made of.
    with_unidentified : dict of str to float
        Percentages with the unidentified cells in the denominator; they sum to exactly 100.
    worst_case : Share or None
        The share of blasts if every unidentified cell were one; None without cells.
    flags, advice, alarms : tuple of str
        Sentences: what the profile points out; whether to count more; why the count is not reliable.
    count_more : tuple of CountMore
        Limits that lie within an interval.
    quality : dict
        Figures behind the alarms.
    not_recognised : tuple of str
        Classes of the profile that the model cannot give; there is no zero for what was not looked for.
    profile : Profile
        Of the laboratory.
    interval_method : str
        ``wilson`` or ``clopper_pearson``.
    wbc_per_l, wbc_corrected_per_l : float or None
        The given WBC count, and the one without erythroblasts, which the absolute counts are made of.
    evidence : Evidence
        What is known of the class of each cell: labels, probabilities, what a person settled.
    confusion : Confusion or None
        What the model makes of cells whose class is known.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_wbc.differential.count import differential
    >>> counted = differential(pd.DataFrame({"label": ["lymphocyte"] * 3 + ["monocyte"]}))
    >>> table = counted.table.set_index("class")
    >>> counted.denominator, table.loc["lymphocyte", ["count", "percent", "ci_low", "ci_high"]].tolist()
    (4, [3.0, 75.0, 30.1, 95.4])
    """

    table: pd.DataFrame
    denominator: int
    unidentified: int
    excluded: int
    outside: Mapping[str, int]
    per_100: Mapping[str, float]
    per_100_intervals: Mapping[str, tuple[float, float]]
    parts: Mapping[str, Mapping[str, int]]
    with_unidentified: Mapping[str, float]
    worst_case: Share | None
    flags: tuple[str, ...]
    advice: tuple[str, ...]
    alarms: tuple[str, ...]
    count_more: tuple[CountMore, ...]
    quality: Mapping[str, Any]
    not_recognised: tuple[str, ...]
    profile: Profile
    interval_method: IntervalMethod
    wbc_per_l: float | None = None
    wbc_corrected_per_l: float | None = None
    titles: Mapping[str, str] = field(default_factory=dict)
    evidence: Evidence = field(default_factory=lambda: Evidence({}, {}, {}), repr=False)
    confusion: Confusion | None = field(default=None, repr=False)

    @cached_property
    def propagated(self) -> Propagated:
        """Intervals with the errors of the model beside sampling; computed when first asked for (0.2 s)."""
        inside = self.table[self.table["in_denominator"] == 1]
        sampling = {
            str(name): (float(low), float(high))
            for name, low, high in inside[["class", "ci_low", "ci_high"]].itertuples(index=False)
            if not math.isnan(low)
        }
        return propagate(self.evidence, self.profile, sampling, self.confusion)

    @cached_property
    def ratios(self) -> tuple[Ratio, ...]:
        """Ratios of the profile with their intervals; those whose classes the slide does not show are left out."""
        found = (ratio_of(wanted, self.evidence, self.propagated) for wanted in self.profile.ratios)
        return tuple(ratio for ratio in found if ratio.above or ratio.below)

    @property
    def profile_name(self) -> str:
        """Name of the profile."""
        return self.profile.name

    @property
    def summary(self) -> str:
        """One sentence: how many leukocytes were counted, or that there were none."""
        if self.denominator == 0:
            return f"No {self.profile.noun} was counted, so there is no differential."
        return (
            f"{cells_text(self.denominator, self.profile.noun)} counted (target {self.profile.target_count})."
        )

    @property
    def smear_quality(self) -> str:
        """One sentence: on what kind of smear the leukocytes lie; empty where that was not measured."""
        return region_sentence(self.quality["regions"])

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values, ready for JSON (None where a number has no meaning)."""
        rows = []
        for record in self.table.to_dict("records"):
            name = str(record["class"])
            row: dict[str, Any] = {str(key): _plain(value) for key, value in record.items()}
            row["title"] = self.titles[name]
            row["loinc"] = dict(self.profile.class_named(name).loinc)
            if name in self.parts:
                row["merged"] = dict(self.parts[name])
            if name in self.propagated.intervals:
                row["propagated"] = self._propagated_row(name)
            rows.append(row)
        worst, propagated = self.worst_case, self.propagated
        return {
            "schema_version": SCHEMA_VERSION,
            "research_use": RESEARCH_USE,
            "profile": self.profile.name,
            "target_count": self.profile.target_count,
            "interval": {"method": self.interval_method, "confidence": CONFIDENCE, "covers": "sampling"},
            "propagation": {
                "method": "bootstrap",
                "replicates": REPLICATES,
                "seed": SEED,
                "covers": ["sampling", *propagated.sources],
                "laboratories": list(propagated.laboratories),
                "note": propagated.note,
            },
            "ratios": [ratio.to_dict() for ratio in self.ratios],
            "denominator": self.denominator,
            "unidentified": self.unidentified,
            "excluded": self.excluded,
            "outside": dict(self.outside),
            "rows": rows,
            "per_100_wbc": {
                name: {"value": _plain(value), "ci_low": _plain(low), "ci_high": _plain(high)}
                for name, value in self.per_100.items()
                for low, high in [self.per_100_intervals[name]]
            },
            "with_unidentified": {name: _plain(value) for name, value in self.with_unidentified.items()},
            "worst_case": None
            if worst is None
            else {
                "assumption": "every unidentified cell is a blast",
                "class": "blast",
                "count": worst.count,
                "denominator": worst.n,
                "percent": worst.percent,
                "ci_low": worst.ci_low,
                "ci_high": worst.ci_high,
            },
            "wbc": {
                "given_per_l": self.wbc_per_l,
                "corrected_per_l": self.wbc_corrected_per_l,
                "loinc": self.profile.wbc_loinc,
            },
            "flags": list(self.flags),
            "advice": list(self.advice),
            "count_more": [
                {"class": c.name, "limit_percent": c.limit, "more_cells": c.more_cells}
                for c in self.count_more
            ],
            "quality": {key: _plain(value) for key, value in self.quality.items()},
            "alarms": list(self.alarms),
            "not_recognised": list(self.not_recognised),
            "loinc_notice": self.profile.loinc_notice,
        }

    def _propagated_row(self, name: str) -> dict[str, Any]:
        propagated = self.propagated
        low, high = propagated.intervals[name]
        row: dict[str, Any] = {"ci_low": low, "ci_high": high}
        for source, limits in (
            ("by_probabilities", propagated.by_probabilities),
            ("by_confusion", propagated.by_confusion),
        ):
            row[source] = list(limits[name]) if name in limits else None
        return row

    def to_text(self) -> str:
        """Give the differential as a plain table for a terminal or the clipboard."""
        from napari_wbc.differential.plain_text import plain_text

        return plain_text(self)


def differential(
    cells: pd.DataFrame,
    profile: Profile | None = None,
    *,
    interval: IntervalMethod | None = None,
    wbc_per_l: float | None = None,
    wbc_corrected: bool = False,
    domain_shift: DomainShift | None = None,
    before_review: pd.DataFrame | None = None,
    confusion: Confusion | None = None,
) -> Differential:
    """Count a cell table.

    Parameters
    ----------
    cells : pandas.DataFrame
        The cell table; of its columns ``label`` must be there, and ``model_label``, ``status``, ``flags`` and the
        ``p_<class>`` columns are used where they are.
    profile : Profile, optional
        Of the laboratory; without it, adult peripheral blood.
    interval : {"wilson", "clopper_pearson"}, optional
        Method of the intervals; without it, that of the profile.
    wbc_per_l : float, optional
        WBC count of the blood, cells per litre (7.2e9, not 7.2): gives absolute counts.
    wbc_corrected : bool, optional
        The analyser has taken the erythroblasts out of the WBC count already.
    domain_shift : DomainShift, optional
        How far the slide lies from those that the model was trained on; beyond its limit the count is not reliable.
    before_review : pandas.DataFrame, optional
        The cell table before a person corrected it, for ``count_before_review``; else ``model_label`` stands for it.
    confusion : Confusion, optional
        What the model makes of cells whose class is known, for intervals that hold its errors.

    Returns
    -------
    Differential
        Without any cell, too: every number is then 0 or NaN.

    Raises
    ------
    InputError
        The table has no labels, or the WBC count cannot be meant.
    ValueError
        ``interval`` is no method.

    Examples
    --------
    >>> import pandas as pd
    >>> blood = pd.DataFrame({"label": ["neutrophil_segmented"] * 120 + ["lymphocyte"] * 60 + ["erythroblast"] * 20})
    >>> result = differential(blood)
    >>> result.table["percent"].tolist()[:2], result.per_100["erythroblast"]
    ([66.7, 33.3], 11.1)
    """
    _check_wbc(wbc_per_l)
    profile = load_profile(None) if profile is None else profile
    interval = profile.interval if interval is None else interval
    if interval not in METHODS:
        raise ValueError(f"interval is {interval!r}; it must be one of {', '.join(METHODS)}")
    cells = _with_defaults(cells)
    counts = tally(cells, profile, None if before_review is None else _with_defaults(before_review))
    per_100, per_100_intervals = per_100_of(counts, interval)
    corrected = corrected_wbc(wbc_per_l, per_100.get("erythroblast", 0.0), profile, already=wbc_corrected)
    table = table_of(counts, profile, interval, per_100, corrected)
    table["flag"] = flags_of_rows(table, counts, profile)
    quality = quality_of(cells, counts, profile, domain_shift)
    count_more = count_more_of(table, counts, profile, interval)
    return Differential(
        table=table,
        denominator=counts.denominator,
        unidentified=counts.counts.get(UNIDENTIFIED, 0),
        excluded=counts.excluded,
        outside={name: counts.counts[name] for name in counts.outside if name != UNIDENTIFIED},
        per_100=per_100,
        per_100_intervals=per_100_intervals,
        parts=counts.parts,
        with_unidentified=with_unidentified_of(counts),
        worst_case=worst_case_of(counts, interval),
        flags=sentences_of(table, counts, profile),
        advice=advice_of(counts.denominator, count_more, profile),
        alarms=alarms_of(quality, profile),
        count_more=count_more,
        quality=quality,
        not_recognised=counts.not_recognised,
        profile=profile,
        interval_method=interval,
        wbc_per_l=wbc_per_l,
        wbc_corrected_per_l=corrected,
        titles=counts.titles,
        evidence=evidence_of(cells, profile),
        confusion=confusion,
    )


def _with_defaults(cells: pd.DataFrame) -> pd.DataFrame:
    if "label" not in cells.columns:
        raise InputError("the cell table has no column label, so there is nothing to count")
    kept = [*probability_columns(cells), *(name for name in REGION if name in cells.columns)]
    table = cells[["label", *kept]].reset_index(drop=True)
    for name, default in (("model_label", cells["label"]), ("status", "model"), ("flags", "")):
        source = cells[name] if name in cells.columns else default
        table[name] = source.to_numpy() if isinstance(source, pd.Series) else source
    for name, default in (("label", UNIDENTIFIED), ("model_label", UNIDENTIFIED), ("flags", "")):
        texts = table[name].astype(object)
        table[name] = texts.where(texts.notna() & (texts != ""), default).astype(str)
    return table


def _check_wbc(wbc_per_l: float | None) -> None:
    if wbc_per_l is None:
        return
    if not (math.isfinite(wbc_per_l) and 1e7 <= wbc_per_l <= 1e13):
        hint = f" (did you mean {wbc_per_l:g}e9?)" if 0 < wbc_per_l < 10_000 else ""
        raise InputError(
            f"the WBC count is {wbc_per_l:g} cells per litre; it must lie between 1e7 and 1e13{hint}"
        )


def _plain(value: Any) -> Any:
    """Turn NumPy values into Python's and NaN into None."""
    if isinstance(value, str | bool | None):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    number = value.item() if hasattr(value, "item") else value
    return None if isinstance(number, float) and math.isnan(number) else number
