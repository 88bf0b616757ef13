"""How many labels an adaptation needs: told here, without torch, for views and core alike."""

from __future__ import annotations

from collections.abc import Mapping

#: Fewer labelled cells, kinds of cells, or cells of a kind show nothing.
LEAST_CELLS, LEAST_CLASSES, LEAST_PER_CLASS = 12, 2, 4


def is_enough(counts: Mapping[str, int]) -> bool:
    """Tell whether labelled cells are enough to learn from and to judge by.

    Parameters
    ----------
    counts : mapping of str to int
        Labelled cells of each class.

    Examples
    --------
    >>> is_enough({"monocyte": 8, "basophil": 4}), is_enough({"monocyte": 12})
    (True, False)
    >>> is_enough({"monocyte": 4, "basophil": 4})
    False
    """
    several = [n for n in counts.values() if n >= LEAST_PER_CLASS]
    return sum(counts.values()) >= LEAST_CELLS and len(several) >= LEAST_CLASSES
