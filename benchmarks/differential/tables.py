"""The tables of docs/differential.md from the raw figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from benchmarks.pages import fill

from napari_wbc.execution.atomic import atomic_path
from napari_wbc.leukocytes import class_of
from napari_wbc.training.evaluation.tables import markdown_table

from .agreement import agreement
from .fields import CLASSES
from .sayings import RESULTS, ROOT
from .slides import KINDS

PAGE = ROOT / "docs" / "differential.md"
Figures = Sequence[Mapping[str, Any]]


def write_tables() -> None:
    """Write one Markdown file for each table, and fill the page."""
    made = {
        "nominal": nominal_tables,
        "slides": slides_tables,
        "fields": fields_tables,
        "smears": smears_tables,
    }
    for name, make in made.items():
        file = RESULTS / f"{name}.json"
        if file.is_file():
            for table, rows in make(json.loads(file.read_text(encoding="utf-8"))).items():
                with atomic_path(RESULTS / f"{table}.md") as temporary:
                    temporary.write_text(markdown_table(rows) + "\n", encoding="utf-8")
    fill(PAGE, RESULTS)


def nominal_tables(found: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Coverage of the intervals alone: by composition, by share, and of the ratios."""
    titles = {"wilson": "Wilson", "clopper_pearson": "Clopper-Pearson", "wald": "Wald (not offered)"}
    by_blood = []
    for method, bloods in found["simulated"].items():
        for blood, cells in bloods.items():
            row: dict[str, Any] = {"interval": titles[method], "composition": blood}
            for n, classes in cells.items():
                mean, least = np.mean(list(classes.values())), min(classes, key=lambda c: classes[c])
                row[f"{n} cells"] = f"{_percent(mean)} (least {_percent(classes[least])}, {_title(least)})"
            by_blood.append(row)
    exact = [
        {
            "interval": titles[method],
            "cells": n,
            **{f"{100 * float(share):g} %": _percent(value) for share, value in shares.items()},
        }
        for method, cells in found["exact"].items()
        for n, shares in cells.items()
    ]
    ratios = [
        {"ratio": name, **{f"{n} cells": _percent(of["coverage"]) for n, of in cells.items()}}
        | {"slides of 100 cells without an upper limit": _percent(cells["100"]["no upper limit"])}
        for name, cells in found["ratios"].items()
    ]
    return {"nominal": by_blood, "exact": exact, "ratios": ratios}


