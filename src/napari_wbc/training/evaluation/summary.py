"""Tables over the runs of a recipe: by target with the spread of the seeds, and their mean with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_wbc.training.evaluation.bootstrap import mean_interval
from napari_wbc.training.evaluation.metrics import accuracy_of_counts, macro_f1_of_counts
from napari_wbc.training.evaluation.results import RunResult, counts_by_run
from napari_wbc.training.evaluation.tables import markdown_table, mean_and_spread, with_interval

#: Titles of the columns with intervals on a card.
ACCURACY_INTERVAL, F1_INTERVAL = "accuracy, 95 %", "macro-F1, 95 %"
#: Calibrated measures by target and seed (:func:`napari_wbc.training.evaluation.out_of_fold.calibrated`).
Calibrated = Mapping[tuple[str, int], Mapping[str, Any]]


def target_rows(results: Sequence[RunResult], calibration: Calibrated | None = None) -> list[dict[str, Any]]:
    """Give a row for each domain left out: metrics as mean and standard deviation over the seeds.

    Parameters
    ----------
    results : sequence of RunResult
        Of one recipe.
    calibration : mapping, optional
        Adds the calibration error after calibration and the accuracy of the surer 80 %.
    """
    rows = []
    for target in dict.fromkeys(r.target for r in results):
        of_target = [r for r in results if r.target == target]
        metrics = [r.unseen["metrics"] for r in of_target]
        row: dict[str, Any] = {"left out": target, "cells": metrics[0]["cells"], "seeds": len(metrics)}
        for title, key in _COLUMNS.items():
            row[title] = mean_and_spread([m[key] for m in metrics])
        kept = calibration or {}
        known = [kept[target, r.seed] for r in of_target if (target, r.seed) in kept]
        if known:
            row["calibrated"] = mean_and_spread([c["unseen"]["metrics"]["calibration_error"] for c in known])
            row["calibrated, in domain"] = mean_and_spread(
                [c["in_domain"]["metrics"]["calibration_error"] for c in known]
            )
            row["accuracy at 80 %"] = mean_and_spread([accuracy_at(c["unseen"], 0.8) for c in known])
        rows.append(row)
    return rows


_COLUMNS = {
    "macro-F1": "macro_f1",
    "macro-F1 of all five": "macro_f1_all",
    "accuracy": "accuracy",
    "balanced accuracy": "balanced_accuracy",
    "calibration error": "calibration_error",
}


def class_rows(results: Sequence[RunResult]) -> list[dict[str, Any]]:
    """Give F1 and cells of each class, a row for each domain left out."""
    rows = []
    for target in dict.fromkeys(r.target for r in results):
        of_target = [r for r in results if r.target == target]
        row: dict[str, Any] = {"left out": target}
        for name in of_target[0].names:
            values = [r.unseen["metrics"]["f1"].get(name) for r in of_target]
            cells = of_target[0].unseen["metrics"]["support"].get(name, 0)
            row[name] = f"{mean_and_spread([v for v in values if v is not None], 2)} ({cells})"
        rows.append(row)
    return rows


def card_rows(results: Sequence[RunResult], calibration: Calibrated) -> list[dict[str, Any]]:
    """Give a row for each domain left out as the card of a model shows it: means over the seeds.

    The intervals are those of the runs as they were counted, before calibration.
    """
    rows = []
    for target in dict.fromkeys(r.target for r in results):
        of_target = [r for r in results if r.target == target]
        metrics = [
            calibration.get((target, r.seed), {}).get("unseen", r.unseen)["metrics"] for r in of_target
        ]
        row: dict[str, Any] = {"left out": target, "cells": metrics[0]["cells"], "seeds": len(metrics)}
        for title in ("accuracy", "balanced accuracy", "macro-F1", "calibration error"):
            row[title] = float(np.mean([m[_COLUMNS[title]] for m in metrics]))
        for name in of_target[0].names:
            scores = [m["f1"][name] for m in metrics if name in m["f1"]]
            row[f"F1 {name}"] = float(np.mean(scores)) if scores else float("nan")
        runs = counts_by_run(of_target)
        for title, statistic in ((ACCURACY_INTERVAL, accuracy_of_counts), (F1_INTERVAL, macro_f1_of_counts)):
            found = mean_interval(runs, statistic=statistic)
            row[title] = f"{found.low:.3f} to {found.high:.3f}"
        rows.append(row)
    return rows


def overall(results: Sequence[RunResult]) -> dict[str, Any]:
    """Give macro-F1 and accuracy over all domains left out, with the intervals of :func:`mean_interval`."""
    runs = counts_by_run(results)
    f1, accuracy = mean_interval(runs), mean_interval(runs, statistic=accuracy_of_counts)
    return {
        "targets": len({r.target for r in results}),
        "seeds": len({r.seed for r in results}),
        "macro_f1": [f1.value, f1.low, f1.high],
        "accuracy": [accuracy.value, accuracy.low, accuracy.high],
    }


def accuracy_at(measured: Mapping[str, Any], coverage: float) -> float:
    """Give the accuracy of the surer part of the cells from a stored curve."""
    curve = measured["risk_coverage"]
    return 1.0 - float(np.interp(coverage, curve["coverage"], curve["risk"]))


def total_counts(results: Sequence[RunResult]) -> NDArray[np.int64]:
    """Count label against prediction of all runs together, shape ``(k, k + 1)``."""
    return np.asarray(np.sum([r.total for r in results], axis=0))


def confusion_rows(results: Sequence[RunResult]) -> list[dict[str, Any]]:
    """Give label against prediction of all runs together, in percent of each label."""
    names = results[0].names
    counts = total_counts(results)
    shares = 100.0 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return [
        {"label": name, **{n: f"{v:.1f}" for n, v in zip((*names, "other"), row, strict=True)}}
        for name, row in zip(names, shares, strict=True)
    ]


def page(results: Sequence[RunResult], calibration: Calibrated | None = None) -> str:
    """Write all tables of one recipe as Markdown."""
    mean = overall(results)
    parts = [
        markdown_table(target_rows(results, calibration)),
        f"Mean over {mean['targets']} domains and {mean['seeds']} seeds, with the 95 % interval over groups and seeds: "
        f"macro-F1 {with_interval(*mean['macro_f1'])}, accuracy {with_interval(*mean['accuracy'])}.",
        "F1 by class (cells of the domain left out):",
        markdown_table(class_rows(results)),
        "Label against prediction, percent of the label, all runs together:",
        markdown_table(confusion_rows(results)),
    ]
    return "\n\n".join(parts) + "\n"
