"""What napari's status bar and tooltip say about the cell under the mouse, whichever layer is active."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from napari_wbc.cell_table import second_guesses
from napari_wbc.gui.tooltip_text import plain_tooltip
from napari_wbc.leukocytes import class_of

if TYPE_CHECKING:
    from napari.viewer import Viewer


def cell_words(cell: pd.Series) -> tuple[str, ...]:
    """Describe a cell, the most important first.

    Parameters
    ----------
    cell : pandas.Series
        A row of the cell table.
    """
    title = class_of(str(cell["label"])).title
    words = [f"cell {cell['cell_id']}: {title}"]
    # The confidence is that of the model in its own label, not in one that a person gave.
    of = (
        ""
        if cell["label"] == cell["model_label"]
        else f"{class_of(str(cell['model_label'])).title} by the model, "
    )
    words.append(f"{of}confidence {cell['confidence']:.2f}")
    second = second_guesses(cell.to_frame().T).iloc[0]
    if second["label"]:
        words.append(f"else {class_of(str(second['label'])).title} {second['probability']:.2f}")
    words.append(f"novelty {cell['novelty']:.2f}")
    if cell["status"] != "model":
        words.append(str(cell["status"]))
    if cell["flags"]:
        words.append(str(cell["flags"]).replace(";", ", ").replace("_", " "))
    return tuple(words)


class HoverText:
    """Adds the cell under the mouse to what napari itself tells, while the status is made from the layers.

    napari computes its text in a thread and then sets ``viewer.status`` and ``viewer.tooltip.text`` on the GUI thread;
    what is added here follows upon that, so it is never overtaken.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose status bar.
    cell_under : callable
        Gives the row of the cell table (a pandas.Series) at a position of the viewer, or None.
    """

    def __init__(self, viewer: Viewer, cell_under: Callable[[Sequence[float]], pd.Series | None]) -> None:
        self._viewer = viewer
        self._cell_under = cell_under
        self._telling = False
        # After the window, which shows the text that an event brings along.
        viewer.events.status.connect(self._on_status, position="last")
        viewer.tooltip.events.text.connect(self._on_tooltip, position="last")

    def disconnect(self) -> None:
        """Stop adding to the texts."""
        self._viewer.events.status.disconnect(self._on_status)
        self._viewer.tooltip.events.text.disconnect(self._on_tooltip)

    def _on_status(self, event: Any = None) -> None:  # noqa: ARG002 - napari's signature
        words = self._words()
        if words is None:
            return
        line = ", ".join(words)
        status = self._viewer.status
        if isinstance(status, dict):
            place = status.get("coords") or str(status.get("coordinates", "")).split(";")[0]
            status = status | {"coordinates": f"{place}  {line}"}
        else:
            status = line
        self._telling = True
        try:
            self._viewer.status = status
            self._viewer.tooltip.text = plain_tooltip("\n".join(words))
        finally:
            self._telling = False

    def _on_tooltip(self, event: Any = None) -> None:  # noqa: ARG002 - napari's signature
        words = self._words()
        if words is None:
            return
        self._telling = True
        try:
            self._viewer.tooltip.text = plain_tooltip("\n".join(words))
        finally:
            self._telling = False

    def _words(self) -> tuple[str, ...] | None:
        if self._telling or not self._viewer.mouse_over_canvas:
            return None
        cell = self._cell_under(self._viewer.cursor.position)
        return None if cell is None else cell_words(cell)
