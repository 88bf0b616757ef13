"""Tables and figures of docs/classification.md, from the runs under benchmarks/results."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.pages import fill

from napari_wbc.training.config import TrainingConfig
from napari_wbc.training.evaluation import figures, summary
from napari_wbc.training.evaluation.bootstrap import Interval, mean_interval, paired_difference
from napari_wbc.training.evaluation.metrics import accuracy_of_counts
from napari_wbc.training.evaluation.out_of_fold import calibrated
from napari_wbc.training.evaluation.results import RunResult, counts_by_run, read_results
from napari_wbc.training.evaluation.tables import markdown_table, mean_and_spread, with_interval

from .ladder import RESULTS, ROOT, TRANSFERS, Ladder, read_ladder
from .shipped import FOLDER, RECIPE
from .trust_tables import trust_tables

PAGE = ROOT / "docs" / "classification.md"
IMAGES = ROOT / "docs" / "images"
#: What others publish for the two transfers: measure, value, and what it is.
PUBLISHED = {
    "pbc-to-raabin": "macro-F1 0.450 (best of the frozen foundation models)",
    "raabin-to-bccd": "accuracy 0.531",
}
Calibration = dict[tuple[str, int], dict[str, Any]]


def write(results: Path, work: Path) -> None:
    """Write what there are runs for: calibration, tables, figures, and the page."""
    ladder = read_ladder()
    found = {row.name: runs for row in ladder.rows if (runs := read_results(results / "ladder" / row.name))}
    shipped = read_results(results / FOLDER)
    if not found and not shipped:
        print(f"no runs under {os.path.relpath(results)}")
        return
    calibration = {
        row.name: _calibration(f"ladder/{row.name}", found[row.name], row.config, results, work)
        for row in ladder.rows
        if row.name in found
    }
    tables = {}
    if found:
        tables["ladder"] = _ladder_table(ladder, found, calibration)
    if ladder.reference in found:
        tables["reference-by-domain"] = summary.page(found[ladder.reference], calibration[ladder.reference])
    # The recipe at the budget of the ladder, until there are runs of it as it is shipped.
    recipe, measured = found.get("recipe", []), calibration.get("recipe", {})
    if shipped:
        config = TrainingConfig.from_toml(RECIPE)
        recipe, measured = shipped, _calibration(FOLDER, shipped, config, results, work)
    if recipe:
        tables["recipe-by-domain"] = summary.page(recipe, measured)
    single = _single_source_table(ladder, results / "single-source")
    if single:
        tables["single-source"] = single
    tables |= trust_tables(results / "trust")
    for name, text in tables.items():
        (results / f"{name}.md").write_text(text.strip() + "\n", encoding="utf-8")
        print(f"\n## {name}\n\n{text}")
    # A rehearsal elsewhere leaves the page alone.
    images = IMAGES if results == RESULTS else results
    intervals = {r.title: mean_interval(counts_by_run(found[r.name])) for r in ladder.rows if r.name in found}
    if intervals:
        figures.save_figure(_bars(intervals), images / "classification_ladder.svg")
    if recipe:
        _draw_recipe(recipe, measured, images)
    if results == RESULTS:
        fill(PAGE, results)


def _calibration(
    folder: str, runs: Sequence[RunResult], config: TrainingConfig, results: Path, work: Path
) -> Calibration:
    """Calibrate the runs whose logits are still here, and keep the others as they were."""
    file = results / folder / "calibration.json"
    kept: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    logits = {(r.target, r.seed): work / folder / f"{r.target}-{r.seed}.npz" for r in runs}
    fresh = calibrated({k: path for k, path in logits.items() if path.is_file()}, config)
    kept |= {f"{target}-{seed}": measured for (target, seed), measured in fresh.items()}
    if kept:
        file.write_text(
            "{\n" + ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in kept.items()) + "\n}\n"
        )
    return {(name.rpartition("-")[0], int(name.rpartition("-")[2])): m for name, m in kept.items()}


def _ladder_table(
    ladder: Ladder, found: dict[str, list[RunResult]], calibration: dict[str, Calibration]
) -> str:
    """One line a row: mean over the domains, its gain over the reference and over the row that it changes."""
    counts = {name: counts_by_run(runs) for name, runs in found.items()}
    lines = []
    for row in ladder.rows:
        if row.name not in found:
            continue
        runs = found[row.name]
        line: dict[str, Any] = {"row": row.title, "runs": len(runs)}
        for target in ladder.domains:
            values = [r.unseen["metrics"]["macro_f1"] for r in runs if r.target == target]
            line[target] = mean_and_spread(values)
        line["macro-F1"] = _text(mean_interval(counts[row.name]))
        line["accuracy"] = f"{mean_interval(counts[row.name], statistic=accuracy_of_counts).value:.3f}"
        line["against the reference"] = _gain(counts, row.name, ladder.reference)
        line["against the row before"] = _gain(counts, row.name, row.after)
        errors = [c["unseen"]["metrics"]["calibration_error"] for c in calibration[row.name].values()]
        line["calibration error"] = mean_and_spread(errors)
        lines.append(line)
    steps = next(iter(found.values()))[0].settings["training"]["steps"]
    batch = next(iter(found.values()))[0].settings["training"]["batch"]
    reference = next(r.title for r in ladder.rows if r.name == ladder.reference)
    return (
        markdown_table(lines)
        + "\n\nMacro-F1 of five classes on the domain left out, mean ± standard deviation over the seeds; "
        f"{steps} steps of {batch} crops for every row, at most {ladder.most_cells} cells of each domain, always the "
        'same. "Macro-F1" is the mean over the domains with its 95 % interval over groups and seeds; the gains '
        f"(reference: {reference}) are paired: the same cells, seeds and draws. The calibration error is "
        "that with the temperature of the other domains left out."
        "\n\n`python -m benchmarks.classification ladder`, then `table`."
    )


def _text(interval: Interval) -> str:
    return with_interval(interval.value, interval.low, interval.high)


def _gain(counts: dict[str, Any], name: str, against: str) -> str:
    if not against or name == against or not set(counts.get(against, ())) & set(counts[name]):
        return ""
    difference = paired_difference(counts[name], counts[against])
    return f"{difference.value:+.3f} ({difference.low:+.3f} to {difference.high:+.3f})"


def _single_source_table(ladder: Ladder, folder: Path) -> str:
    lines = []
    for source, target in TRANSFERS:
        for row in ladder.rows:
            runs = read_results(folder / f"{source}-to-{target}" / row.name)
            if not runs:
                continue
            metrics = [r.unseen["metrics"] for r in runs]
            counts = counts_by_run(runs)
            lines.append(
                {
                    "transfer": f"{source} to {target}",
                    "row": row.title,
                    "seeds": len(runs),
                    "cells": metrics[0]["cells"],
                    "macro-F1": _text(mean_interval(counts)),
                    "spread": mean_and_spread([m["macro_f1"] for m in metrics]),
                    "accuracy": _text(mean_interval(counts, statistic=accuracy_of_counts)),
                    "published": PUBLISHED[f"{source}-to-{target}"],
                }
            )
    if not lines:
        return ""
    return markdown_table(lines) + (
        "\n\nTrained on one data set with its five common classes, tested on every cell of the other one. "
        "Intervals: 95 %, over groups and seeds.\n\n`python -m benchmarks.classification single-source`, then `table`."
    )


def _draw_recipe(runs: Sequence[RunResult], calibration: Calibration, images: Path) -> None:
    """Reliability, risk by coverage and confusion of the recipe."""
    # One seed is enough to see the shape; the tables have all of them.
    first = min(r.seed for r in runs)
    measured = {
        r.target: calibration.get((r.target, r.seed), {}).get("unseen", r.unseen)
        for r in runs
        if r.seed == first
    }
    figures.save_figure(
        figures.reliability_figure({t: m["reliability"] for t, m in measured.items()}),
        images / "classification_reliability.svg",
    )
    figures.save_figure(
        figures.risk_coverage_figure({t: m["risk_coverage"] for t, m in measured.items()}),
        images / "classification_risk_coverage.svg",
    )
    figures.save_figure(
        figures.confusion_figure(summary.total_counts(runs), runs[0].names),
        images / "classification_confusion.svg",
    )


def _bars(intervals: dict[str, Interval]) -> Any:
    figure = figures.new_figure(7.5, 0.7 + 0.26 * len(intervals))
    axes = figure.subplots()
    for place, i in enumerate(reversed(intervals.values())):
        axes.barh(place, i.value, color=figures.COLOURS[0], height=0.7)
        axes.plot([i.low, i.high], [place, place], color="k", lw=1.0)
    axes.set_yticks(range(len(intervals)), list(intervals)[::-1])
    axes.set(xlim=(0, 1), xlabel="macro-F1 on domains left out, mean (95 % interval)")
    return figure
