"""Files of a differential: CSV and JSON."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_wbc.cell_table import spreadsheet_safe
from napari_wbc.errors import OutputError, system_reason
from napari_wbc.execution.atomic import atomic_path

if TYPE_CHECKING:
    from napari_wbc.differential.count import Differential

_FORMATS = {
    **dict.fromkeys(("percent", "median", "q1", "q3", "lowest", "highest"), ".1f"),
    "ci_low": ".1f",
    "ci_high": ".1f",
    "per_100_wbc": ".1f",
    "absolute_per_l": ".0f",
    "reference_low": "g",
    "reference_high": "g",
}


@contextmanager
def output_file(path: str | Path) -> Iterator[Path]:
    """Give a temporary path that takes the place of ``path`` at the end; say plainly when that is not possible.

    Raises
    ------
    OutputError
        The place cannot be written to.
    """
    try:
        with atomic_path(path) as temporary:
            yield temporary
    except OSError as error:
        raise OutputError(f"cannot write {path}: {system_reason(error)}") from None


def write_differential_csv(differential: Differential, path: str | Path) -> Path:
    """Write ``differential.csv``; an empty field is a number that has no meaning in its row.

    Raises
    ------
    OutputError
        The place cannot be written to.
    """
    with output_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(differential.table.columns)
        for record in differential.table.to_dict("records"):
            writer.writerow([field_text(str(name), value) for name, value in record.items()])
    return Path(path)


def write_differential_json(differential: Differential, path: str | Path) -> Path:
    """Write ``differential.json``: the rows of the CSV and everything else that a differential states.

    Raises
    ------
    OutputError
        The place cannot be written to.
    """
    text = json.dumps(differential.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    with output_file(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return Path(path)


def field_text(name: str, value: Any) -> str:
    """Write a field of ``differential.csv`` with the digits of its column; no spreadsheet runs a text.

    Examples
    --------
    >>> field_text("percent", 7.0), field_text("count", 14), field_text("class", "=x"), field_text("ci_low", math.nan)
    ('7.0', '14', "'=x", '')
    """
    if isinstance(value, str):
        return spreadsheet_safe(value)
    return "" if math.isnan(value) else format(value, _FORMATS.get(name, "d"))
