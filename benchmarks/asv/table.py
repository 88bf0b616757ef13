"""Time of the cell table and of what is made from it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import ClassVar

from napari_wbc.cell_table import read_cells_csv, write_cells_csv
from napari_wbc.differential.count import differential

from .chance_cells import random_cells

#: Rows of the tables.
ROWS = [200, 20_000]


class Table:
    """Cells by chance."""

    params: ClassVar[list[int]] = ROWS
    param_names: ClassVar[list[str]] = ["rows"]
    timeout = 300

    def setup(self, rows: int) -> None:
        """Make the table, and a file of it."""
        self.cells, _ = random_cells(rows, 20_000)
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name) / "cells.csv"
        write_cells_csv(self.cells, self.file)
        self.written = Path(self.folder.name) / "written.csv"

    def teardown(self, rows: int) -> None:  # noqa: ARG002
        """Remove the files."""
        self.folder.cleanup()

    def time_write(self, rows: int) -> None:  # noqa: ARG002
        """Write ``cells.csv``."""
        write_cells_csv(self.cells, self.written)

    def time_read(self, rows: int) -> None:  # noqa: ARG002
        """Read ``cells.csv``."""
        read_cells_csv(self.file)

    def time_differential(self, rows: int) -> None:  # noqa: ARG002
        """Count the table, with the intervals of sampling."""
        differential(self.cells)

    def time_differential_with_errors(self, rows: int) -> None:  # noqa: ARG002
        """Count the table, with the intervals that hold the errors of the model."""
        _ = differential(self.cells).propagated
