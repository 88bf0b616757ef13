"""The classes that two sides have in common: where one tells less apart, the other is taken together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from napari_wbc.differential.profile import Profile
from napari_wbc.leukocytes import CONTAINS, UNIDENTIFIED, class_of, in_order


@dataclass(frozen=True)
class CommonClasses:
    """Rows of a comparison.

    Attributes
    ----------
    row_of : dict of str to str
        The row that each label is counted in.
    rows : tuple of str
        Rows of the denominator that both sides can give, in their order.
    beside : tuple of str
        Erythroblasts where both give them and they are outside, stated per 100 leukocytes.
    only_first, only_second : tuple of str
        Rows of the denominator that one side only can give.
    profile : Profile
        Says what is in the denominator.
    """

    row_of: Mapping[str, str]
    rows: tuple[str, ...]
    beside: tuple[str, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    profile: Profile

    def is_counted(self, row: str) -> bool:
        """Tell whether the cells of a row are in the denominator."""
        return self.profile.is_counted(row)


def common_classes(
    first: Iterable[str], second: Iterable[str], profile: Profile, *, merged: bool = True
) -> CommonClasses:
    """Find the finest rows that both sides can be counted in.

    Parameters
    ----------
    first, second : iterable of str
        Classes that each side can give.
    profile : Profile
        Of the laboratory.
    merged : bool, optional
        Whether its merges make the rows; else classes are taken together only where a side does not tell them apart.

    Examples
    --------
    >>> from napari_wbc.differential.profile import load_profile
    >>> ours, theirs = {"neutrophil_band", "monocyte", "myelocyte"}, {"neutrophil", "monocyte"}
    >>> found = common_classes(ours, theirs, load_profile(None))
    >>> found.rows, found.row_of["neutrophil_band"], found.only_first
    (('neutrophil', 'monocyte'), 'neutrophil', ('myelocyte',))
    """
    a, b = set(first) - {UNIDENTIFIED}, set(second) - {UNIDENTIFIED}
    row_of = {name: profile.row_of(name) if merged else name for name in a | b}
    for coarse, fine in CONTAINS.items():
        if coarse in row_of.values():
            row_of |= {name: coarse for name, row in row_of.items() if name in fine or row in fine}
    rows_a, rows_b = {row_of[name] for name in a}, {row_of[name] for name in b}
    both = in_order(rows_a & rows_b)
    return CommonClasses(
        row_of,
        tuple(row for row in both if profile.is_counted(row)),
        tuple(row for row in both if class_of(row).kind == "erythroblast" and not profile.is_counted(row)),
        tuple(row for row in in_order(rows_a - rows_b) if profile.is_counted(row)),
        tuple(row for row in in_order(rows_b - rows_a) if profile.is_counted(row)),
        profile,
    )


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
