"""Accuracy against the number of labels, a panel for each laboratory left out."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from napari_wbc.training.evaluation.figures import COLOURS

from .cells import ROOT
from .panels import finish, new_panels

PICTURE = ROOT / "docs" / "images" / "few_shot_labels.svg"
GOAL = 90
#: Method, its line, its marker: how they are told apart without colour.
_STYLES = {
    "instant": ("-", "o"),
    "linear probe": ("--", None),
    "refine": ("", "D"),
    "full fine-tuning": ("", "x"),
}
_TITLES = {
    "instant": "instant",
    "linear probe": "linear probe",
    "refine": "refined",
    "full fine-tuning": "all weights, labels alone",
}


def draw(rows: pd.DataFrame, picture: Path = PICTURE) -> None:
    """Draw means over the draws, with one standard deviation.

    Parameters
    ----------
    rows : pandas.DataFrame
        ``target``, ``method``, ``labels`` ("20 per class" or "100 in all"), ``cells`` (how many were labelled),
        ``draw`` and ``accuracy``. Lines join the numbers per class; of a method that was run on few, all are points.
    """
    names = [str(name) for name in rows["target"].unique()]
    figure, panels = new_panels(names, 3, 2.9, sharey=True)
    colours = dict(zip(_STYLES, COLOURS, strict=False))
    for ax, name in zip(panels.flat, names, strict=False):
        part = rows[rows["target"] == name]
        before = part[part["method"] == "no adaptation"].drop_duplicates("draw")["accuracy"]
        ax.axhline(100 * before.mean(), color="0.4", lw=0.8, label="no adaptation")
        ax.axhline(GOAL, color="0.4", lw=0.8, ls=":", label=f"goal with 100 labels, {GOAL} %")
        for method, (line, marker) in _STYLES.items():
            of = part[part["method"] == method]
            if line:
                of = of[of["labels"].str.endswith("per class")]
            points = of.groupby("labels").agg(
                x=("cells", "mean"), y=("accuracy", "mean"), s=("accuracy", "std")
            )
            points = points.fillna({"s": 0.0}).sort_values("x")
            x, y, spread = points["x"], 100 * points["y"], 100 * points["s"]
            colour, title = colours[method], _TITLES[method]
            if line:
                ax.plot(x, y, color=colour, ls=line, marker=marker, ms=2.5, lw=1.2, label=title)
            if method == "instant":
                ax.fill_between(x, y - spread, y + spread, color=colour, alpha=0.15, lw=0)
            elif not line:
                ax.errorbar(
                    x, y, spread, color=colour, ls="", marker=marker, ms=4, lw=1, capsize=2, label=title
                )
        ax.set_xscale("log")
        ax.set_xticks([5, 10, 25, 50, 100, 250], ["5", "10", "25", "50", "100", "250"], minor=False)
        ax.minorticks_off()
    finish(figure, panels, "labels in all", "accuracy, %", 3, picture)
