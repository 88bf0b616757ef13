"""The classes that two sides have in common: where one tells less apart, the other is taken together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from napari_wbc.leukocytes import CONTAINS, UNIDENTIFIED, class_of, in_order


@dataclass(frozen=True)
class CommonClasses:
    """Rows of a comparison.

    Attributes
    ----------
    row_of : dict of str to str
        The row that each label is counted in.
    rows : tuple of str
        Leukocyte rows that both sides can give, in their order.
    beside : tuple of str
        Rows of both that are no leukocytes (erythroblasts), stated per 100 leukocytes.
    only_first, only_second : tuple of str
        Leukocyte rows that one side only can give.
    """

    row_of: Mapping[str, str]
    rows: tuple[str, ...]
    beside: tuple[str, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]


def common_classes(
    first: Iterable[str], second: Iterable[str], merges: Mapping[str, Iterable[str]] | None = None
) -> CommonClasses:
    """Find the finest rows that both sides can be counted in.

    Parameters
    ----------
    first, second : iterable of str
        Classes that each side can give.
    merges : mapping of str to iterable of str, optional
        Rows of the laboratory's profile and the classes that are counted in them.

    Examples
    --------
    >>> found = common_classes({"neutrophil", "monocyte"}, {"neutrophil_band", "monocyte", "myelocyte"})
    >>> found.rows, found.row_of["neutrophil_band"], found.only_second
    (('neutrophil', 'monocyte'), 'neutrophil', ('myelocyte',))
    """
    a, b = set(first) - {UNIDENTIFIED}, set(second) - {UNIDENTIFIED}
    row_of = {name: name for name in a | b}
    for row, parts in (merges or {}).items():
        row_of |= {part: row for part in parts if part in row_of}
    for coarse, fine in CONTAINS.items():
        if coarse in row_of.values():
            row_of |= {name: coarse for name, row in row_of.items() if name in fine or row in fine}
    rows_a, rows_b = {row_of[name] for name in a}, {row_of[name] for name in b}
    both = in_order(rows_a & rows_b)
    return CommonClasses(
        row_of,
        tuple(row for row in both if is_leukocyte(row)),
        tuple(row for row in both if class_of(row).kind == "erythroblast"),
        tuple(row for row in in_order(rows_a - rows_b) if is_leukocyte(row)),
        tuple(row for row in in_order(rows_b - rows_a) if is_leukocyte(row)),
    )


def is_leukocyte(name: str) -> bool:
    """Tell whether a row belongs to the denominator."""
    return class_of(name).kind == "leukocyte"


def in_rows(numbers: Mapping[str, float], row_of: Mapping[str, str]) -> dict[str, float]:
    """Add numbers of labels up to rows.

    Examples
    --------
    >>> in_rows({"neutrophil_band": 3, "neutrophil_segmented": 60}, {"neutrophil_band": "neutrophil",
    ...     "neutrophil_segmented": "neutrophil"})
    {'neutrophil': 63.0}
    """
    found: dict[str, float] = {}
    for name, number in numbers.items():
        row = row_of.get(name, name)
        found[row] = found.get(row, 0.0) + float(number)
    return found
