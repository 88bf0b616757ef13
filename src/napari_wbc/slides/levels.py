"""How many level-0 px a px of a coarser level stands for, to the px at the far end of the slide."""

from __future__ import annotations

from napari_wbc.slides.slide import Level


def levels_of(shapes: list[tuple[int, int]]) -> tuple[tuple[Level, ...], tuple[int, ...]]:
    """Levels from their shapes, the first of which is level 0.

    Parameters
    ----------
    shapes : list of tuple of int
        Height and width as stored, px.

    Returns
    -------
    tuple of Level
        Level 0 and every coarser copy of it. What is not reduced alike along both axes is left out.
    tuple of int
        Which of ``shapes`` each of them is.

    Examples
    --------
    >>> levels_of([(2001, 9999), (1000, 4999), (300, 300), (125, 624)])[1]
    (0, 1, 3)
    """
    levels, stored = [Level(shapes[0], 1.0)], [0]
    for index, shape in enumerate(shapes[1:], start=1):
        downsample = downsample_of(shapes[0], shape)
        if downsample is not None and downsample > levels[-1].downsample:
            levels.append(Level(shape, downsample))
            stored.append(index)
    return tuple(levels), tuple(stored)


def downsample_of(full: tuple[int, int], reduced: tuple[int, int]) -> float | None:
    """Level-0 px per px of a reduced copy.

    Parameters
    ----------
    full, reduced : tuple of int
        Heights and widths, px.

    Returns
    -------
    float or None
        Where a whole factor explains both sides (writers leave out the px that do not fill a block, or fill
        them up), that factor, a power of two if there is one: the quotient of the sides would be off by up to a px
        at the far end, and by many px on a long strip. None when the copy is not reduced alike along both axes.

    Examples
    --------
    >>> downsample_of((1003, 100001), (62, 6250)), downsample_of((1000, 1500), (400, 600))
    (16.0, 2.5)
    >>> downsample_of((1000, 1500), (250, 750)) is None
    True
    """
    if min(reduced) < 1:
        return None
    # The longer side weighs more: it has the more px to be off by.
    rough = sum(full) / sum(reduced)
    down, across = (_whole_factors(*sides) for sides in zip(full, reduced, strict=True))
    whole = range(max(down.start, across.start), min(down.stop, across.stop))
    if whole:
        # Not one by one: a copy of one px leaves as many factors as the slide has px.
        powers = [k for k in (1 << n for n in range(whole[-1].bit_length())) if k in whole]
        nearest = min(max(round(rough), whole[0]), whole[-1])
        return float(min(powers, key=lambda k: abs(k - rough)) if powers else nearest)
    if any(abs(size / rough - side) > 1 for size, side in zip(full, reduced, strict=True)):
        return None
    return rough


def _whole_factors(full: int, reduced: int) -> range:
    """Factors that leave ``reduced`` of ``full`` px, a last partial block left out or filled up."""
    filled_up = -(-full // reduced), (full - 1) // (reduced - 1) if reduced > 1 else full
    left_out = full // (reduced + 1) + 1, full // reduced
    return range(max(1, min(filled_up[0], left_out[0])), max(filled_up[1], left_out[1]) + 1)
