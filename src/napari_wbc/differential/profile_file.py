"""Profiles as YAML files: read with every entry checked, and written."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from importlib import resources
from typing import Any, cast

from napari_wbc.differential.class_names import class_title, languages
from napari_wbc.differential.intervals import METHODS, IntervalMethod
from napari_wbc.differential.profile import Profile, ProfileClass, RatioOf
from napari_wbc.differential.profile_entries import Entries, Place, read_yaml
from napari_wbc.leukocytes import BY_NAME, class_of, fine_classes

SCHEMA_VERSION = 1


def profile_schema() -> dict[str, Any]:
    """Give the JSON schema (draft 2020-12) of profiles, for editors and other programs.

    Examples
    --------
    >>> profile_schema()["required"]
    ['schema_version', 'name', 'classes']
    """
    text = (resources.files(__package__) / "profile.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


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
    >>> from napari_wbc.differential.profile import load_profile
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
        nested = next((part for part in parts if part in merges and part != row), None)
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
