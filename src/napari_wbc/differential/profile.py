"""The profile of a laboratory: what its differential lists and points out, from one YAML file."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from napari_wbc.errors import InputError
from napari_wbc.leukocytes import BY_NAME, class_of

SCHEMA_VERSION = 1
DEFAULT_PROFILE = "adult_peripheral_blood"
_LOINC = re.compile(r"\d{1,7}-\d")


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
    """

    name: str
    title: str
    reference: tuple[float, float] | None = None
    at_least: float | None = None
    above: float | None = None
    loinc: Mapping[str, str] = field(default_factory=dict)


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

    def row_of(self, label: str) -> str:
        """Give the row that a label is counted in.

        Examples
        --------
        >>> load_profile(None).row_of("neutrophil_band")
        'neutrophil'
        """
        return next((row for row, parts in self.merges.items() if label in parts), label)

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
        return next((c for c in self.classes if c.name == name), ProfileClass(name, class_of(name).title))


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
    import yaml

    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark is not None else ""
        raise InputError(
            f"{source} is no valid YAML{where}: {getattr(error, 'problem', None) or 'unreadable'}"
        ) from None
    entries = _Entries(content, source)
    version = entries.number("schema_version", 1, 10_000)
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{source}: schema_version is {version:g}; this program reads version {SCHEMA_VERSION}"
        )
    classes = tuple(
        _parse_class(item, f"{source}: classes[{i}]") for i, item in enumerate(entries.sequence("classes"))
    )
    if not classes:
        raise InputError(f"{source}: classes is empty; list at least one class")
    repeated = _first_repeated(c.name for c in classes)
    if repeated:
        raise InputError(f"{source}: the class {repeated!r} is listed twice")
    alarms = _Entries(entries.take("alarms", {}), f"{source}: alarms")
    profile = Profile(
        name=entries.text("name"),
        title=entries.text("title", entries.text("name")),
        classes=classes,
        merges=_parse_merges(entries.take("merges", {}), {c.name for c in classes}, f"{source}: merges"),
        target_count=int(entries.number("target_count", 1, 1_000_000, 200, whole=True)),
        nrbc_correction_from=entries.optional_number("nrbc_correction_from", 0, 1000),
        unidentified_percent=alarms.number("unidentified_percent", 0, 100, 15),
        unlike_training_percent=alarms.number("unlike_training_percent", 0, 100, 15),
        outside_flags=tuple(entries.texts("outside_flags")),
        wbc_loinc=entries.loinc("wbc_loinc"),
        loinc_notice=entries.text("loinc_notice", ""),
    )
    entries.refuse_others()
    alarms.refuse_others()
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
        flag = {name: v for name in ("at_least", "above") if (v := getattr(entry, name)) is not None}
        classes.append(
            {
                "name": entry.name,
                "title": entry.title,
                "reference": None if entry.reference is None else list(entry.reference),
                "flag": flag,
                "loinc": dict(entry.loinc),
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
    }
    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    return text


def _parse_class(item: object, source: str) -> ProfileClass:
    entries = _Entries({"name": item} if isinstance(item, str) else item, source)
    name = entries.class_name("name")
    source = entries.source = f"{source} ({name})"
    flag = _Entries(entries.take("flag", {}), f"{source}: flag")
    codes = _Entries(entries.take("loinc", {}), f"{source}: loinc")
    result = ProfileClass(
        name=name,
        title=entries.text("title", class_of(name).title),
        reference=entries.interval("reference"),
        at_least=flag.optional_number("at_least", 0, 100),
        above=flag.optional_number("above", 0, 100),
        loinc={what: code for what in ("percent", "number", "per_100_wbc") if (code := codes.loinc(what))},
    )
    for part in (entries, flag, codes):
        part.refuse_others()
    if result.at_least is not None and result.above is not None:
        raise InputError(f"{source}: flag has at_least and above; one of them is enough")
    return result


def _parse_merges(content: object, listed: set[str], source: str) -> dict[str, tuple[str, ...]]:
    entries = _Entries(content, source)
    merges = {row: tuple(entries.texts(row)) for row in list(entries.content)}
    for row, parts in merges.items():
        if row not in listed:
            raise InputError(f"{source}: {row!r} is not among the classes; list it there")
        for part in parts:
            if part not in listed and part not in BY_NAME:
                raise InputError(f"{source}: {row} holds {part!r}, which is no known class")
            if class_of(part).kind != class_of(row).kind:
                raise InputError(
                    f"{source}: {part} cannot be counted as {row}: only one of them is a leukocyte"
                )
        if not parts:
            raise InputError(f"{source}: {row} merges nothing; list the classes that are counted in it")
        nested = next((part for part in parts if part in merges), None)
        if nested:
            raise InputError(
                f"{source}: {row} holds {nested}, which is a merged row itself; list its classes instead"
            )
    repeated = _first_repeated(part for parts in merges.values() for part in parts)
    if repeated:
        raise InputError(f"{source}: {repeated} is merged twice; a cell counts in one row only")
    return merges


class _Entries:
    """Takes the entries of a mapping one by one, checks each, and refuses what is left over."""

    def __init__(self, content: object, source: str) -> None:
        if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
            raise InputError(f"{source} must hold entries of the form 'name: value'")
        self.content: dict[str, Any] = dict(content)
        self.source = source
        self._known: list[str] = []

    def take(self, key: str, default: object = None) -> Any:
        self._known.append(key)
        value = self.content.get(key)
        return default if value is None else value

    def refuse_others(self) -> None:
        other = next((key for key in self.content if key not in self._known), None)
        if other is not None:
            known = ", ".join(dict.fromkeys(self._known))
            raise InputError(f"{self.source} has an unknown entry {other!r}; known are: {known}")

    def text(self, key: str, default: str | None = None) -> str:
        value = self.take(key, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise InputError(
                f"{self.source}: {key} must be a text" + ("" if value is not None else "; it is missing")
            )
        return value.strip()

    def class_name(self, key: str) -> str:
        return _check_class_name(self.text(key), self.source)

    def sequence(self, key: str) -> list[object]:
        value = self.take(key, [])
        if not isinstance(value, list):
            raise InputError(f"{self.source}: {key} must be a list")
        return value

    def texts(self, key: str) -> list[str]:
        values = self.sequence(key)
        if not all(isinstance(value, str) for value in values):
            raise InputError(f"{self.source}: {key} must be a list of names")
        return [str(value) for value in values]

    def number(
        self, key: str, low: float, high: float, default: float | None = None, *, whole: bool = False
    ) -> float:
        value = self.take(key, default)
        if value is None:
            raise InputError(f"{self.source}: {key} is missing")
        if not _is_number(value) or not low <= value <= high or (whole and value != int(value)):
            kind = "a whole number" if whole else "a number"
            raise InputError(
                f"{self.source}: {key} is {value!r}; it must be {kind} between {low:g} and {high:g}"
            )
        return float(value)

    def optional_number(self, key: str, low: float, high: float) -> float | None:
        return None if self.take(key) is None else self.number(key, low, high)

    def interval(self, key: str) -> tuple[float, float] | None:
        value = self.take(key)
        if value is None:
            return None
        numbers = value if isinstance(value, list) else []
        if len(numbers) != 2 or not all(map(_is_number, numbers)) or not 0 <= numbers[0] < numbers[1] <= 100:
            raise InputError(
                f"{self.source}: {key} is {value!r}; it must be two percentages, the lower one first"
            )
        return float(numbers[0]), float(numbers[1])

    def loinc(self, key: str) -> str:
        code = self.text(key, "")
        if code and not _LOINC.fullmatch(code):
            raise InputError(f"{self.source}: {key} is {code!r}; a LOINC code looks like 26511-6")
        return code


def _check_class_name(name: str, source: str) -> str:
    if name != name.strip() or not name.isprintable() or not 1 <= len(name) <= 64:
        raise InputError(
            f"{source}: {name!r} is no class name; it has 1 to 64 letters, digits, _ or blanks inside"
        )
    return name


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _first_repeated(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    return next((name for name in names if name in seen or seen.add(name)), None)  # type: ignore[func-returns-value]
