"""What commands write is whole, and valid whatever numbers it holds."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from napari_wbc.cli.places import write_json, write_text
from napari_wbc.errors import OutputError


def test_a_number_that_is_none_is_null(tmp_path: Path) -> None:
    """A class without cells has no share; JSON has no word for it."""
    content = {"a": {"value": math.nan, "range": (0.5, math.inf)}, "b": [True, None, 1, "nan", -math.inf]}
    write_json(content, tmp_path / "a.json")

    def refuse(word: str) -> None:
        raise AssertionError(word)

    read = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert read == {"a": {"value": None, "range": [0.5, None]}, "b": [True, None, 1, "nan", None]}


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for write in (lambda path: write_json({}, path), lambda path: write_text("", path)):
        with pytest.raises(OutputError, match="the file cannot be written"):
            write(tmp_path / "file" / "a.json")
