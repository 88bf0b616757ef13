"""Which row of the differential each cell is counted in, and how many there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from napari_wbc.cell_table import probability_columns
from napari_wbc.differential.profile import Profile
from napari_wbc.leukocytes import CLASSES, CONTAINS, UNIDENTIFIED, class_of, fine_classes, in_order


@dataclass(frozen=True)
class Tally:
    """Counts of the rows of a differential.

    Attributes
    ----------
    inside, outside : tuple of str
        Rows in the denominator and rows beside it, in their order; ``unidentified`` is the last one outside.
    counts, before : dict of str to int
        Cells of every row as they are labelled now, and as the model had labelled them.
    parts : dict of str to dict of str to int
        What merged rows are made of (only rows with at least two different labels or a label of another name).
    titles : dict of str to str
        Names for people.
    not_split : frozenset of str
        Rows of cells that were not told apart, beside rows of those that were ("neutrophil" beside bands).
    excluded : int
        Cells that a person took out.
    not_recognised : tuple of str
        Classes of the profile that the model cannot give and that no cell has.
    per_100_rows : tuple of str
        Rows outside that are stated per 100 leukocytes.
    """

    inside: tuple[str, ...]
    outside: tuple[str, ...]
    counts: dict[str, int]
    before: dict[str, int]
    parts: dict[str, dict[str, int]]
    titles: dict[str, str]
    not_split: frozenset[str]
    excluded: int
    not_recognised: tuple[str, ...]
    per_100_rows: tuple[str, ...]

    @property
    def denominator(self) -> int:
        """Leukocytes counted."""
        return sum(self.counts[name] for name in self.inside)

    @property
    def nucleated(self) -> int:
        """Leukocytes, unidentified cells and erythroblasts: what the alarms are about."""
        beside = 0 if "erythroblast" in self.inside else self.counts.get("erythroblast", 0)
        return self.denominator + self.counts[UNIDENTIFIED] + beside


def tally(cells: pd.DataFrame, profile: Profile, before_review: pd.DataFrame | None = None) -> Tally:
    """Count the rows of a differential.

    Parameters
    ----------
    cells : pandas.DataFrame
        With ``label``, ``model_label``, ``status`` and ``flags``; ``p_<class>`` columns tell what the model knows.
    profile : Profile
        Of the laboratory.
    before_review : pandas.DataFrame, optional
        The table as it was before a person looked at it; else ``model_label`` stands for what the model said.

    Returns
    -------
    Tally
        Every class of the profile that the model knows, and every class that a cell has.
    """
    rows = counted_rows(cells, profile)
    status = cells["status"]
    counted = status != "excluded"
    if before_review is not None:
        said, flags = before_review["label"], before_review["flags"]
    else:
        # Its label where nobody has looked, its first choice where somebody has.
        said, flags = cells["label"].where(status == "model", cells["model_label"]), cells["flags"]
    before = _rows_of(said, flags, pd.Series(data=False, index=said.index), profile)
    numbers, numbers_before = _count(rows[counted]), _count(before)
    recognised = {column[2:] for column in probability_columns(cells)}
    present = numbers.keys() | numbers_before.keys()
    listed, not_recognised = _listed_rows(profile, present, recognised)
    names = [
        *listed,
        *in_order(name for name in present if name not in listed and name != UNIDENTIFIED),
    ]
    outside = [name for name in names if not profile.is_counted(name)]
    merged = {
        row: parts
        for row in (*profile.merges, *profile.gathering)
        if (parts := _count(cells["label"][counted & (rows == row)]))
    }
    not_split = frozenset(
        name
        for name in names
        if name not in profile.merges and set(names).intersection(CONTAINS.get(name, ()))
    )
    titles = {name: profile.title_of(name) for name in (*names, UNIDENTIFIED)}
    return Tally(
        inside=tuple(name for name in names if profile.is_counted(name)),
        outside=(*outside, UNIDENTIFIED),
        counts={name: numbers.get(name, 0) for name in (*names, UNIDENTIFIED)},
        before={name: numbers_before.get(name, 0) for name in (*names, UNIDENTIFIED)},
        parts={
            row: {name: parts[name] for name in in_order(parts)}
            for row, parts in merged.items()
            if set(parts) != {row}
        },
        titles={name: title + (", not split" if name in not_split else "") for name, title in titles.items()},
        not_split=not_split,
        excluded=int((~counted).sum()),
        not_recognised=not_recognised,
        per_100_rows=tuple(
            n for n in outside if n in profile.outside_flags or class_of(n).kind == "erythroblast"
        ),
    )


def counted_rows(cells: pd.DataFrame, profile: Profile) -> pd.Series[str]:
    """Give the row of the differential that each cell belongs to, whatever its status.

    Parameters
    ----------
    cells : pandas.DataFrame
        With ``label``, ``status`` and ``flags``.
    profile : Profile
        Of the laboratory.
    """
    return _rows_of(cells["label"], cells["flags"], cells["status"] == "reviewed", profile)


def has_flag(flags: pd.Series[str], flag: str) -> pd.Series[bool]:
    """Tell which cells have a flag (the column joins them with ``;``)."""
    return (";" + flags + ";").str.contains(f";{flag};", regex=False)


def _rows_of(
    labels: pd.Series[str], flags: pd.Series[str], by_person: pd.Series[bool], profile: Profile
) -> pd.Series[str]:
    row_of = {label: profile.row_of(label) for label in labels.unique()}
    rows = labels.map(row_of).astype(object)
    # A smudge cell keeps the label of a person, and what is no leukocyte anyway stays what it is.
    movable = [label for label in row_of if profile.is_counted(row_of[label]) or label == UNIDENTIFIED]
    may_move = labels.isin(movable) & ~by_person
    for flag in profile.outside_flags:
        rows = rows.where(~(may_move & has_flag(flags, flag)), flag)
    return rows


def _count(rows: Iterable[str]) -> dict[str, int]:
    names, numbers = np.unique(np.asarray(list(rows), dtype=str), return_counts=True)
    return {str(name): int(number) for name, number in zip(names, numbers, strict=True)}


def _listed_rows(
    profile: Profile, present: set[str], recognised: set[str]
) -> tuple[list[str], tuple[str, ...]]:
    """Give the rows of the profile that are shown, and the classes that the model cannot give."""
    merged_away = {part for parts in profile.merges.values() for part in parts}
    listed: list[str] = []
    missing: list[str] = []
    names = [c.name for c in profile.classes]
    for name in names:
        if name in merged_away:
            continue
        if name in present:
            listed.append(name)
        elif name in profile.outside_flags:
            # Found by segmentation, not by the model; a zero would say that somebody looked for it.
            continue
        elif set(CONTAINS.get(name, ())).intersection(names) and name not in profile.merges:
            # Cells that are not told apart have a row only where there are some, or no finer class is known.
            if name in recognised and not recognised.intersection(fine_classes(name)):
                listed.append(name)
        elif not recognised or recognised.intersection(
            (name, *fine_classes(name), *profile.merges.get(name, ()))
        ):
            listed.append(name)
        else:
            missing.append(name)
    for kind in ("erythroblast", "platelet", "artifact"):
        known = [c.name for c in CLASSES if c.kind == kind and c.name in recognised]
        listed += [name for name in known if name not in listed]
    return [name for name in listed if name != UNIDENTIFIED], tuple(missing)
