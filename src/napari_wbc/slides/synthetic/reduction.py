"""Coarser levels of an image that arrives strip by strip: nothing larger than a row of tiles is kept."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Strip = NDArray[np.uint8]
#: Takes the level (1, 2, ...), the row at which a strip begins, and the strip.
StripSink = Callable[[int, int, Strip], None]

FACTOR = 4


def level_shapes(shape: tuple[int, int], smallest_px: int = 1024) -> list[tuple[int, int]]:
    """Give the shapes of all levels, each a quarter as high and wide as the one before.

    Examples
    --------
    >>> level_shapes((9000, 12000))
    [(9000, 12000), (2250, 3000), (562, 750)]
    """
    shapes = [shape]
    while max(shapes[-1]) > smallest_px and min(shapes[-1]) >= 2 * FACTOR:
        shapes.append((shapes[-1][0] // FACTOR, shapes[-1][1] // FACTOR))
    return shapes


class Reduction:
    """Collects strips of level 0 and hands strips of the coarser levels to a sink as they fill up.

    Parameters
    ----------
    shapes : list of tuple of int
        Of all levels, from :func:`level_shapes`.
    strip_px : int
        Height of the strips, a multiple of 4; only the last one of a level may be lower.
    sink : callable
        Where the strips of levels 1 and up go.
    """

    def __init__(self, shapes: list[tuple[int, int]], strip_px: int, sink: StripSink) -> None:
        self._shapes = shapes
        self._strip_px = strip_px
        self._sink = sink
        self._waiting: list[list[Strip]] = [[] for _ in shapes]
        self._given = [0] * len(shapes)

    def add(self, strip: Strip) -> None:
        """Take the next strip of level 0."""
        self._reduce(0, strip)

    def finish(self) -> None:
        """Hand over what is left after the last strip."""
        for level in range(1, len(self._shapes)):
            self._give(level)

    def _reduce(self, level: int, strip: Strip) -> None:
        if level + 1 == len(self._shapes):
            return
        width = self._shapes[level + 1][1]
        rows = strip.shape[0] // FACTOR
        if rows == 0:
            return
        blocks = strip[: rows * FACTOR, : width * FACTOR]
        # Sums of whole numbers: the result does not depend on the machine.
        total = np.zeros((rows, width, 3), np.uint16)
        for dy in range(FACTOR):
            for dx in range(FACTOR):
                total += blocks[dy::FACTOR, dx::FACTOR]
        total += FACTOR * FACTOR // 2
        total //= FACTOR * FACTOR
        self._waiting[level + 1].append(total.astype(np.uint8))
        if sum(len(part) for part in self._waiting[level + 1]) >= self._strip_px:
            self._give(level + 1)

    def _give(self, level: int) -> None:
        if not self._waiting[level]:
            return
        strip = np.concatenate(self._waiting[level])[: self._shapes[level][0] - self._given[level]]
        self._waiting[level] = []
        if len(strip):
            self._sink(level, self._given[level], strip)
            self._given[level] += len(strip)
            self._reduce(level, strip)
