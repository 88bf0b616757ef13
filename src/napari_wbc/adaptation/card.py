"""The card of an adapted model: what it was made from, for which laboratory, and how it was judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_wbc.leukocytes import class_of
from napari_wbc.training.evaluation.tables import markdown_table


def write_adapted_card(info: Mapping[str, Any], source_card: str) -> str:
    """Write the card.

    Parameters
    ----------
    info : mapping
        Content of ``model.json`` of the adapted model.
    source_card : str
        Of the model that it was adapted from; it goes below.
    """
    told = info["adaptation"]
    verdict, parent = told["verdict"], told["parent"]
    labels = ", ".join(f"{class_of(k).title} {n}" for k, n in told["labels"].items())
    lines = [
        f"# {info['name']}",
        "",
        "**Research use only.** Not a medical device; its output is no diagnosis.",
        "",
        f"Adapted to one laboratory from `{parent['name']}` (SHA-256 of its weights: `{parent['sha256']}`) on "
        f"{told['date']}, with {verdict['labels']} labelled cells of {told['slides']} slides: {labels}. The labels are "
        f"those of {'; '.join(told['sources']) or 'the user'}. No image is part of it.",
        "",
        "It is meant for that laboratory. Elsewhere the model that it came from is the better choice.",
        "",
    ]
    if told["new_classes"]:
        new = ", ".join(f"{class_of(c).title} (`{c}`)" for c in told["new_classes"])
        lines += [f"**Classes that the source did not know, learned from these labels alone:** {new}.", ""]
    lines += [
        "## Verdict",
        "",
        "Every labelled cell was judged by a model that had not learned from its slide. Shares recognised, with 95 % "
        "intervals.",
        "",
        markdown_table(
            [
                {
                    "": name.replace("_", " "),
                    "before": _share(m["before"]),
                    "after": _share(m["after"]),
                    "difference": _points(m["difference"]),
                }
                for name, m in verdict["measures"].items()
            ]
        ),
        "",
        markdown_table(
            [
                {
                    "class": class_of(row["label"]).title,
                    "cells": row["cells"],
                    "before": _share(row["before"]),
                    "after": _share(row["after"]),
                }
                for row in verdict["classes"]
            ]
        ),
        "",
    ]
    guard = verdict["guard"]
    if guard is not None:
        lines += [
            f"On {guard['cells']} cells of the training laboratories that it did not learn from, accuracy went from "
            f"{100 * guard['before']:.1f} % to {100 * guard['after']:.1f} %.",
            "",
        ]
    notes = [*verdict["warnings"], *verdict["advice"]]
    if told["judged_within_slides"]:
        notes.append("judged on other cells of the same slides: " + ", ".join(told["judged_within_slides"]))
    if notes:
        lines += ["## Notes", "", *(f"- {note}" for note in notes), ""]
    lines += ["## The model that it was adapted from", "", _lowered(source_card)]
    return "\n".join(lines)


def _share(estimate: Mapping[str, float]) -> str:
    return f"{100 * estimate['value']:.1f} % ({100 * estimate['low']:.0f}-{100 * estimate['high']:.0f})"


def _points(estimate: Mapping[str, float]) -> str:
    return f"{100 * estimate['value']:+.1f} ({100 * estimate['low']:+.0f} to {100 * estimate['high']:+.0f})"


def _lowered(card: str) -> str:
    """Put the headings of a card one level lower."""
    return "\n".join(f"#{line}" if line.startswith("#") else line for line in card.splitlines()) + "\n"
