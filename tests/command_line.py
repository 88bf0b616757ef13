"""What tests of the command line share."""

from __future__ import annotations

from pathlib import Path

import pytest


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """Give what stands on stderr: one line of ours, no warning and no traceback."""
    text = capsys.readouterr().err
    assert text.count("\n") == 1, text
    assert text.startswith("napari-wbc: ")
    assert "Traceback" not in text
    return text


def hidden_files(folder: Path) -> list[Path]:
    return list(folder.rglob(".*"))
