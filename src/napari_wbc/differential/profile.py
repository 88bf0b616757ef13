"""The profile of a laboratory: what its differential lists and points out, from one YAML file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import cast

from napari_wbc.differential.class_names import class_title, languages
from napari_wbc.differential.intervals import METHODS, IntervalMethod
from napari_wbc.differential.profile_entries import Entries, Place, read_yaml
from napari_wbc.errors import InputError
from napari_wbc.leukocytes import BY_NAME, CONTAINS, class_of, coarse_class, fine_classes

SCHEMA_VERSION = 1
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
    name = DEFAULT_PROFILE if name_or_path is None else str(name_or_path)
    if name in profile_names():
        packaged = resources.files(__package__) / "profiles" / f"{name}.yaml"
        return parse_profile(packaged.read_text(encoding="utf-8"), f"profile {name}")
    path = Path(name)
    if path.suffix.lower() not in (".yaml", ".yml") and not path.is_file():
        raise InputError(
            f"profile {name!r} is unknown; give the path of a YAML file or one of: {', '.join(profile_names())}"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path} is no text file; a profile is a YAML file in UTF-8") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read as a profile: {error.strerror or error}") from None
    return parse_profile(text, str(path))


def parse_profile(text: str, source: str = "profile") -> Profile:
    """Make a profile from YAML text.

    Parameters
    ----------
    text : str
        What the file holds.
    source : str, optional
        How errors name it.

    Raises
    ------
    InputError
        It is no YAML, or something in it cannot be meant.
    """
    content, place = read_yaml(text, source)
    entries = Entries(content, place)
    version = entries.number("schema_version", 1, 10_000)
    if version != SCHEMA_VERSION:
        raise place.error(
            f"schema_version is {version:g}; this program reads version {SCHEMA_VERSION}", "schema_version"
        )
    language = entries.one_of("language", languages(), "en")
    listed = entries.sequence("classes")
    classes = tuple(
        _parse_class(item, language, place.at("classes").at(i, f"classes[{i}]"))
        for i, item in enumerate(listed)
    )
    if not classes:
        raise place.error("classes is empty; list at least one class", "classes")
    repeated = _first_repeated(c.name for c in classes)
    if repeated:
        raise place.error(f"the class {repeated!r} is listed twice", "classes")
    alarms = entries.part("alarms", "alarms")
    names = {c.name for c in classes}
    profile = Profile(
        name=entries.text("name"),
        title=entries.text("title", entries.text("name")),
        classes=classes,
        merges=_parse_merges(entries.part("merges", "merges"), names),
        target_count=int(entries.number("target_count", 1, 1_000_000, 200, whole=True)),
        nrbc_correction_from=entries.optional_number("nrbc_correction_from", 0, 1000),
        unidentified_percent=alarms.number("unidentified_percent", 0, 100, 15),
        unlike_training_percent=alarms.number("unlike_training_percent", 0, 100, 15),
        outside_flags=tuple(entries.texts("outside_flags")),
        wbc_loinc=entries.loinc("wbc_loinc"),
        loinc_notice=entries.text("loinc_notice", ""),
        interval=cast(IntervalMethod, entries.one_of("interval", METHODS, "wilson")),
        language=language,
        ratios=tuple(
            _parse_ratio(item, names, place.at("ratios").at(i, f"ratios[{i}]"))
            for i, item in enumerate(entries.sequence("ratios"))
        ),
    )
    entries.refuse_others()
    alarms.refuse_others()
    repeated = _first_repeated(ratio.name for ratio in profile.ratios)
    if repeated:
        raise place.error(f"the ratio {repeated!r} is listed twice", "ratios")
    if not any(profile.is_counted(c.name) for c in classes):
        raise place.error(
            "no class is in the denominator; there is nothing to take percentages of", "classes"
        )
    return profile


def profile_text(profile: Profile) -> str:
    """Write a profile as :func:`parse_profile` reads it.

    Examples
    --------
    >>> parse_profile(profile_text(load_profile(None))) == load_profile(None)
    True
    """
    import yaml

    classes = []
    for entry in profile.classes:
        inside = {} if entry.in_denominator is None else {"in_denominator": entry.in_denominator}
        flag = {name: v for name in ("at_least", "above") if (v := getattr(entry, name)) is not None}
        classes.append(
            {
                "name": entry.name,
                "title": entry.title,
                "reference": None if entry.reference is None else list(entry.reference),
                "flag": flag,
                "loinc": dict(entry.loinc),
                **inside,
            }
        )
    content = {
        "schema_version": SCHEMA_VERSION,
        "name": profile.name,
        "title": profile.title,
        "classes": classes,
        "merges": {row: list(parts) for row, parts in profile.merges.items()},
        "target_count": profile.target_count,
        "nrbc_correction_from": profile.nrbc_correction_from,
        "alarms": {
            "unidentified_percent": profile.unidentified_percent,
            "unlike_training_percent": profile.unlike_training_percent,
        },
        "outside_flags": list(profile.outside_flags),
        "wbc_loinc": profile.wbc_loinc,
        "loinc_notice": profile.loinc_notice,
        "interval": profile.interval,
        "language": profile.language,
        "ratios": [
            {"name": r.name, "title": r.title, "above": list(r.above), "below": list(r.below)}
            for r in profile.ratios
        ],
    }
    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    return text


def _parse_class(item: object, language: str, place: Place) -> ProfileClass:
    entries = Entries({"name": item} if isinstance(item, str) else item, place)
    name = entries.name("name")
    entries.place = replace(place, title=f"{place.title} ({name})")
    flag = entries.part("flag", f"{entries.place.title}: flag")
    codes = entries.part("loinc", f"{entries.place.title}: loinc")
    result = ProfileClass(
        name=name,
        title=entries.text("title", class_title(name, language)),
        reference=entries.interval("reference"),
        at_least=flag.optional_number("at_least", 0, 100),
        above=flag.optional_number("above", 0, 100),
        loinc={what: code for what in ("percent", "number", "per_100_wbc") if (code := codes.loinc(what))},
        in_denominator=entries.optional_switch("in_denominator"),
    )
    for part in (entries, flag, codes):
        part.refuse_others()
    if result.at_least is not None and result.above is not None:
        raise flag.place.error(" has at_least and above; one of them is enough")
    return result


def _parse_merges(entries: Entries, listed: set[str]) -> dict[str, tuple[str, ...]]:
    merges = {row: tuple(entries.texts(row)) for row in list(entries.content)}
    refuse = entries.place.error
    for row, parts in merges.items():
        if row not in listed:
            raise refuse(f"{row!r} is not among the classes; list it there", row)
        for part in parts:
            if part not in listed and part not in BY_NAME:
                raise refuse(f"{row} holds {part!r}, which is no known class", row)
            if class_of(part).kind != class_of(row).kind:
                raise refuse(f"{part} cannot be counted as {row}: only one of them is a leukocyte", row)
        if not parts:
            raise refuse(f"{row} merges nothing; list the classes that are counted in it", row)
        nested = next((part for part in parts if part in merges), None)
        if nested:
            raise refuse(f"{row} holds {nested}, which is a merged row itself; list its classes instead", row)
    repeated = _first_repeated(part for parts in merges.values() for part in parts)
    if repeated:
        raise refuse(f"{repeated} is merged twice; a cell counts in one row only")
    return merges


def _parse_ratio(item: object, listed: set[str], place: Place) -> RatioOf:
    entries = Entries(item, place)
    name = entries.name("name")
    entries.place = replace(place, title=f"{place.title} ({name})")
    above, below = (tuple(entries.texts(side)) for side in ("above", "below"))
    for side, names in (("above", above), ("below", below)):
        if not names:
            raise entries.place.error(f"{side} is empty; list the classes {side} the line", side)
        unknown = next((n for n in names if n not in listed and n not in BY_NAME), None)
        if unknown is not None:
            raise entries.place.error(f"{side} holds {unknown!r}, which is no known class", side)
    both = [n for n in above if fine_classes(n)[0] in {f for b in below for f in fine_classes(b)}]
    if both:
        raise entries.place.error(f"{both[0]} stands above and below the line")
    result = RatioOf(name, entries.text("title", name), above, below)
    entries.refuse_others()
    return result


def _first_repeated(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    return next((name for name in names if name in seen or seen.add(name)), None)  # type: ignore[func-returns-value]
