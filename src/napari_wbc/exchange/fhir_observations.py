"""The Observations of a FHIR bundle: the panel, and one or two members per class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from napari_wbc.differential import RESEARCH_USE
from napari_wbc.leukocytes import class_of

Json = dict[str, Any]

_UCUM = "http://unitsofmeasure.org"
_LOINC = "http://loinc.org"
_INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
_INTERPRETATIONS = {"low": ("L", "Low"), "high": ("H", "High")}
_LABORATORY = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/observation-category",
            "code": "laboratory",
            "display": "Laboratory",
        }
    ]
}
# Nothing was counted: there is no number to state.
_NOT_APPLICABLE = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason",
            "code": "not-applicable",
            "display": "Not Applicable",
        }
    ]
}
#: UCUM codes (https://ucum.org) by what is stated, with the text that people read.
_UNITS = {
    "percent": ("%", "%"),
    "per_100_wbc": ("/100{WBCs}", "/100 WBC"),
    "number": ("10*9/L", "10*9/L"),
    "ratio": ("{ratio}", "ratio"),
}


@dataclass(frozen=True)
class Shared:
    """What all Observations of a count share.

    Attributes
    ----------
    status : str
        ``preliminary`` or ``final``.
    issued : str
        When the count was finished.
    device : str
        URL of the Device.
    method : str
        How it was counted.
    interval, propagated : str
        What the intervals are: those of sampling, and those with the errors of the model.
    """

    status: str
    issued: str
    device: str
    method: str
    interval: str
    propagated: str

    def observation(self, code: Json) -> Json:
        """Begin an Observation."""
        return {
            "resourceType": "Observation",
            "status": self.status,
            "category": [_LABORATORY],
            "code": code,
            "issued": self.issued,
            "method": {"text": self.method},
            "device": {"reference": self.device},
        }


def panel_and_members(
    differential: Mapping[str, Any], shared: Shared, url: Callable[[str], str]
) -> tuple[Json, list[tuple[str, Json]]]:
    """Give the panel, and its members with their URLs.

    Parameters
    ----------
    differential : mapping
        What ``differential.json`` holds.
    shared : Shared
        For all of them.
    url : callable
        Gives a resource its URL.
    """
    members: list[tuple[str, Json]] = []
    for row in differential["rows"]:
        stated = "percent" if row["in_denominator"] else "per_100_wbc"
        if stated == "percent" or row["class"] in differential["per_100_wbc"]:
            limits = row if stated == "percent" else differential["per_100_wbc"][row["class"]]
            members.append((url(f"{row['class']}/{stated}"), _member(row, stated, limits, shared)))
        if row["absolute_per_l"] is not None:
            members.append((url(f"{row['class']}/number"), _number(row, shared)))
    wbc = differential["wbc"]
    members += [
        (url(f"{ratio['name']}/ratio"), _ratio(ratio, shared))
        for ratio in differential["ratios"]
        if ratio["value"] is not None
    ]
    components = [_cells("Cells that the percentages are of", differential["denominator"])]
    components += [
        _cells(f"{row['title']}, beside those", row["count"])
        for row in differential["rows"]
        if not row["in_denominator"]
    ]
    if wbc["given_per_l"] is not None:
        code = _code("Leukocyte count that was given", wbc["loinc"])
        components.append({"code": code, "valueQuantity": _quantity(wbc["given_per_l"] / 1e9, "number")})
    if wbc["corrected_per_l"] not in (None, wbc["given_per_l"]):
        code = _code("Leukocyte count without erythroblasts", "")
        value = round(wbc["corrected_per_l"] / 1e9, 2)
        components.append({"code": code, "valueQuantity": _quantity(value, "number")})
    said = (RESEARCH_USE, *differential["alarms"], *differential["flags"], *differential["advice"])
    panel = shared.observation({"text": "Leukocyte differential count"}) | {
        "note": [{"text": text} for text in (*said, differential["loinc_notice"]) if text],
        "hasMember": [{"reference": name} for name, _ in members],
        "component": components,
    }
    return {name: value for name, value in panel.items() if value != []}, members


def _member(row: Mapping[str, Any], stated: str, limits: Mapping[str, Any], shared: Shared) -> Json:
    observation = shared.observation(_code(row["title"], row["loinc"].get(stated, "")))
    if row[stated] is None:
        observation["dataAbsentReason"] = _NOT_APPLICABLE
    else:
        observation["valueQuantity"] = _quantity(row[stated], stated)
    interpretation = _interpretation(row)
    if interpretation and row[stated] is not None:
        observation["interpretation"] = [
            {"coding": [{"system": _INTERPRETATION, "code": code, "display": display}]}
            for code, display in interpretation
        ]
    if "merged" in row:
        parts = ", ".join(f"{class_of(name).title}: {count}" for name, count in row["merged"].items())
        observation["note"] = [{"text": f"Counted as one. {parts}"}]
    if row["reference_low"] is not None:
        observation["referenceRange"] = [
            {
                "low": _quantity(row["reference_low"], stated),
                "high": _quantity(row["reference_high"], stated),
                "text": f"{row['reference_low']:g} - {row['reference_high']:g} {_UNITS[stated][1]}",
            }
        ]
    observation["component"] = [_cells("Cells counted", row["count"])]
    observation["component"] += _intervals(limits, row.get("propagated"), stated, shared)
    return observation


def _ratio(ratio: Mapping[str, Any], shared: Shared) -> Json:
    return shared.observation({"text": ratio["title"]}) | {
        "valueQuantity": _quantity(ratio["value"], "ratio"),
        "component": [
            _cells("Cells above the line", ratio["above"]),
            _cells("Cells below the line", ratio["below"]),
            *_intervals(ratio, ratio["propagated"], "ratio", shared),
        ],
    }


def _intervals(
    sampling: Mapping[str, Any], propagated: Mapping[str, Any] | None, stated: str, shared: Shared
) -> list[Json]:
    components = []
    for text, limits in ((shared.interval, sampling), (shared.propagated, propagated or {})):
        # A ratio may have no upper limit.
        known = {end: limits.get(f"ci_{end}") for end in ("low", "high")}
        ends = {end: _quantity(value, stated) for end, value in known.items() if value is not None}
        if ends:
            components.append({"code": {"text": text}, "valueRange": ends})
    return components


def _number(row: Mapping[str, Any], shared: Shared) -> Json:
    code = _code(f"{row['title']}, absolute", row["loinc"].get("number", ""))
    return shared.observation(code) | {
        "valueQuantity": _quantity(round(row["absolute_per_l"] / 1e9, 2), "number")
    }


def _interpretation(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    flags = [flag for flag in str(row["flag"]).split(";") if flag]
    if not flags:
        return [("N", "Normal")] if row["reference_low"] is not None else []
    # A limit of the laboratory that is not one of the reference interval: out of the ordinary, no more is said.
    return list(dict.fromkeys(_INTERPRETATIONS.get(flag, ("A", "Abnormal")) for flag in flags))


def _code(text: str, loinc: str) -> Json:
    return ({"coding": [{"system": _LOINC, "code": loinc}]} if loinc else {}) | {"text": text}


def _cells(text: str, number: int) -> Json:
    return {"code": {"text": text}, "valueInteger": number}


def _quantity(value: float, stated: str) -> Json:
    code, unit = _UNITS[stated]
    return {"value": value, "unit": unit, "system": _UCUM, "code": code}
