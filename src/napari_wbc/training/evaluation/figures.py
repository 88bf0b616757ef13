"""Figures of an evaluation (needs matplotlib: ``pip install "napari-wbc[train]"``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_wbc.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure that needs no display.

    Raises
    ------
    InputError
        matplotlib is missing.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError('figures need matplotlib: pip install "napari-wbc[train]"') from None
    # The same SVG for the same figures.
    mpl.rcParams |= {"svg.hashsalt": "napari-wbc", "font.size": 9}
    mpl.rcParams |= {"axes.spines.top": False, "axes.spines.right": False}
    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure; SVG files of the same figure are equal."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    metadata = {"Date": None} if Path(path).suffix == ".svg" else None
    figure.savefig(path, metadata=metadata)


def reliability_figure(curves: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw accuracy against confidence; the area of a dot is the share of the cells in its bin.

    Bins with fewer than ten cells are left out: their accuracy is chance.

    Parameters
    ----------
    curves : mapping of str to mapping
        Title to :meth:`~napari_wbc.training.evaluation.reliability.Reliability.to_dict`.
    """
    figure = new_figure(4.2, 4.2)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", lw=0.8, zorder=0)
    for colour, (title, curve) in zip(_colours(), curves.items(), strict=False):
        cells = np.array(curve["cells"], float)
        filled = cells >= 10
        x = np.array(curve["confidence"], float)[filled]
        y = np.array(curve["accuracy"], float)[filled]
        axes.plot(x, y, color=colour, lw=1.0, label=title)
        axes.scatter(x, y, s=400 * cells[filled] / cells.sum(), color=colour, alpha=0.6, lw=0)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="accuracy", aspect="equal")
    axes.legend(frameon=False)
    return figure


def risk_coverage_figure(curves: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw the share of wrong labels against the share of cells that keep one, the surest first.

    Parameters
    ----------
    curves : mapping of str to mapping
        Title to :meth:`~napari_wbc.training.evaluation.reliability.RiskCoverage.to_dict`.
    """
    figure = new_figure(4.8, 3.4)
    axes = figure.subplots()
    for colour, (title, curve) in zip(_colours(), curves.items(), strict=False):
        axes.plot(curve["coverage"], curve["risk"], color=colour, lw=1.4, label=title)
    axes.axvline(0.8, color="0.7", lw=0.8, zorder=0)
    axes.set(
        xlim=(0, 1), ylim=(0, None), xlabel="share of cells with a label", ylabel="share of wrong labels"
    )
    axes.legend(frameon=False)
    return figure


def confusion_figure(counts: NDArray[np.number], names: Sequence[str]) -> Figure:
    """Draw label (rows, those that have cells) against prediction, in percent of each label.

    Parameters
    ----------
    counts : numpy.ndarray, shape (k, k + 1)
        The last column are predictions of other classes.
    names : sequence of str, length k
        The classes.
    """
    present = np.asarray(counts).sum(axis=1) > 0
    figure = new_figure(1.8 + 0.75 * len(names), 1.2 + 0.5 * int(present.sum()))
    axes = figure.subplots()
    cells = np.asarray(counts).sum(axis=1)[present]
    shares = 100.0 * np.asarray(counts)[present] / cells[:, None]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    for (row, column), value in np.ndenumerate(shares):
        axes.text(column, row, f"{value:.1f}", ha="center", va="center", color="w" if value > 55 else "k")
    titles = [n.replace("_", " ") for n in names]
    axes.set_xticks(range(len(names) + 1), [*titles, "other"], rotation=30, ha="right")
    labels = [t for t, p in zip(titles, present, strict=True) if p]
    axes.set_yticks(range(len(labels)), [f"{t} ({n})" for t, n in zip(labels, cells, strict=True)])
    axes.set(xlabel="prediction, % of the label", ylabel="label (cells)")
    return figure


def _colours() -> list[str]:
    """Enough colours, in turn."""
    return list(COLOURS) * 4
