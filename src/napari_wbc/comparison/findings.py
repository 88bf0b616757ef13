"""Yes-or-no findings of a differential: what a laboratory would look twice at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from napari_wbc.comparison.classes import CommonClasses
from napari_wbc.comparison.positives import Positives, positives
from napari_wbc.differential.profile import Profile
from napari_wbc.leukocytes import CONTAINS, class_of

#: Percentages by row, erythroblasts per 100 leukocytes.
Percents = Mapping[str, float]

_IMMATURE = ("immature_granulocyte", *CONTAINS["immature_granulocyte"])


@dataclass(frozen=True)
class Finding:
    """A question that each slide answers with yes or no.

    Attributes
    ----------
    title : str
        For people.
    is_positive : callable
        Takes the percentages of a slide.
    """

    title: str
    is_positive: Callable[[Percents], bool]


@dataclass(frozen=True)
class ComparedFinding:
    """A finding on the slides of both sides.

    Attributes
    ----------
    title : str
        For people.
    table : Positives
        The first side is what the second is held against.
    differing : tuple of str
        Keys of the slides on which they differ.
    """

    title: str
    table: Positives
    differing: tuple[str, ...]


def findings(profile: Profile, classes: CommonClasses) -> list[Finding]:
    """Give the findings that both sides can have.

    Parameters
    ----------
    profile : Profile
        Its limits and reference intervals decide.
    classes : CommonClasses
        A finding about a class that one side cannot give is left out.

    Returns
    -------
    list of Finding
        Any immature granulocyte; the flags of the profile; each class outside of its reference interval; and whether
        any of these is positive.
    """
    known = (*classes.rows, *classes.beside)
    found = []
    immature = [row for row in _IMMATURE if row in known]
    if immature:
        found.append(
            Finding("Any immature granulocyte", lambda p: any(p.get(row, 0.0) > 0 for row in immature))
        )
    for entry in profile.classes:
        if entry.name not in known:
            continue
        unit = "%" if entry.name in classes.rows else "per 100 leukocytes"
        title = entry.title if entry.name not in classes.beside else class_of(entry.name).title
        if entry.at_least is not None:
            found.append(
                Finding(f"{title} ≥ {entry.at_least:g} {unit}", _at_least(entry.name, entry.at_least))
            )
        if entry.above is not None:
            found.append(Finding(f"{title} > {entry.above:g} {unit}", _above(entry.name, entry.above)))
        if entry.reference is not None:
            low, high = entry.reference
            found.append(Finding(f"{title} outside {low:g}–{high:g} {unit}", _outside(entry.name, low, high)))
    if found:
        every = tuple(found)
        found.insert(0, Finding("Abnormal: any of these", lambda p: any(f.is_positive(p) for f in every)))
    return found


def compare_findings(
    asked: Sequence[Finding], first: Mapping[str, Percents], second: Mapping[str, Percents]
) -> list[ComparedFinding]:
    """Set the answers of both sides against each other.

    Parameters
    ----------
    asked : sequence of Finding
        The questions.
    first, second : mapping of str to Percents
        Percentages by the key of the slide; the same slides.
    """
    compared = []
    for finding in asked:
        a = {key: finding.is_positive(percents) for key, percents in first.items()}
        b = {key: finding.is_positive(second[key]) for key in first}
        differing = tuple(key for key in a if a[key] != b[key])
        compared.append(
            ComparedFinding(finding.title, positives(list(a.values()), list(b.values())), differing)
        )
    return compared


def _at_least(name: str, limit: float) -> Callable[[Percents], bool]:
    return lambda percents: percents.get(name, 0.0) >= limit


def _above(name: str, limit: float) -> Callable[[Percents], bool]:
    return lambda percents: percents.get(name, 0.0) > limit


def _outside(name: str, low: float, high: float) -> Callable[[Percents], bool]:
    return lambda percents: not low <= percents.get(name, 0.0) <= high
