"""Figures with a panel for each target, and one legend for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_wbc.training.evaluation.figures import new_figure, save_figure


def new_panels(names: Sequence[str], across: int, width: float, **shared: bool) -> tuple[Any, Any]:
    """Give a figure with a panel for each name, so many across, and its panels as an array.

    Parameters
    ----------
    names : sequence of str
        Titles of the panels, row by row.
    across : int
        Panels in a row.
    width : float
        Of a panel, inches.
    **shared
        ``sharex`` and ``sharey`` of :meth:`matplotlib.figure.Figure.subplots`.
    """
    down = -(-len(names) // across)
    figure = new_figure(width * across, 2.3 * down + 0.4)
    panels = figure.subplots(down, across, squeeze=False, **shared)
    for ax, name in zip(panels.flat, names, strict=False):
        ax.set_title(name, fontsize=8)
    return figure, panels


def finish(figure: Any, panels: Any, x: str, y: str, columns: int | None, picture: Path) -> None:
    """Name the axes at the edges, put one legend below all panels, and save."""
    for ax in panels[-1]:
        ax.set_xlabel(x)
    for ax in panels[:, 0]:
        ax.set_ylabel(y)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns or len(labels), frameon=False)
    save_figure(figure, picture)
