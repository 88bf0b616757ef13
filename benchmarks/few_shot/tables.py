"""Tables of means over draws, with their spread."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from napari_wbc.training.evaluation.tables import markdown_table


def written(file: Path) -> pd.DataFrame:
    """Read kept rows."""
    return pd.DataFrame(json.loads(file.read_text()))


def table(rows: pd.DataFrame, measure: str) -> str:
    """Give mean and standard deviation over the draws, in percent: a row for each target and method."""
    lines = []
    labels = list(dict.fromkeys(rows["labels"]))
    for (target, method), part in rows.groupby(["target", "method"], sort=False):
        line: dict[str, object] = {"target": target, "method": method}
        for name in labels:
            of = 100 * part.loc[part["labels"] == name, measure]
            if of.empty:
                line[name] = ""
                continue
            spread = "" if of.std() < 0.05 or len(of) == 1 else f" ± {of.std():.1f}"
            line[name] = f"{of.mean():.1f}{spread}"
        lines.append(line)
    return markdown_table(lines)


def report(rows: pd.DataFrame, title: str, about: str) -> str:
    """Give all measures as Markdown."""
    parts = [f"# {title}", "", about, ""]
    titles = {
        "accuracy": "Accuracy, %",
        "balanced_accuracy": "Balanced accuracy, %",
        "macro_f1": "Macro-F1, %",
        "source_lost": "Accuracy lost on cells of the training laboratories, points",
    }
    for measure, heading in titles.items():
        parts += [f"## {heading}", "", table(rows, measure), ""]
    return "\n".join(parts)
