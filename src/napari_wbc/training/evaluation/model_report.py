"""A model bundle on labelled images, as a user gets its labels: by domain, with what it leaves unidentified."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_wbc.classification.bundle import Model, load_model
from napari_wbc.classification.predict import classify
from napari_wbc.execution.progress import CancelToken, Progress, ProgressCallback
from napari_wbc.leukocytes import UNIDENTIFIED, coarse_class
from napari_wbc.training.evaluation.metrics import FIVE_CLASSES, compare
from napari_wbc.training.evaluation.results import measures_of
from napari_wbc.training.evaluation.summary import accuracy_at
from napari_wbc.training.evaluation.tables import markdown_table

# Images are read and classified in groups: bounded memory, and progress.
_GROUP = 256


def evaluate_model(
    model: str | Path | Model,
    rows: pd.DataFrame,
    *,
    device: str = "auto",
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> dict[str, Any]:
    """Classify labelled single-cell images and compare.

    Parameters
    ----------
    model : str, Path or Model
        A bundle.
    rows : pandas.DataFrame
        From :func:`~napari_wbc.training.manifests.read_manifest`.
    device : {"auto", "cpu", "cuda"}
        Where to run.
    progress, cancel : optional
        A callback and a token to stop.

    Returns
    -------
    dict
        Plain values: ``model``, ``classes``, and for each of ``domains`` ``five`` (neutrophil, lymphocyte, monocyte,
        eosinophil, basophil), ``coarse`` and ``fine`` with metrics, reliability, risk by coverage and counts, and
        ``unidentified``: share of the cells, and accuracy of the cells that kept a label.
    """
    loaded = model if isinstance(model, Model) else load_model(model)
    parts = []
    for start in range(0, len(rows), _GROUP):
        part = rows.iloc[start : start + _GROUP]
        parts.append(
            classify(
                list(part["path"]),
                model=loaded,
                um_per_px=list(part["um_per_px"]),
                device=device,
                cancel=cancel,
            )
        )
        if progress is not None:
            progress(Progress("Classifying cells", min(start + _GROUP, len(rows)), len(rows), "cell"))
    table = pd.concat(parts, ignore_index=True)
    domains = {}
    for domain in sorted(rows["domain"].unique()):
        inside = (rows["domain"] == domain).to_numpy()
        domains[str(domain)] = _measured(table[inside], list(rows["label"][inside]), loaded.classes)
    return {
        "model": loaded.info["name"],
        "sha256": loaded.sha256,
        "classes": list(loaded.classes),
        "domains": domains,
    }


def _measured(table: pd.DataFrame, labels: Sequence[str], classes: Sequence[str]) -> dict[str, Any]:
    probabilities = table[[f"p_{c}" for c in classes]].to_numpy()
    result: dict[str, Any] = {"cells": len(table)}
    for title, level, names in (
        ("five", "coarse", FIVE_CLASSES),
        ("coarse", "coarse", None),
        ("fine", "fine", None),
    ):
        comparison = compare(probabilities, classes, labels, level=level, names=names)
        if len(comparison.truth):
            counts = comparison.counts().tolist()
            result[title] = {**measures_of(comparison), "names": list(comparison.names), "counts": counts}
    kept = (table["label"] != UNIDENTIFIED).to_numpy()
    right = np.array(
        [coarse_class(p) == coarse_class(t) for p, t in zip(table["label"], labels, strict=True)]
    )
    result["unidentified"] = {
        "share": round(float(1.0 - kept.mean()), 4),
        "accuracy_of_the_others": round(float(right[kept].mean()), 4) if kept.any() else None,
    }
    return result


def model_page(measured: dict[str, Any]) -> str:
    """Write the tables of :func:`evaluate_model` as Markdown."""
    rows, f1_rows = [], []
    for domain, of_domain in measured["domains"].items():
        for title in ("five", "coarse", "fine"):
            if title not in of_domain:
                continue
            metrics = of_domain[title]["metrics"]
            rows.append(
                {
                    "domain": domain,
                    "classes": f"{title} ({len(metrics['f1'])})",
                    "cells": metrics["cells"],
                    "macro-F1": metrics["macro_f1"],
                    "accuracy": metrics["accuracy"],
                    "balanced accuracy": metrics["balanced_accuracy"],
                    "calibration error": metrics["calibration_error"],
                    "accuracy at 80 %": accuracy_at(of_domain[title], 0.8),
                    "unidentified": f"{of_domain['unidentified']['share']:.1%}",
                }
            )
            cells = metrics["support"]
            scores = {k: f"{v:.3f} ({cells[k]})" for k, v in metrics["f1"].items()}
            f1_rows.append(
                {
                    "domain": domain,
                    "classes": title,
                    "F1 (cells)": ", ".join(f"{k} {v}" for k, v in scores.items()),
                }
            )
    return "\n".join(
        [
            f"# {measured['model']}",
            "",
            markdown_table(rows),
            "",
            "*five*: neutrophil, lymphocyte, monocyte, eosinophil and basophil; *coarse*: neutrophils and immature "
            "granulocytes as one class each; *fine*: all classes of the model. Every cell counts here, also those that "
            'the model leaves unidentified; "at 80 %" is the accuracy of the surer 80 % of the cells.',
            "",
            markdown_table(f1_rows),
            "",
        ]
    )
