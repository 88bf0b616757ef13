"""Empirical coverage of the intervals for the chance of sampling, as they are stated: at one decimal of a percent."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from scipy.stats import binom, norm

from napari_wbc.differential.intervals import share_interval
from napari_wbc.differential.ratios import ratio_interval

from .compositions import COMPOSITIONS, rows_of

CELLS = (100, 200, 400, 1000)
SHARES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.61)
SLIDES = 4000
RATIO_SLIDES = 1000


@cache
def stated(method: str, count: int, n: int) -> tuple[float, float]:
    """Give an interval in percent, as a differential states it; ``wald`` for comparison."""
    if method == "wald":
        share = count / n
        half = norm.ppf(0.975) * math.sqrt(share * (1 - share) / n)
        low, high = share - half, share + half
    else:
        low, high = share_interval(count, n, method)
    return round(100 * low, 1), round(100 * high, 1)


def exact(method: str, share: float, n: int) -> float:
    """Give the chance that the interval of ``n`` cells holds a share, summed over all counts."""
    counts = np.arange(n + 1)
    inside = np.array(
        [low <= 100 * share <= high for low, high in (stated(method, int(c), n) for c in counts)]
    )
    return float(binom.pmf(counts, n, share)[inside].sum())


def simulated(method: str, composition: Mapping[str, float], n: int) -> dict[str, float]:
    """Draw slides of ``n`` cells and give the share of them whose interval holds the truth, by class."""
    names, shares = list(composition), np.array(list(composition.values()))
    drawn = np.random.default_rng(n).multinomial(n, shares / shares.sum(), SLIDES)
    found = {}
    for place, name in enumerate(names):
        truth = 100 * shares[place] / shares.sum()
        limits = [stated(method, int(count), n) for count in drawn[:, place]]
        found[name] = float(np.mean([low <= truth <= high for low, high in limits]))
    return found


def ratio_coverage(composition: Mapping[str, float], above: str, below: str, n: int) -> dict[str, Any]:
    """Draw slides and give the share of them whose bootstrap interval of a ratio holds the truth."""
    shares = np.array([composition[above], composition[below]])
    drawn = np.random.default_rng(n).multinomial(n, [*shares, 1 - shares.sum()], RATIO_SLIDES)
    truth, held, open_end, without = shares[0] / shares[1], 0, 0, 0
    for a, b, rest in drawn:
        low, high = ratio_interval(int(a), int(b), int(rest))
        without += math.isnan(low)
        open_end += math.isinf(high)
        held += low <= truth <= high
    return {
        "coverage": held / RATIO_SLIDES,
        "no upper limit": open_end / RATIO_SLIDES,
        "no ratio": without / RATIO_SLIDES,
    }


def nominal() -> dict[str, Any]:
    """Measure all of it."""
    methods = ("wilson", "clopper_pearson", "wald")
    bloods = {name: rows_of(shares) for name, shares in COMPOSITIONS.items()}
    ratios: dict[str, Callable[[int], dict[str, Any]]] = {
        "neutrophils to lymphocytes, normal": lambda n: ratio_coverage(
            bloods["normal"], "neutrophil", "lymphocyte", n
        ),
        "segmented to bands, normal": lambda n: ratio_coverage(
            COMPOSITIONS["normal"], "neutrophil_segmented", "neutrophil_band", n
        ),
        "segmented to bands, left-shifted": lambda n: ratio_coverage(
            COMPOSITIONS["left-shifted"], "neutrophil_segmented", "neutrophil_band", n
        ),
        "myeloid to erythroid 3:1, lymphocytes 15 %": lambda n: ratio_coverage(
            {"myeloid": 0.6375, "erythroblast": 0.2125}, "myeloid", "erythroblast", n
        ),
    }
    return {
        "slides": SLIDES,
        "exact": {m: {str(n): {str(p): exact(m, p, n) for p in SHARES} for n in CELLS} for m in methods},
        "simulated": {
            m: {b: {str(n): simulated(m, shares, n) for n in CELLS} for b, shares in bloods.items()}
            for m in methods
        },
        "ratios": {name: {str(n): of(n) for n in CELLS} for name, of in ratios.items()},
    }
