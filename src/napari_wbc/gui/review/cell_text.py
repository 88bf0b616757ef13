"""What is said about one cell, in lines. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_wbc.cell_table import second_guesses
from napari_wbc.leukocytes import class_of

if TYPE_CHECKING:
    import pandas as pd


def cell_text(cells: pd.DataFrame) -> str:
    """Give class, model's view, measures, status and flags of the only row of a cell table."""
    cell = cells.iloc[0]
    second = second_guesses(cells).iloc[0]
    lines = [f"Cell {cell['cell_id']}: {class_of(cell['label']).title}"]
    model = "" if cell["model_label"] == cell["label"] else f"{class_of(cell['model_label']).title}, "
    lines.append(f"Model: {model}{cell['confidence']:.2f}")
    if second["label"]:
        lines[-1] += f"; then {class_of(second['label']).title}, {second['probability']:.2f}"
    lines.append(f"Novelty {cell['novelty']:.2f}; cell {cell['cell_area_um2']:.0f} µm²")
    if cell["status"] != "model":
        lines.append(str(cell["status"]).capitalize())
    if cell["flags"]:
        lines.append(str(cell["flags"]).replace(";", ", ").replace("_", " "))
    return "\n".join(lines)
