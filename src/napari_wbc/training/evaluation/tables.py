"""Rows of figures as Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any


def markdown_table(rows: Sequence[dict[str, Any]]) -> str:
    """Write rows as a Markdown table under the keys of the first one; numbers get three digits.

    Examples
    --------
    >>> print(markdown_table([{"domain": "a", "accuracy": 0.91234}]))
    | domain | accuracy |
    |---|---|
    | a | 0.912 |
    """
    if not rows:
        return ""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(_text(row.get(name, "")) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.3f}"
    return str(value)


def mean_and_spread(values: Sequence[float], digits: int = 3) -> str:
    """Write ``mean ± standard deviation`` of the values, or the one value alone.

    Examples
    --------
    >>> mean_and_spread([0.7, 0.8, 0.9])
    '0.800 ± 0.100'
    """
    n = len(values)
    if not n:
        return "-"
    mean = math.fsum(values) / n
    if n == 1:
        return f"{mean:.{digits}f}"
    spread = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1))
    return f"{mean:.{digits}f} ± {spread:.{digits}f}"


def with_interval(value: float, low: float, high: float, digits: int = 3) -> str:
    """Write ``value (low to high)``.

    Examples
    --------
    >>> with_interval(0.1, -0.02, 0.2, 2)
    '0.10 (-0.02 to 0.20)'
    """
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