def slides_tables(found: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Coverage with errors of the classifier, by laboratory and composition and by class; agreement."""
    coverage, rows = found["coverage"], []
    for laboratory, blood in dict.fromkeys((r["laboratory"], r["blood"]) for r in coverage):
        group = [r for r in coverage if (r["laboratory"], r["blood"]) == (laboratory, blood)]
        row: dict[str, Any] = {"laboratory": laboratory, "composition": blood, "classes": len(group)}
        for kind in KINDS:
            held, width = (np.mean([r[key] for r in group]) for key in (kind, f"{kind}_width"))
            row[_KINDS[kind]] = f"{_percent(held)} ± {width / 2:.1f}"
        rows.append(row)
    by_class = [
        {
            "laboratory": r["laboratory"],
            "composition": r["blood"],
            "class": _title(r["class"]),
            "true %": f"{r['true']:.1f}",
            "counted %, mean": f"{r['counted']:.1f}",
            "sampling": _percent(r["sampling"]),
            "with errors": _percent(r["propagated"]),
            "half width, sampling": f"{r['sampling_width'] / 2:.1f}",
            "half width, with errors": f"{r['propagated_width'] / 2:.1f}",
        }
        for r in coverage
    ]
    agreed = [
        {"laboratory": r["laboratory"], "class": _title(r["class"]), **_agreement(r)}
        for r in found["agreement"]
    ]
    return {"slides": rows, "slides-by-class": by_class, "agreement": agreed}


def fields_tables(found: Figures) -> dict[str, list[dict[str, Any]]]:
    """Real fields: all of a laboratory, and the agreement over sets of fields."""
    whole, sets = [], []
    for of in found:
        labels = of["all"]["labels"]
        total = sum(labels.values())
        for name in CLASSES:
            truth = 100 * labels.get(name, 0) / total
            _, percent, low, high = of["all"]["rows"].get(name, [0, 0.0, 0.0, 0.0])
            wide = of["all"]["propagated"].get(name, [0.0, 0.0])
            whole.append(
                {
                    "laboratory": of["domain"],
                    "model": of["model"],
                    "class": _title(name),
                    "labels": labels.get(name, 0),
                    "labels %": f"{truth:.1f}",
                    "counted %": f"{percent:.1f}",
                    "95 %, sampling": f"{low:.1f}–{high:.1f}{_mark(low, truth, high)}",
                    "with errors": f"{wide[0]:.1f}–{wide[1]:.1f}{_mark(wide[0], truth, wide[1])}",
                }
            )
            pairs = [
                (
                    100 * s["labels"].get(name, 0) / sum(s["labels"].values()),
                    s["rows"].get(name, [0, 0.0, 0.0, 0.0]),
                    s["propagated"].get(name, [0.0, 0.0]),
                )
                for s in of["sets"]
            ]
            agreed = agreement([t for t, _, _ in pairs], [r[1] for _, r, _ in pairs])
            sets.append(
                {
                    "laboratory": of["domain"],
                    "model": of["model"],
                    "class": _title(name),
                    **_agreement(agreed),
                    "labels in the sampling interval": _percent(
                        np.mean([r[2] <= t <= r[3] for t, r, _ in pairs])
                    ),
                    "with errors": _percent(np.mean([w[0] <= t <= w[1] for t, _, w in pairs])),
                }
            )
    return {"fields": whole, "fields-sets": sets}


def smears_tables(found: Figures) -> dict[str, list[dict[str, Any]]]:
    """Drawn smears: every smear in one row, and every class."""
    smears, classes = [], []
    for smear in found:
        total, of_smear = sum(smear["labels"].values()), f"{smear['blood']}, seed {smear['seed']}"
        differences, inside, inside_wide = [], 0, 0
        for name, number in smear["labels"].items():
            truth = 100 * number / total
            _, percent, low, high = smear["rows"].get(name, [0, 0.0, 0.0, 0.0])
            wide = smear["propagated"].get(name, [0.0, 0.0])
            differences.append(percent - truth)
            inside += low <= truth <= high
            inside_wide += wide[0] <= truth <= wide[1]
            classes.append(
                {
                    "composition": of_smear,
                    "class": _title(name),
                    "drawn": number,
                    "drawn %": f"{truth:.1f}",
                    "counted %": f"{percent:.1f}",
                    "95 %, sampling": f"{low:.1f}–{high:.1f}{_mark(low, truth, high)}",
                    "with errors": f"{wide[0]:.1f}–{wide[1]:.1f}{_mark(wide[0], truth, wide[1])}",
                }
            )
        smears.append(
            {
                "composition": of_smear,
                "leukocytes drawn": total,
                "counted": smear["leukocytes"],
                "unidentified": smear["unidentified"],
                "largest difference, points": f"{max(differences, key=abs):+.1f}",
                "classes": len(differences),
                "in the sampling interval": inside,
                "with errors": inside_wide,
            }
        )
    return {"smears": smears, "smears-by-class": classes}


_KINDS = {
    "sampling": "sampling only",
    "by_probabilities": "probabilities only",
    "by_confusion": "confusion only",
    "propagated": "with errors (stated)",
}


def _agreement(row: Mapping[str, Any]) -> dict[str, str]:
    r, low, high = row["pearson"]
    return {
        "Pearson r": f"{r:.2f} ({low:.2f} to {high:.2f})",
        "Lin": f"{row['lin'][0]:.2f}",
        "bias": f"{row['bias']:+.1f}",
        "limits of agreement": f"{row['lower']:+.1f} to {row['upper']:+.1f}",
    }


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _title(name: str) -> str:
    return class_of(name).title.lower()


def _mark(low: float, truth: float, high: float) -> str:
    # A reader without colours sees what lies outside.
    return "" if low <= truth <= high else " (outside)"
