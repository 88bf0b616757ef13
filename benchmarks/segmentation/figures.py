"""The figures of docs/segmentation.md, from the JSON files of results/ (needs matplotlib, which napari brings)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

# Okabe and Ito's colours, which colour-blind readers can tell apart.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
_PEERS_FIGURE, _ROBUSTNESS_FIGURE = "segmentation_peers.svg", "segmentation_robustness.svg"


def draw_all(results: Path, images: Path) -> None:
    """Draw what there are results for."""
    import matplotlib as mpl

    mpl.use("Agg")
    # The same SVG for the same figures.
    mpl.rcParams |= {"svg.hashsalt": "napari-wbc", "font.size": 9, "axes.spines.top": False}
    mpl.rcParams["axes.spines.right"] = False
    for name, draw, file in (
        ("peers", _peers, _PEERS_FIGURE),
        ("robustness", _robustness, _ROBUSTNESS_FIGURE),
    ):
        source = results / f"{name}.json"
        if source.exists():
            figure = draw(json.loads(source.read_text()))
            figure.savefig(images / file, metadata={"Date": None}, bbox_inches="tight")


def _peers(content: dict[str, Any]) -> Any:
    """F1 per source and method, with intervals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 3.0))
    axes = figure.subplots()
    methods = content["methods"]
    domains = list(next(iter(methods.values()))["domains"])
    width = 0.8 / len(methods)
    for k, (method, f) in enumerate(methods.items()):
        values = np.array([f["domains"][d]["f1_iou"] for d in domains])
        place = np.arange(len(domains)) + (k - (len(methods) - 1) / 2) * width
        error = np.clip([values[:, 0] - values[:, 1], values[:, 2] - values[:, 0]], 0, None)
        axes.bar(place, values[:, 0], width * 0.92, color=_COLOURS[k], label=method)
        axes.errorbar(place, values[:, 0], error, fmt="none", ecolor="0.25", elinewidth=0.8)
    axes.set_xticks(range(len(domains)), domains)
    axes.set_ylim(0, 1)
    axes.set_ylabel("F1 of boxes (IoU 0.5)")
    axes.legend(ncols=len(methods), loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    return figure


def _robustness(content: dict[str, Any]) -> Any:
    """F1 lost per disturbance, a dot per source."""
    from matplotlib.figure import Figure

    from .fields import FULLY_MARKED

    figure = Figure(figsize=(7.5, 5.0))
    axes = figure.subplots()
    disturbances = content["disturbances"][::-1]
    for k, domain in enumerate(FULLY_MARKED):
        points = [
            (d["sources"][domain]["f1_iou_lost"][0], row)
            for row, d in enumerate(disturbances)
            if domain in d["sources"]
        ]
        x, y = zip(*points, strict=True)
        axes.plot(x, np.array(y) + 0.12 * (k - 1.5), "o", ms=4, color=_COLOURS[k], label=domain)
    for row, d in enumerate(disturbances):
        if d["goal"] is not None:
            axes.plot([d["goal"]] * 2, [row - 0.4, row + 0.4], color="0.3", lw=1.2)
    axes.axvline(0, color="0.7", lw=0.8, zorder=0)
    axes.set_yticks(range(len(disturbances)), [d["name"] for d in disturbances])
    axes.set_xlabel("F1 (IoU 0.5) lost against the undisturbed image; the strokes are the goals")
    axes.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.4, 1.0), frameon=False)
    return figure
