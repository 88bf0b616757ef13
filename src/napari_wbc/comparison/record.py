"""A comparison as files for other programs: JSON with everything, CSV by class, by slide and by cell."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from napari_wbc.cell_table import spreadsheet_safe
from napari_wbc.differential import RESEARCH_USE
from napari_wbc.differential.exports import output_file
from napari_wbc.version import __version__

if TYPE_CHECKING:
    from napari_wbc.comparison.by_class import ComparedClass
    from napari_wbc.comparison.compare import Comparison
    from napari_wbc.comparison.same_cells import SameCells
    from napari_wbc.comparison.sides import Side

SCHEMA_VERSION = 1


def to_dict(comparison: Comparison) -> dict[str, Any]:
    """Give a comparison as plain values, ready for JSON (None where a number has no meaning)."""
    return {
        "schema_version": SCHEMA_VERSION,
        "program": "napari-wbc",
        "version": __version__,
        "research_use": RESEARCH_USE,
        "profile": comparison.profile.name,
        "first": _side(comparison.first),
        "second": _side(comparison.second),
        "slides": [comparison.slide_name(key) for key, _ in comparison.slides],
        "missing_in_first": list(comparison.missing_first),
        "missing_in_second": list(comparison.missing_second),
        "only_in_first": list(comparison.classes.only_first),
        "only_in_second": list(comparison.classes.only_second),
        "classes": [_class(c, comparison) for c in comparison.by_class],
        "findings": [
            {
                "title": f.title,
                **_plain(f.table),
                "differing": [comparison.slide_name(key) for key in f.differing],
            }
            for f in comparison.findings
        ],
        "cells": None if comparison.cells is None else _cells(comparison.cells, comparison.tolerance_um),
        "readers": None if comparison.readers is None else to_dict(comparison.readers),
        "notes": list(comparison.notes),
    }


def write_json(comparison: Comparison, path: str | Path) -> Path:
    """Write ``comparison.json``.

    Raises
    ------
    OutputError
        The place cannot be written to.
    """
    text = json.dumps(to_dict(comparison), indent=2, ensure_ascii=False, allow_nan=False)
    with output_file(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return Path(path)


def class_table(comparison: Comparison) -> pd.DataFrame:
    """Give the figures of every class, one row each; percentages, NaN where a figure has no meaning."""
    rows = []
    for c in comparison.by_class:
        row: dict[str, Any] = {
            "class": c.name,
            "slides": len(c.slides),
            "mean_a": c.mean_first,
            "mean_b": c.mean_second,
        }
        for prefix, part, names in (
            ("", c.differences, _DIFFERENCES),
            ("passing_bablok_", c.line, _LINE),
            ("counts_", c.dispersion, _DISPERSION),
        ):
            row |= {f"{prefix}{name}": math.nan if part is None else getattr(part, name) for name in names}
        for name in ("pearson", "spearman", "lin"):
            found = getattr(c, name)
            row |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
        rows.append({**row, "counts_apart": len(c.apart)})
    return pd.DataFrame(rows)


_DIFFERENCES = (
    *("bias", "bias_low", "bias_high", "sd", "lower", "lower_low", "lower_high"),
    *("upper", "upper_low", "upper_high", "trend", "trend_p"),
)
_LINE = (
    *("slope", "slope_low", "slope_high", "intercept", "intercept_low", "intercept_high"),
    *("linearity", "linearity_p"),
)
_DISPERSION = ("slides", "expected_sd", "observed_sd", "ratio", "p")


def slide_table(comparison: Comparison) -> pd.DataFrame:
    """Give both percentages of every class on every slide, with counts, intervals and the limits of chance."""
    counts = ("count_a", "n_a", "count_b", "n_b")
    ranges = ("low_a", "high_a", "low_b", "high_b")
    limits = ("limit_low_b", "limit_high_b")
    rows = []
    for c in comparison.by_class:
        for s in c.slides:
            row: dict[str, Any] = {
                "slide": comparison.slide_name(s.slide),
                "class": c.name,
                "percent_a": s.first,
                "percent_b": s.second,
            }
            if (k := s.counts) is not None:
                row |= dict(zip(counts, (k.first, k.n_first, k.second, k.n_second), strict=True))
                row |= dict(zip(ranges, (*k.range_first, *k.range_second), strict=True))
                row |= dict(zip(limits, k.limits, strict=True))
                row |= {"p": k.p, "agree": int(k.agree)}
            rows.append(row)
    columns = ["slide", "class", "percent_a", "percent_b", *counts, *ranges, *limits, "p", "agree"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys((*counts, *limits, "agree"), "Int64"))


def cell_table(comparison: Comparison) -> pd.DataFrame | None:
    """Give the matched cells, one row each; None where there are none."""
    if comparison.cells is None:
        return None
    cells = comparison.cells.cells
    return cells.assign(slide=cells["slide"].map(comparison.cell_slide_name))


def write_tables(comparison: Comparison, folder: Path) -> list[Path]:
    """Write ``comparison.csv``, ``comparison_slides.csv`` and, with matched cells, ``comparison_cells.csv``.

    Raises
    ------
    OutputError
        The place cannot be written to.
    """
    tables = {
        "comparison.csv": class_table(comparison),
        "comparison_slides.csv": slide_table(comparison),
        "comparison_cells.csv": cell_table(comparison),
    }
    written = []
    for name, table in tables.items():
        if table is None:
            continue
        for column in ("slide", "class", "label_a", "label_b", "class_a", "class_b"):
            if column in table.columns:
                table[column] = table[column].map(spreadsheet_safe)
        with output_file(folder / name) as temporary:
            table.to_csv(temporary, index=False, lineterminator="\n", float_format="%.6g")
        written.append(folder / name)
    return written


def _side(side: Side) -> dict[str, Any]:
    return {
        "title": side.title,
        "source": side.source,
        "slides": len(side.slides),
        "classes": sorted(side.known),
        "model_sha256": side.model_sha256 or None,
    }


def _class(compared: ComparedClass, comparison: Comparison) -> dict[str, Any]:
    stated = {
        name: _plain(getattr(compared, name))
        for name in ("differences", "line", "pearson", "spearman", "lin", "dispersion")
    }
    return {
        "class": compared.name,
        "title": compared.title,
        "mean_first": compared.mean_first,
        "mean_second": compared.mean_second,
        **stated,
        "slides": [
            {
                "slide": comparison.slide_name(s.slide),
                "first": s.first,
                "second": s.second,
                "counts": _plain(s.counts),
            }
            for s in compared.slides
        ],
    }


def _cells(cells: SameCells, tolerance_um: float) -> dict[str, Any]:
    return {
        "tolerance_um": tolerance_um,
        "names": [*cells.names, "unidentified", "not_found"],
        "counts": cells.counts.tolist(),
        "agreement": _plain(cells.agreement),
        "agreement_all": _plain(cells.agreement_all),
        "kappa": _plain(cells.kappa),
        "weighted_kappa": _plain(cells.weighted_kappa),
        "by_class": {
            name: {"of_first": _plain(first), "of_second": _plain(second)}
            for name, (first, second) in cells.by_class.items()
        },
    }


def _plain(value: Any) -> Any:
    """Give a value as JSON knows it."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
