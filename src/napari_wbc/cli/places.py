"""Where results go: checked before the work starts."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_wbc.errors import OutputError, system_reason
from napari_wbc.results import writable_folder

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["writable_file", "writable_folder", "write_json", "write_table", "write_text"]


def writable_file(path: Path) -> None:
    """Make a file's folder and try to write to it.

    Raises
    ------
    OutputError
        It cannot be written to, or the file's name is that of a folder.
    """
    if path.is_dir():
        raise OutputError(f"{path}: this is a folder; give the name of a file")
    writable_folder(path.parent)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, whole or not at all; texts are such that no spreadsheet runs them.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    from napari_wbc.cell_table import spreadsheet_safe
    from napari_wbc.execution.atomic import atomic_path

    # Names of files come from anywhere.
    safe = table.assign(
        **{
            str(name): table[name].map(
                lambda value: spreadsheet_safe(value) if isinstance(value, str) else value
            )
            for name in table.columns
            if table[name].dtype.kind not in "biuf"
        }
    )
    try:
        with atomic_path(path) as temporary:
            safe.to_csv(temporary, index=False, lineterminator="\n", float_format="%.9g")
    except OSError as error:
        raise OutputError(f"{path}: the table cannot be written ({system_reason(error)})") from None


def write_json(content: Mapping[str, Any], path: Path) -> None:
    """Write plain values as JSON, whole or not at all; a number that is none is null, since JSON has no other word.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    text = json.dumps(_with_null(content), indent=2, ensure_ascii=False, allow_nan=False)
    write_text(f"{text}\n", path)


def write_text(text: str, path: Path) -> None:
    """Write a text, whole or not at all.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    from napari_wbc.execution.atomic import atomic_path

    try:
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: the file cannot be written ({system_reason(error)})") from None


def _with_null(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _with_null(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_null(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
