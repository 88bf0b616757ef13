"""``differential.fhir.json``: the differential as a bundle of FHIR R4, for laboratory information systems.

Resources after https://hl7.org/fhir/R4: a DiagnosticReport, one panel Observation with its members, and the Device
that made them. Neither patient, specimen nor order is known here: the system that takes the bundle adds them.
"""

from __future__ import annotations

import html
import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_wbc.differential import RESEARCH_USE
from napari_wbc.differential.exports import output_file
from napari_wbc.exchange.fhir_observations import Json, Shared, panel_and_members
from napari_wbc.exchange.formats import Contents

# The same count has the same identifiers, so that a second import replaces the first.
_NAMESPACE = uuid.UUID("0c0f9a52-6a5e-5d0e-8f7f-0d4f6c1a9b1e")
# Labels of HL7's confidentiality vocabulary: the purpose is research.
_RESEARCH = {
    "security": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
            "code": "HRESCH",
            "display": "healthcare research",
        }
    ]
}
#: The object identifier of SHA-256 (https://oid-rep.orange-labs.fr/get/2.16.840.1.101.3.4.2.1).
_SHA256 = "urn:oid:2.16.840.1.101.3.4.2.1"


def write_fhir(path: Path, contents: Contents) -> None:
    """Write the bundle.

    Raises
    ------
    OutputError
        The place cannot be written to.
    """
    bundle = fhir_bundle(contents.differential.to_dict(), contents.run)
    with output_file(path) as temporary:
        temporary.write_text(
            json.dumps(bundle, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
        )


def fhir_bundle(differential: Mapping[str, Any], run: Mapping[str, Any]) -> Json:
    """Give the bundle of a differential.

    Parameters
    ----------
    differential : mapping
        What ``differential.json`` holds.
    run : mapping
        What ``run.json`` holds; ``review`` says whether the count was signed.

    Returns
    -------
    dict
        A Bundle of the type ``collection``, ready for JSON. The report is ``preliminary`` until the review is signed,
        then ``final``. The member with the LOINC code of its class holds the percentage (or the number per 100
        leukocytes); with a WBC count given, a second one holds the absolute number.
    """
    review = run.get("review") or {}
    signed = review.get("signed")
    status = "final" if signed else "preliminary"
    this_count = (
        f"{run['image']['sha256']}/{run['model']['sha256']}/{json.dumps(run['parameters'], sort_keys=True)}"
    )

    def url(what: str) -> str:
        return f"urn:uuid:{uuid.uuid5(_NAMESPACE, f'{this_count}/{what}')}"

    shared = Shared(
        status=status,
        issued=str(run["finished"]),
        device=url("device"),
        method="Image analysis of a stained blood smear" + (", reviewed by a person" if review else ""),
        interval=_interval_text(differential["interval"]),
        propagated=_propagated_text(differential),
    )
    panel, members = panel_and_members(differential, shared, url)
    report: Json = {
        "resourceType": "DiagnosticReport",
        "meta": _RESEARCH,
        "text": {"status": "generated", "div": _narrative(differential, status)},
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": url("report")}],
        "status": status,
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/v2-0074",
                        "code": "HM",
                        "display": "Hematology",
                    }
                ]
            }
        ],
        "code": {"text": "Leukocyte differential count of a blood smear"},
        "issued": shared.issued,
        "specimen": [{"display": str(run["image"]["name"])}],
        "result": [{"reference": url("panel")}],
    }
    if signed:
        report["resultsInterpreter"] = [{"display": signed["by"]}]
    resources = [(url("report"), report), (url("panel"), panel), *members, (url("device"), _device(run))]
    return {
        "resourceType": "Bundle",
        "meta": _RESEARCH,
        "identifier": {"system": "urn:ietf:rfc:3986", "value": url("bundle")},
        "type": "collection",
        "timestamp": shared.issued,
        "entry": [{"fullUrl": name, "resource": resource} for name, resource in resources],
    }


def _device(run: Mapping[str, Any]) -> Json:
    model = run["model"]
    return {
        "resourceType": "Device",
        "meta": _RESEARCH,
        "identifier": [
            {
                "type": {"text": "SHA-256 of the classification model"},
                "system": _SHA256,
                "value": model["sha256"],
            }
        ],
        "status": "active",
        "deviceName": [{"name": "napari-wbc", "type": "user-friendly-name"}],
        "type": {"text": "Software that counts the leukocytes of blood smears"},
        "version": [
            {"type": {"text": "napari-wbc"}, "value": run["version"]},
            {
                "type": {"text": f"SHA-256 of the classification model {Path(model['name']).name}"},
                "value": model["sha256"],
            },
        ],
        "note": [{"text": RESEARCH_USE}],
    }


def _interval_text(interval: Mapping[str, Any]) -> str:
    method = str(interval["method"]).replace("_", "-").title()
    return f"{100 * interval['confidence']:g} % interval of {interval['covers']} ({method})"


def _propagated_text(differential: Mapping[str, Any]) -> str:
    errors = [source for source in differential["propagation"]["covers"] if source != "sampling"]
    what = "sampling and the errors of the model" if errors else "sampling"
    return f"{100 * differential['interval']['confidence']:g} % interval of {what} (bootstrap)"


def _narrative(differential: Mapping[str, Any], status: str) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(row['title'])}</td><td>{row['count']}</td><td>{row['percent']:.1f} %</td>"
        f"<td>{row['ci_low']:.1f} - {row['ci_high']:.1f}</td><td>{html.escape(row['flag'])}</td></tr>"
        for row in differential["rows"]
        if row["in_denominator"] and row["percent"] is not None and row["ci_low"] is not None
    )
    lines = (*differential["alarms"], *differential["flags"], *differential["advice"])
    return (
        '<div xmlns="http://www.w3.org/1999/xhtml">'
        f"<p>{html.escape(RESEARCH_USE)}</p>"
        f"<p>{differential['denominator']} cells counted; {status}.</p>"
        + (
            "<table><tr><th>Class</th><th>Cells</th><th>Percent</th>"
            f"<th>{html.escape(_interval_text(differential['interval']))}</th><th>Flag</th></tr>{rows}</table>"
            if rows
            else ""
        )
        + "".join(f"<p>{html.escape(line)}</p>" for line in lines)
        + "</div>"
    )
