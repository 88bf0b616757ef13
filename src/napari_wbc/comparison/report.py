"""The report of a comparison: one HTML file that holds all it shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_wbc.comparison.charts import difference_plot, scatter
from napari_wbc.comparison.plain_text import between, cells_sentence, number
from napari_wbc.comparison.report_cells import changed_rows, confusion_rows, percent_of, share_row
from napari_wbc.comparison.report_text import method_sentences
from napari_wbc.comparison.same_cells import NOT_FOUND, SameCells
from napari_wbc.differential.exports import output_file
from napari_wbc.differential.pages import Picture, page
from napari_wbc.differential.wording import cells_text, whole_text
from napari_wbc.leukocytes import class_of

if TYPE_CHECKING:
    from napari_wbc.comparison.by_class import ComparedClass, OnSlide
    from napari_wbc.comparison.compare import Comparison
    from napari_wbc.comparison.findings import ComparedFinding

#: At most this many slides on which the counts differ are listed; the CSV has all.
LISTED = 30


def write_report(
    path: str | Path, comparison: Comparison, pictures: Mapping[int, Picture] | None = None
) -> Path:
    """Write ``comparison.html``: everything is inside the file, nothing is loaded from elsewhere.

    Parameters
    ----------
    path : str or Path
        Where to.
    comparison : Comparison
        The figures.
    pictures : mapping of int to numpy.ndarray of uint8, optional
        Of cells that are called differently, from :func:`~napari_wbc.comparison.pictures.changed_pictures`.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    OutputError
        The place cannot be written to.
    """
    html = render_report(comparison, pictures or {})
    with output_file(path) as temporary:
        temporary.write_text(html, encoding="utf-8")
    return Path(path)


def render_report(comparison: Comparison, pictures: Mapping[int, Picture]) -> str:
    """Give the text of the report; parameters are those of :func:`write_report`."""
    a, b = comparison.first, comparison.second
    many = len(comparison.slides) > 1
    asked = comparison.findings if many else ()
    return page(
        "comparison.html.j2",
        package="napari_wbc.comparison",
        heading=f"{a.title} and {b.title}",
        a=a.title,
        b=b.title,
        c=comparison,
        many=many,
        facts=_facts(comparison),
        classes=[_class_row(c) for c in comparison.by_class],
        single=None if many else _single(comparison),
        plots=[_plots(c, comparison) for c in comparison.by_class] if many else [],
        chance=_chance(comparison) if many else None,
        readers=None if comparison.readers is None else _readers(comparison.readers),
        findings=[_finding(f, comparison) for f in asked if not _is_absent(f)],
        absent=[f.title for f in asked if _is_absent(f)],
        open_ended=any(c.line is not None and math.isinf(c.line.slope_high) for c in comparison.by_class),
        confusion=None if comparison.cells is None else confusion_rows(comparison.cells),
        changed=changed_rows(comparison, pictures),
        method=method_sentences(comparison),
        provenance=_provenance(comparison),
    )


def _facts(comparison: Comparison) -> list[tuple[str, str, str]]:
    """Give the figures at the top: what, value, remark."""
    facts = [("Slides", whole_text(len(comparison.slides)), "that both have")]
    cells = comparison.cells
    if cells is not None:
        alike = cells.agreement
        facts.append(("Cells found by both", whole_text(cells.agreement_all.n), _alone(cells)))
        facts.append(
            (
                "Called alike",
                percent_of(alike),
                f"with a class by both; of all {percent_of(cells.agreement_all)}",
            )
        )
        facts.append(("Cohen’s kappa", number(cells.kappa.value), between(cells.kappa.low, cells.kappa.high)))
    if len(comparison.slides) > 1 and comparison.by_class:
        largest = max(comparison.by_class, key=lambda c: abs(c.mean_second - c.mean_first))
        gap = largest.mean_second - largest.mean_first
        facts.append(("Largest mean difference", f"{number(gap, 1)} %", largest.title.lower()))
    apart = sum(len(c.apart) for c in comparison.by_class)
    told = sum(s.counts is not None for c in comparison.by_class for s in c.slides)
    if told:
        facts.append(
            ("Beyond chance", f"{whole_text(apart)} of {whole_text(told)}", "percentages, 95 % limits")
        )
    return facts


def _alone(cells: SameCells) -> str:
    alone = cells.cells
    return f"{int((alone['class_b'] == NOT_FOUND).sum())} and {int((alone['class_a'] == NOT_FOUND).sum())} by one only"


def _class_row(c: ComparedClass) -> dict[str, Any]:
    d, line = c.differences, c.line
    row: dict[str, Any] = {
        "title": c.title,
        "colour": class_of(c.name).colour,
        "a": number(c.mean_first, 1),
        "b": number(c.mean_second, 1),
        "pearson": _coefficient(c.pearson.value, c.pearson.low, c.pearson.high),
        "spearman": _coefficient(c.spearman.value, c.spearman.low, c.spearman.high),
        "lin": _coefficient(c.lin.value, c.lin.low, c.lin.high),
        "bias": ("–", ""),
        "lower": ("–", ""),
        "upper": ("–", ""),
        "slope": ("–", ""),
        "intercept": ("–", ""),
        "linearity": "–",
        "trend": False,
        "one": True,
        "zero": True,
    }
    if d is not None:
        row["bias"] = (number(d.bias, 1), between(d.bias_low, d.bias_high, 1))
        row["lower"] = (number(d.lower, 1), between(d.lower_low, d.lower_high, 1))
        row["upper"] = (number(d.upper, 1), between(d.upper_low, d.upper_high, 1))
        row["trend"] = d.trend > 0 and d.trend_p < 0.05
    if line is not None:
        row["slope"] = (number(line.slope), between(line.slope_low, line.slope_high))
        row["intercept"] = (number(line.intercept, 1), between(line.intercept_low, line.intercept_high, 1))
        row["linearity"] = _p_text(line.linearity_p)
        row["one"] = line.slope_low <= 1 <= line.slope_high
        row["zero"] = line.intercept_low <= 0 <= line.intercept_high
    return row


def _coefficient(value: float, low: float, high: float) -> tuple[str, str]:
    return number(value), "" if math.isnan(low) else between(low, high)


def _p_text(p: float) -> str:
    return "–" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def _count_row(s: OnSlide, title: str, name: str) -> dict[str, Any]:
    k = s.counts
    row = {"title": title, "slide": name, "a": f"{s.first:.1f}", "b": f"{s.second:.1f}"}
    if k is None:
        unknown = dict.fromkeys(("n_a", "n_b", "range_a", "range_b", "gap_range", "limits", "p"), "")
        return {**row, **unknown, "gap": number(s.second - s.first, 1), "agree": True}
    return {
        **row,
        "n_a": f"{k.first} of {k.n_first}",
        "n_b": f"{k.second} of {k.n_second}",
        "range_a": between(*k.range_first, 1),
        "range_b": between(*k.range_second, 1),
        "gap": number(k.difference, 1),
        "gap_range": between(k.low, k.high, 1),
        "limits": f"{k.limits[0]} to {k.limits[1]}",
        "p": _p_text(k.p),
        "agree": k.agree,
    }


def _single(comparison: Comparison) -> list[dict[str, Any]]:
    """Give the classes of the only slide."""
    return [
        {**_count_row(c.slides[0], c.title, ""), "colour": class_of(c.name).colour}
        for c in comparison.by_class
    ]


def _plots(c: ComparedClass, comparison: Comparison) -> dict[str, Any]:
    titles = (comparison.first.title, comparison.second.title)
    colour = class_of(c.name).colour
    return {
        "title": c.title,
        "colour": colour,
        "scatter": scatter(c, titles, comparison.slide_name, colour),
        "differences": difference_plot(c, titles, comparison.slide_name, colour),
    }


def _chance(comparison: Comparison) -> dict[str, Any] | None:
    """Give the counts against the limits of chance; None where one side did not count cells."""
    told = [c for c in comparison.by_class if c.dispersion is not None]
    if not told:
        return None
    rows = []
    for c in told:
        d = c.dispersion
        assert d is not None
        rows.append(
            {
                "title": c.title,
                "colour": class_of(c.name).colour,
                "apart": f"{len(c.apart)} of {sum(s.counts is not None for s in c.slides)}",
                "expected": number(d.expected_sd, 1),
                "observed": number(d.observed_sd, 1),
                "ratio": number(d.ratio),
                "p": _p_text(d.p),
                "more": d.p < 0.05,
            }
        )
    apart = [(s, c.title) for c in told for s in c.apart]
    # The clearest first.
    apart.sort(key=lambda item: item[0].counts.p if item[0].counts is not None else 1.0)
    listed = [_count_row(s, title, comparison.slide_name(s.slide)) for s, title in apart[:LISTED]]
    return {"rows": rows, "apart": listed, "left_out": max(0, len(apart) - LISTED)}


def _readers(readers: Comparison) -> dict[str, Any]:
    """Give the session of the two readers."""
    slides: dict[str, dict[str, Any]] = {}
    for c in readers.by_class:
        for s in c.slides:
            k = s.counts
            if k is None:
                continue
            entry = slides.setdefault(
                s.slide, {"name": readers.slide_name(s.slide), "n": (k.n_first, k.n_second), "apart": []}
            )
            if not k.agree:
                entry["apart"].append(
                    f"{c.title.lower()} {k.first} and {k.second} (limits {k.limits[0]} to {k.limits[1]})"
                )
    return {
        "a": readers.first.title,
        "b": readers.second.title,
        "slides": list(slides.values()),
        "chance": _chance(readers),
        "cells": cells_sentence(readers),
    }


def _is_absent(f: ComparedFinding) -> bool:
    return f.table.both == f.table.only_first == f.table.only_second == 0


def _finding(f: ComparedFinding, comparison: Comparison) -> dict[str, Any]:
    t = f.table
    return {
        "title": f.title,
        "cells": (t.both, t.only_first, t.only_second, t.neither),
        "ppa": share_row(t.ppa),
        "npa": share_row(t.npa),
        "overall": share_row(t.overall),
        "kappa": number(t.kappa.value),
        "differing": [comparison.slide_name(key) for key in f.differing],
    }


def _provenance(comparison: Comparison) -> Sequence[tuple[str, str, bool]]:
    from napari_wbc.version import __version__

    rows = [("Program", f"napari-wbc {__version__}", False)]
    for letter, side in (("A", comparison.first), ("B", comparison.second)):
        rows.append(
            (f"{letter}: {side.title}", f"{side.source}, {cells_text(len(side.slides), 'slide')}", False)
        )
        if side.model_sha256:
            rows.append((f"{letter}: model", side.model_sha256, True))
    rows.append(("Profile", comparison.profile.title, False))
    if comparison.cells is not None:
        rows.append(
            ("Same cell", f"nearest, one to one, at most {comparison.tolerance_um:g} µm apart", False)
        )
    return rows
