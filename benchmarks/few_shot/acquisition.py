"""Which cells to label: the order "Teaches the model most" against cells as they come, at the level of the head."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.adaptation.instant import InstantAdaptation, InstantResult
from napari_wbc.review.next_cells import CellSpace, next_cells
from napari_wbc.training.evaluation.figures import COLOURS
from napari_wbc.training.evaluation.tables import markdown_table

from .cells import ROOT, Target, halves, targets
from .instant import Figures, head_of, write
from .panels import finish, new_panels
from .tables import written

TARGETS = ("pbc", "pbc (7 classes)", "raabin", "chula by cell", "bccd")
#: Those with enough cells to thin them out to the mix of a smear.
AS_ON_A_SMEAR = ("pbc", "pbc (7 classes)", "raabin")
#: How common the classes are on the smear of an adult; of the last two, a few are looked for in patients.
SHARES = {
    "neutrophil": 0.6, "lymphocyte": 0.29, "monocyte": 0.06, "eosinophil": 0.03, "basophil": 0.01,
    "immature_granulocyte": 0.005, "erythroblast": 0.005,
}  # fmt: skip
BATCH, MOST, DRAWS = 10, 150, 5
#: Our order with the head fitted anew after each batch, the same with what the source said at first, and chance.
ASKED, ASKED_ONCE, CHANCE = "teaches most", "teaches most, source alone", "random"
ORDERS = (ASKED, ASKED_ONCE, CHANCE)
MEASURES = ("balanced_accuracy", "accuracy")
PICTURE = ROOT / "docs" / "images" / "few_shot_acquisition.svg"
_ABOUT = (
    "Labels in batches of 10 from half of the cells of a laboratory that the source never saw, the head fitted after "
    "each (instant mode), test on the other half; groups as in the other tables, 5 draws. *teaches most*: the order "
    "of the review, asked anew after each batch with what the fitted head says. *source alone*: the same order, but "
    "with what the source said before any label. *random*: cells as they come. Full data: the head fitted to all cells "
    "of the half. The data sets hold about as many cells of every class (bccd does not), which no smear does: *mix of "
    "a smear* thins the half that labels come from out to "
    + ", ".join(f"{100 * share:g} % {name.replace('_', ' ')}s" for name, share in SHARES.items())
    + "; the test half stays."
)


def run(
    target: Target, seeds: Iterable[int] = range(DRAWS), *, as_on_a_smear: bool = False
) -> list[dict[str, Any]]:
    """Give one row for every order, number of labels and draw; 0 labels are the source, -1 all cells of the pool."""
    name = f"{target.name}, mix of a smear" if as_on_a_smear else target.name
    figures, ready = Figures(target), InstantAdaptation(target.model, target.embeddings)
    rows: list[dict[str, Any]] = []
    for seed in seeds:
        pool, test = halves(target, seed)
        # The place in the table decides what chance draws.
        pool = np.random.default_rng([seed, 11]).permutation(pool)
        if as_on_a_smear:
            pool = pool[thinned_out(target.labels[pool])]
        space = CellSpace.of(target.embeddings[pool])

        def measured(result: InstantResult, test: NDArray[np.intp] = test) -> dict[str, float]:
            found = figures(result.model, head_of(result.model), test)
            return {name: found[name] for name in (*MEASURES, "source_lost")}

        row = {"target": name, "draw": seed}
        rows.append(row | {"order": "", "labels": 0, **measured(ready.before)})
        whole = ready.fit(pool, list(target.labels[pool]))
        rows.append(row | {"order": "", "labels": -1, **measured(whole)})
        for order in ORDERS:
            chosen = np.zeros(0, np.intp)
            seen = ready.before
            for number in range(BATCH, min(MOST, len(pool)) + 1, BATCH):
                if order == CHANCE:
                    chosen = np.random.default_rng([seed, 13]).permutation(len(pool))[:number]
                else:
                    cells = as_table(target, pool, chosen, ready.before if order == ASKED_ONCE else seen)
                    chosen = np.concatenate([chosen, next_cells(cells, space, most=BATCH)])
                seen = ready.fit(pool[chosen], list(target.labels[pool[chosen]]))
                classes = len(set(target.labels[pool[chosen]]))
                rows.append(row | {"order": order, "labels": number, "classes": classes, **measured(seen)})
    return rows


def thinned_out(labels: NDArray[np.str_]) -> NDArray[np.intp]:
    """Give rows whose classes are as common as on a smear: the first ones of each, as many as there can be.

    Rare classes, of which only a few would be left, set no limit: there is one cell of each at least.
    """
    names, number = np.unique(labels, return_counts=True)
    shares = np.array([SHARES[str(name)] for name in names])
    whole = float((number / shares)[shares > 0.1].min())
    most = dict(zip(names, np.maximum(1, np.rint(shares * whole)), strict=True))
    place = pd.Series(labels).groupby(labels).cumcount().to_numpy()
    return np.flatnonzero(place < np.array([most[label] for label in labels]))


def as_table(
    target: Target, pool: NDArray[np.intp], labelled: NDArray[np.intp], seen: InstantResult
) -> pd.DataFrame:
    """Give the cell table of a slide whose cells are those of the pool, some of them labelled."""
    label = np.array(seen.labels.label, object)[pool]
    status = np.full(len(pool), "model", object)
    label[labelled], status[labelled] = target.labels[pool[labelled]], "reviewed"
    chances = seen.predictions.probabilities[pool]
    return pd.DataFrame(
        {
            "cell_id": np.arange(1, len(pool) + 1),
            "label": label,
            "model_label": np.array(seen.labels.model_label, object)[pool],
            "status": status,
            **{f"p_{name}": chances[:, i] for i, name in enumerate(seen.model.classes)},
        }
    )


def labels_needed(labels: Sequence[int], scores: Sequence[float], wanted: float) -> int | None:
    """Give the fewest labels with a score that is wanted; None where none has it.

    Examples
    --------
    >>> labels_needed([0, 10, 20, 30], [0.5, 0.8, 0.7, 0.9], 0.75)
    10
    """
    reached = [n for n, score in zip(labels, scores, strict=True) if score >= wanted]
    return min(reached, default=None)


def main(work: Path, results: Path) -> None:
    """Measure all targets, write rows, tables and the figure."""
    rows: list[dict[str, Any]] = []
    for target in targets(work):
        if target.name in TARGETS:
            rows += run(target)
        if target.name in AS_ON_A_SMEAR:
            rows += run(target, as_on_a_smear=True)
        print(target.name, flush=True)
    write(rows, results / "acquisition.json")
    found = written(results / "acquisition.json")
    (results / "acquisition.md").write_text(report(found))
    draw_curves(found)


def curves(rows: pd.DataFrame, measure: str) -> dict[str, pd.DataFrame]:
    """Give, for each order, a table of draws (rows) by labels (columns, from 0); all draws of one target."""
    at = rows.pivot_table(index="draw", columns=["order", "labels"], values=measure)
    return {
        order: pd.concat([at[("", 0)].rename(0), at[order]], axis=1)
        for order in rows["order"].unique()
        if order
    }


def report(rows: pd.DataFrame) -> str:
    """Give labels needed, gains and curves as Markdown."""
    parts = ["# Which cells to label", "", _ABOUT, ""]
    for measure in MEASURES:
        title = measure.replace("_", " ")
        lines, gains, figures = [], [], []
        for target, part in rows.groupby("target", sort=False):
            full = part.loc[part["labels"] == -1].set_index("draw")[measure]
            of = curves(part, measure)
            source = part.loc[part["labels"] == 0, measure]
            line: dict[str, object] = {
                "target": target,
                "source, %": _percent(source),
                "full data, %": _percent(full),
            }
            for share in (0.95, 0.98):
                for order, curve in of.items():
                    line[f"{share:.0%}: {order}"] = _needed(curve, full, share)
            lines.append(line)
            gain: dict[str, object] = {"target": target}
            for order in (ASKED, ASKED_ONCE):
                gain[order] = _points((of[order] - of[CHANCE]).drop(columns=0).mean(axis=1))
            gains.append(gain)
            for order, curve in of.items():
                figures.append(
                    {"target": target, "order": order}
                    | {str(n): f"{100 * curve[n].mean():.1f}" for n in curve if n in (0, 10, 20, 30, 50, 70, 100, 150)}
                )  # fmt: skip
        parts += [
            f"## Labels needed, {title}", "",
            "To reach 95 % and 98 % of the score with full data, by the mean curve over the draws; in brackets the "
            "least and the most of single draws.", "", markdown_table(lines), "",
            f"## Gain over random, {title}, points", "",
            "Mean over 10 to 150 labels; mean ± standard deviation over the draws, each against chance on the same "
            "cells.", "", markdown_table(gains), "",
            f"## {title.capitalize()} by number of labels, %", "", markdown_table(figures), "",
        ]  # fmt: skip
    return "\n".join(parts)


def draw_curves(rows: pd.DataFrame) -> None:
    """Draw balanced accuracy against labels, a panel for each target."""
    names = [str(name) for name in rows["target"].unique()]
    figure, panels = new_panels(names, 4, 2.3, sharex=True)
    styles = {ASKED: ("-", "o"), ASKED_ONCE: ("--", None), CHANCE: ("-", "s")}
    colours = dict(zip(styles, (COLOURS[0], COLOURS[2], COLOURS[1]), strict=True))
    for ax, name in zip(panels.flat, names, strict=False):
        part = rows[rows["target"] == name]
        full = 100 * float(part.loc[part["labels"] == -1, MEASURES[0]].mean())
        ax.axhline(full, color="0.4", lw=0.8, label="full data")
        ax.axhline(0.95 * full, color="0.4", lw=0.8, ls=":", label="95 % of it")
        for order, curve in curves(part, MEASURES[0]).items():
            (line, marker), colour = styles[order], colours[order]
            mean, spread = 100 * curve.mean(), 100 * curve.std()
            ax.plot(mean.index, mean, color=colour, ls=line, marker=marker, ms=2.5, lw=1.2, label=order)
            if order != ASKED_ONCE:
                ax.fill_between(mean.index, mean - spread, mean + spread, color=colour, alpha=0.15, lw=0)
    finish(figure, panels, "labels", "balanced accuracy, %", None, PICTURE)


def _needed(curve: pd.DataFrame, full: pd.Series, share: float) -> str:
    labels = [int(n) for n in curve.columns]
    each = [labels_needed(labels, list(curve.loc[draw]), share * full[draw]) for draw in curve.index]
    mean = labels_needed(labels, list(curve.mean()), share * float(full.mean()))
    most = f"> {labels[-1]}" if None in each else f"{max(n for n in each if n is not None)}"
    least = min((n for n in each if n is not None), default=None)
    return f"{_or_more(mean, labels)} ({_or_more(least, labels)}-{most})"


def _or_more(number: int | None, labels: Sequence[int]) -> str:
    return f"> {labels[-1]}" if number is None else str(number)


def _percent(values: pd.Series) -> str:
    return f"{100 * values.mean():.1f} ± {100 * values.std():.1f}"


def _points(values: pd.Series) -> str:
    return f"{100 * values.mean():+.1f} ± {100 * values.std():.1f}"
