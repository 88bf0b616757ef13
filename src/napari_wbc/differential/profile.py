"""The profile of a laboratory: what its differential lists and points out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import resources
from pathlib import Path

from napari_wbc.differential.class_names import class_title
from napari_wbc.differential.intervals import IntervalMethod
from napari_wbc.errors import InputError, system_reason
from napari_wbc.leukocytes import CONTAINS, class_of, coarse_class

DEFAULT_PROFILE = "adult_peripheral_blood"


@dataclass(frozen=True, slots=True)
class ProfileClass:
    """One row that a profile asks for.

    Attributes
    ----------
    name : str
        As in the cell table.
    title : str
        Shown to people.
    reference : tuple of float or None
        Lower and upper end of the reference interval, percent.
    at_least, above : float or None
        The row is flagged from this percentage on, or above it (erythroblasts: per 100 leukocytes).
    loinc : dict
        Codes by what is stated: ``percent``, ``number``, ``per_100_wbc``.
    in_denominator : bool or None
        Whether its cells are among those that percentages are of; None: when it is a leukocyte.
    """

    name: str
    title: str
    reference: tuple[float, float] | None = None
    at_least: float | None = None
    above: float | None = None
    loinc: Mapping[str, str] = field(default_factory=dict)
    in_denominator: bool | None = None


@dataclass(frozen=True, slots=True)
class RatioOf:
    """A ratio that a profile asks for.

    Attributes
    ----------
    name, title : str
        For files and for people.
    above, below : tuple of str
        Classes above and below the line; a coarse one stands for its finer ones, too.
    """

    name: str
    title: str
    above: tuple[str, ...]
    below: tuple[str, ...]


@dataclass(frozen=True)
class Profile:
    """What a laboratory's differential lists and points out.

    Attributes
    ----------
    name, title : str
        For files and for people.
    classes : tuple of ProfileClass
        In the order of the table.
    merges : dict of str to tuple of str
        A row and the classes that are counted in it.
    target_count : int
        Leukocytes to count.
    nrbc_correction_from : float or None
        Erythroblasts per 100 leukocytes from which a given WBC count is corrected; None: never.
    unidentified_percent, unlike_training_percent : float
        Above these shares a count is called not reliable.
    outside_flags : tuple of str
        Cells with such a flag stand outside the denominator unless a person labelled them.
    wbc_loinc, loinc_notice : str
        The code of the WBC count, and what LOINC wants to be said beside its codes.
    interval : str
        Method of the intervals: ``wilson`` or ``clopper_pearson``.
    language : str
        Of the names of the classes: one of :func:`~napari_wbc.differential.class_names.languages`.
    ratios : tuple of RatioOf
        To be stated.
    """

    name: str
    title: str
    classes: tuple[ProfileClass, ...]
    merges: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    target_count: int = 200
    nrbc_correction_from: float | None = None
    unidentified_percent: float = 15.0
    unlike_training_percent: float = 15.0
    outside_flags: tuple[str, ...] = ()
    wbc_loinc: str = ""
    loinc_notice: str = ""
    interval: IntervalMethod = "wilson"
    language: str = "en"
    ratios: tuple[RatioOf, ...] = ()

    @property
    def noun(self) -> str:
        """What the cells of the denominator are called: leukocyte, or nucleated cell where erythroblasts count."""
        return "nucleated cell" if self.is_counted("erythroblast") else "leukocyte"

    def is_counted(self, row: str) -> bool:
        """Tell whether the cells of a row are in the denominator.

        Examples
        --------
        >>> load_profile(None).is_counted("lymphocyte"), load_profile(None).is_counted("erythroblast")
        (True, False)
        """
        said = self.class_named(row).in_denominator
        if said is not None:
            return said
        return class_of(row).kind == "leukocyte" and row not in self.outside_flags

    def title_of(self, name: str) -> str:
        """Give the name of a class for people, in the language of the profile."""
        return self.class_named(name).title

    def row_of(self, label: str) -> str:
        """Give the row that a label is counted in: the one it is merged into, or itself.

        A finer class that the profile does not list is counted in its coarse one, where it lists that and none of the
        finer ones: a lymphoblast is a blast.

        Examples
        --------
        >>> profile = load_profile(None)
        >>> profile.row_of("neutrophil_band"), profile.row_of("lymphoblast"), profile.row_of("hairy_cell")
        ('neutrophil', 'blast', 'hairy_cell')
        """
        merged = next((row for row, parts in self.merges.items() if label in parts), None)
        if merged is not None:
            return merged
        coarse = coarse_class(label)
        return coarse if coarse in self.gathering else label

    @cached_property
    def gathering(self) -> frozenset[str]:
        """Coarse classes of the profile that hold their finer ones without a merge, for it lists none of them."""
        listed = {c.name for c in self.classes}
        return frozenset(
            name
            for name in listed - set(self.merges)
            if name in CONTAINS and not listed.intersection(CONTAINS[name])
        )

    def split(self) -> Profile:
        """Give the same profile with every merged row listed apart.

        Examples
        --------
        >>> load_profile(None).split().row_of("neutrophil_band")
        'neutrophil_band'
        """
        return replace(self, merges={})

    def class_named(self, name: str) -> ProfileClass:
        """Give the entry of a class; a class that the profile does not list has neither interval nor flag."""
        return next(
            (c for c in self.classes if c.name == name), ProfileClass(name, class_title(name, self.language))
        )


def profile_names() -> list[str]:
    """Give the names of the profiles that come with the package."""
    folder = resources.files(__package__) / "profiles"
    return sorted(p.name.removesuffix(".yaml") for p in folder.iterdir() if p.name.endswith(".yaml"))


def load_profile(name_or_path: str | Path | None = None) -> Profile:
    """Load the profile of a laboratory.

    Parameters
    ----------
    name_or_path : str or Path, optional
        The name of a profile that comes with the package, or the path of a YAML file; without it, adult peripheral
        blood.

    Returns
    -------
    Profile
        Checked.

    Raises
    ------
    InputError
        There is no such profile, or the file says something that cannot be meant.

    Examples
    --------
    >>> load_profile("adult_peripheral_blood").target_count
    200
    """
    from napari_wbc.differential.profile_file import parse_profile

    name = DEFAULT_PROFILE if name_or_path is None else str(name_or_path)
    if name in profile_names():
        packaged = resources.files(__package__) / "profiles" / f"{name}.yaml"
        return parse_profile(packaged.read_text(encoding="utf-8"), f"profile {name}")
    path = Path(name)
    # Asked in this way, a name that is too long for a file is none; a path would raise.
    if path.suffix.lower() not in (".yaml", ".yml") and not os.path.isfile(path):  # noqa: PTH113
        raise InputError(
            f"profile {name!r} is unknown; give the path of a YAML file or one of: {', '.join(profile_names())}"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path} is no text file; a profile is a YAML file in UTF-8") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read as a profile: {system_reason(error)}") from None
    return parse_profile(text, str(path))
