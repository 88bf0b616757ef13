"""95 % intervals by drawing whole groups (slides) again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

DRAWS = 2000
Sums = dict[str, NDArray[np.float64]]


def group_draws(scores: pd.DataFrame, columns: list[str], seed: int = 0) -> tuple[Sums, Sums]:
    """Sums of columns over all rows, and over ``DRAWS`` draws of groups with replacement.

    Cells of one slide resemble each other, so slides are drawn and not cells.
    """
    sums = scores.groupby("group", sort=True)[columns].sum().to_numpy(float)
    groups = len(sums)
    times = np.random.default_rng(seed).multinomial(groups, np.full(groups, 1 / groups), size=DRAWS)
    drawn = times @ sums
    total = sums.sum(axis=0, keepdims=True)
    return {c: total[:, k] for k, c in enumerate(columns)}, {c: drawn[:, k] for k, c in enumerate(columns)}


def interval(
    scores: pd.DataFrame, columns: list[str], statistic: Callable[[Sums], NDArray[np.float64]]
) -> tuple[float, float, float]:
    """Value, lower and upper end of a statistic of sums."""
    whole, drawn = group_draws(scores, columns)
    low, high = np.nanpercentile(statistic(drawn), [2.5, 97.5])
    return float(statistic(whole)[0]), float(low), float(high)


def share(part: NDArray[np.float64], of: NDArray[np.float64]) -> NDArray[np.float64]:
    """``part / of``, nan where there is nothing to divide by."""
    return np.divide(part, of, out=np.full(np.shape(of), np.nan), where=np.asarray(of) > 0)


def share_interval(scores: pd.DataFrame, part: str, of: str) -> tuple[float, float, float]:
    """Share with the wider of the group and the Wilson interval (the draws of "all found" know no doubt)."""
    value, low, high = interval(scores, [part, of], lambda s: share(s[part], s[of]))
    wilson = wilson_interval(value, float(scores[of].sum()))
    return value, min(low, wilson[0]), max(high, wilson[1])


def wilson_interval(value: float, count: float) -> tuple[float, float]:
    """Interval of a share of ``count`` independent cells."""
    if not count > 0:
        return 0.0, 1.0
    z = 1.959964
    centre = (value + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * np.sqrt(value * (1 - value) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def value_draws(
    values: NDArray[np.float64], statistic: Callable[..., float], seed: int = 0
) -> tuple[float, float]:
    """Interval of a statistic of one value per field, for domains where every field is a group."""
    generator = np.random.default_rng(seed)
    drawn = [statistic(generator.choice(values, len(values))) for _ in range(DRAWS)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)
