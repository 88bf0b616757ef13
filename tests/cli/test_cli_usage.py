"""Every command: exit status and one plain line for what is wrong with its options or with the program."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import complaint
from napari_wbc.cli import main

BAD_USAGE = [
    ([], "COMMAND"),
    (["cuont"], "cuont"),
    (["count", "IMAGE"], "--out"),
    (["count", "--out", "OUT"], "IMAGE"),
    (["count", "IMAGE", "--out", "OUT", "--um-per-px", "0"], "µm per px"),
    (["count", "IMAGE", "--out", "OUT", "--um-per-px", "-1"], "µm per px"),
    (["count", "IMAGE", "--out", "OUT", "--um-per-px", "1000"], "µm per px"),
    (["count", "IMAGE", "--out", "OUT", "--um-per-px", "nan"], "µm per px"),
    (["count", "IMAGE", "--out", "OUT", "--um-per-px", "abc"], "no number"),
    (["count", "IMAGE", "--out", "OUT", "--workers", "0"], "--workers"),
    (["count", "IMAGE", "--out", "OUT", "--wbc", "-3"], "white cell count"),
    (["count", "IMAGE", "--out", "OUT", "--device", "tpu"], "--device"),
    (["count", "IMAGE", "--out", "OUT", "--model", "rubust"], "robust"),
    (["count", "IMAGE", "--out", "OUT", "--profile", "nowhere.yaml"], "nowhere.yaml"),
    (["count", "IMAGE", "--out", "IMAGE"], "file is in the way"),
    (["count", "IMAGE", "--out", "IMAGE/below"], "file is in the way"),
    (["segment", "IMAGE", "--out", "OUT/labels.png"], ".ome.zarr"),
    (["segment", "IMAGE", "--out", "IMAGE/labels.tif"], "file is in the way"),
    (["classify", "IMAGE", "--out", "OUT.csv", "--model", "rubust"], "robust"),
    (["sample", "--out", "OUT.png", "--size", "big"], "WIDTHxHEIGHT"),
    (["sample", "--out", "OUT.png", "--size", "0x5"], "WIDTHxHEIGHT"),
    (["sample", "--out", "OUT.png", "--seed", "-1"], "seed"),
    (["contact-sheet", "recipe.toml", "--out", "OUT.png", "--seed", "-1"], "--seed"),
    (["manifest", "IMAGE", "--dataset", "folders", "--out", "OUT.csv", "--workers", "-2"], "--workers"),
    (["models"], "ACTION"),
    (["models", "show", "rubust"], "robust"),
]


@pytest.mark.parametrize(
    ("argv", "word"), BAD_USAGE, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_bad_usage_is_one_plain_line_and_status_2(
    argv: list[str], word: str, small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [part.replace("IMAGE", str(small_file)).replace("OUT", str(tmp_path / "out")) for part in argv]
    assert main(argv) == 2
    assert word in complaint(capsys)
    assert [item for item in tmp_path.rglob("*") if item.is_file()] == [small_file]


@pytest.mark.parametrize("argv", [["count", "--out", "results"], ["segment", "--out", "labels.tif"]])
def test_scheduler_that_is_none_is_said_at_once(
    argv: list[str], small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, option, name = argv
    scheduler = ["--scheduler", "carrier-pigeon://roof"]
    assert (
        main([command, str(small_file), option, str(tmp_path / name), "--um-per-px", "0.1", *scheduler]) == 2
    )
    assert "no dask scheduler answers there" in complaint(capsys)


def test_unexpected_error_is_one_line_and_debug_shows_more(
    small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("an error\nof two lines")

    monkeypatch.setattr("napari_wbc.batch.count_events", fail)
    argv = ["count", str(small_file), "--out", str(tmp_path / "out")]
    assert main(argv) == 1
    line = complaint(capsys)
    assert "ZeroDivisionError: an error" in line
    assert "--debug" in line
    assert main([*argv, "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err
