"""The main figures of a comparison as text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari_wbc.differential import RESEARCH_USE
from napari_wbc.differential.wording import cells_text, whole_text

if TYPE_CHECKING:
    from napari_wbc.comparison.compare import Comparison


def number(value: float | None, digits: int = 2) -> str:
    """Write a number, or a dash where there is none.

    Examples
    --------
    >>> number(0.951), number(float("nan")), number(-1.25, 1)
    ('0.95', '–', '−1.2')
    """
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:.{digits}f}"
    # No minus before a zero.
    return (text.removeprefix("-") if float(text) == 0 else text).replace("-", "−")


def between(low: float, high: float, digits: int = 2) -> str:
    """Write an interval; an open end is said to be open.

    Examples
    --------
    >>> between(0.9, 1.1), between(-float("inf"), 2.0), between(float("nan"), float("nan"))
    ('0.90 to 1.10', 'open to 2.00', '–')
    """
    if math.isnan(low) or math.isnan(high):
        return "–"
    ends = [number(end, digits) if math.isfinite(end) else "open" for end in (low, high)]
    return " to ".join(ends)


def plain_text(comparison: Comparison) -> str:
    """Give the main figures of a comparison as a plain table."""
    a, b = comparison.first.title, comparison.second.title
    lines = [f"A  {a}", f"B  {b}", cells_text(len(comparison.slides), "slide") + " in common", ""]
    if comparison.by_class:
        many = len(comparison.by_class[0].slides) > 1
        heading = (
            ["Class", "A %", "B %", "B − A", "95 % limits", "slope", "r", "Lin"]
            if many
            else ["Class", "A %", "B %", "B − A", "95 % interval"]
        )
        rows = [heading]
        for c in comparison.by_class:
            row = [
                c.title,
                number(c.mean_first, 1),
                number(c.mean_second, 1),
                number(c.mean_second - c.mean_first, 1),
            ]
            if many:
                d, line = c.differences, c.line
                row += [
                    "–" if d is None else between(d.lower, d.upper, 1),
                    "–" if line is None else number(line.slope),
                    number(c.pearson.value),
                    number(c.lin.value),
                ]
            else:
                counts = c.slides[0].counts
                row.append("–" if counts is None else between(counts.low, counts.high, 1))
            rows.append(row)
        widths = [max(len(row[i]) for row in rows) for i in range(len(heading))]
        lines += [
            "  ".join(
                [row[0].ljust(widths[0]), *(t.rjust(w) for t, w in zip(row[1:], widths[1:], strict=True))]
            )
            for row in rows
        ]
        lines.append("")
    sentence = cells_sentence(comparison)
    lines += [f"Cells: {sentence}"] if sentence else []
    lines += [*comparison.notes, RESEARCH_USE]
    return "\n".join(lines)


def cells_sentence(comparison: Comparison) -> str:
    """Say how the cells that both found agree; empty where none were matched."""
    cells = comparison.cells
    if cells is None or not cells.agreement_all.n:
        return ""
    found = f"{cells_text(cells.agreement_all.n)} found by both"
    if not cells.agreement.n:
        return f"{found}, none with a class by both"
    alike, kappa = cells.agreement, cells.kappa
    return (
        f"{found}, {whole_text(alike.count)} of {whole_text(alike.n)} with a class by both called alike "
        f"({100 * alike.value:.1f} %); kappa {number(kappa.value)} ({between(kappa.low, kappa.high)})"
    )
