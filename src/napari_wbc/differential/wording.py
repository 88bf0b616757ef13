"""How numbers of the differential are written for people; table, terminal and report share it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_wbc.differential.ratios import Ratio


def percent_text(percent: float) -> str:
    """Write a percentage with its one decimal, or a dash where there is none.

    Examples
    --------
    >>> percent_text(66.7), percent_text(float("nan"))
    ('66.7', '–')
    """
    return "–" if math.isnan(percent) else f"{percent:.1f}"


def interval_text(low: float, high: float, count: int, n: int) -> str:
    """Write an interval in percent; none and all of the cells are bounds.

    Examples
    --------
    >>> interval_text(2.7, 9.0, 10, 200), interval_text(0.0, 1.9, 0, 200), interval_text(98.1, 100.0, 200, 200)
    ('2.7–9.0', '≤ 1.9', '≥ 98.1')
    """
    if math.isnan(low) or math.isnan(high):
        return "–"
    if count == 0:
        return f"≤ {high:.1f}"
    if count == n:
        return f"≥ {low:.1f}"
    return f"{low:.1f}–{high:.1f}"


def propagated_text(low: float, high: float) -> str:
    """Write an interval with the errors of the model; what begins at 0 or ends at 100 is a bound.

    Examples
    --------
    >>> propagated_text(2.7, 9.0), propagated_text(0.0, 1.9), propagated_text(91.0, 100.0)
    ('2.7–9.0', '≤ 1.9', '≥ 91.0')
    """
    return interval_text(low, high, 0 if low <= 0 else 2 if high >= 100 else 1, 2)


def ratio_text(ratio: Ratio) -> str:
    """Write a ratio with its intervals.

    Examples
    --------
    >>> from napari_wbc.differential.ratios import Ratio
    >>> ratio_text(Ratio("nlr", "Neutrophils to lymphocytes", 120, 60, 2.0, 1.47, 2.76, 1.2, float("inf")))
    'Neutrophils to lymphocytes: 2.00 (120:60; 95 % interval 1.47–2.76, with errors of the model ≥ 1.20)'
    """
    cells = f"{ratio.above}:{ratio.below}"
    if math.isnan(ratio.value):
        return f"{ratio.title}: no ratio ({cells})"
    intervals = f"95 % interval {ratio_interval_text(ratio.ci_low, ratio.ci_high)}"
    if (ratio.propagated_low, ratio.propagated_high) != (ratio.ci_low, ratio.ci_high):
        both = ratio_interval_text(ratio.propagated_low, ratio.propagated_high)
        intervals += f", with errors of the model {both}"
    return f"{ratio.title}: {ratio.value:.2f} ({cells}; {intervals})"


def ratio_interval_text(low: float, high: float) -> str:
    """Write the interval of a ratio; without an upper limit it is a bound.

    Examples
    --------
    >>> ratio_interval_text(1.47, 2.76), ratio_interval_text(1.2, float("inf"))
    ('1.47–2.76', '≥ 1.20')
    """
    return f"≥ {low:.2f}" if math.isinf(high) else f"{low:.2f}–{high:.2f}"


def range_text(low: float, high: float) -> str:
    """Write a reference interval.

    Examples
    --------
    >>> range_text(45.0, 79.0), range_text(float("nan"), float("nan"))
    ('45–79', '')
    """
    return "" if math.isnan(low) or math.isnan(high) else f"{low:g}–{high:g}"


def per_litre_text(per_l: float) -> str:
    """Write cells per litre in 10⁹/L.

    Examples
    --------
    >>> per_litre_text(4.72e9)
    '4.72'
    """
    return "" if math.isnan(per_l) else f"{per_l / 1e9:.2f}"


def whole_text(number: int) -> str:
    """Write a whole number with thin spaces between the thousands.

    Examples
    --------
    >>> whole_text(12345)
    '12\u202f345'
    """
    return f"{number:,}".replace(",", "\u202f") if abs(number) >= 10_000 else str(number)


def cells_text(number: int, noun: str = "cell") -> str:
    """Write a number of things.

    Examples
    --------
    >>> cells_text(1, "leukocyte"), cells_text(200, "leukocyte")
    ('1 leukocyte', '200 leukocytes')
    """
    return f"{whole_text(number)} {noun}" + ("" if number == 1 else "s")


def flag_text(flag: str) -> str:
    """Write a flag of differential.csv for people.

    Examples
    --------
    >>> flag_text("high;>=1")
    'high, ≥ 1'
    """
    return flag.replace(">=", "≥ ").replace(">", "> ").replace(";", ", ")


def unit_tied(text: str) -> str:
    r"""Put a space that does not break between a number and its percent sign.

    Examples
    --------
    >>> unit_tied("5 % of 200")
    '5\xa0% of 200'
    """
    return text.replace(" %", "\u00a0%")
