"""Tables of means over draws, with their spread."""

from __future__ import annotations

import json
from collections.abc import Sequence
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
            line[name] = _mean_and_spread(of)
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


_METHODS = ("no adaptation", "instant", "refine", "full fine-tuning", "Reinhard and full fine-tuning")


def side_by_side(files: Sequence[Path], labels: str) -> str:
    """Give all methods with one number of labels as Markdown: means over the draws, with their standard deviation."""
    rows = pd.concat([written(file) for file in files if file.is_file()])
    # "No adaptation" stands in several files, on other test cells of the same draws: those of the refine mode count.
    rows = rows.drop_duplicates(["target", "method", "labels", "draw"], keep="last")
    rows = rows[(rows["labels"] == labels) & rows["method"].isin(_METHODS)]
    # Draws differ by more than methods do: only those that the refine mode was run on are set side by side.
    common = set(rows.loc[rows["method"] == "refine", ["target", "draw"]].itertuples(index=False, name=None))
    rows = rows[[pair in common for pair in zip(rows["target"], rows["draw"], strict=True)]]
    lines = []
    for target in dict.fromkeys(rows["target"]):
        for method in _METHODS:
            of = rows[(rows["target"] == target) & (rows["method"] == method)]
            if len(of):
                figures = {
                    title: _mean_and_spread(100 * of[name])
                    for name, title in (
                        ("accuracy", "accuracy, %"),
                        ("balanced_accuracy", "balanced accuracy, %"),
                        ("macro_f1", "macro-F1, %"),
                        ("source_lost", "lost at the source, points"),
                    )
                }
                lines.append({"target": target, "method": method, "draws": len(of)} | figures)
    return markdown_table(lines)


def _mean_and_spread(values: pd.Series[float]) -> str:
    spread = "" if len(values) == 1 or values.std() < 0.05 else f" ± {values.std():.1f}"
    return f"{values.mean():.1f}{spread}"
