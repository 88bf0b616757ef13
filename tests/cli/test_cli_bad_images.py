"""Images that cannot be counted: one plain line each, and the others go on."""

from __future__ import annotations

from pathlib import Path

import pytest
from bad_images import BAD_INPUTS, missing, one_pixel, white

from command_line import complaint, hidden_files
from napari_wbc.cli import main
from napari_wbc.results import FILES


@pytest.mark.parametrize(
    ("make", "word"), BAD_INPUTS.items(), ids=lambda value: getattr(value, "__name__", "")
)
def test_bad_input_is_one_plain_line(
    make: object, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = make(tmp_path)  # type: ignore[operator]
    assert main(["count", str(bad), "--out", str(tmp_path / "out")]) == 1
    line = complaint(capsys)
    assert line.startswith(f"napari-wbc: {bad}")
    assert word in line
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("make", [white, one_pixel])
def test_blank_image_of_known_scale_has_no_cells(
    make: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blank = make(tmp_path)  # type: ignore[operator]
    assert main(["count", str(blank), "--out", str(tmp_path / "out"), "--um-per-px", "0.1"]) == 0
    assert "No leukocyte" in capsys.readouterr().out
    assert sorted(item.name for item in (tmp_path / "out" / blank.stem).iterdir()) == sorted(FILES)


def test_bad_inputs_do_not_stop_the_batch(
    small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, make in enumerate(BAD_INPUTS):
        (tmp_path / str(number)).mkdir()
        make(tmp_path / str(number))
    bad = [str(make(tmp_path / str(number)) if make is missing else next((tmp_path / str(number)).iterdir()))
           for number, make in enumerate(BAD_INPUTS)]  # fmt: skip
    blank = sum(make in (white, one_pixel) for make in BAD_INPUTS)
    out = tmp_path / "out"
    assert main(["count", *bad, str(small_file), "--out", str(out), "--um-per-px", "0.1"]) == 1
    written = capsys.readouterr()
    lines = written.err.splitlines()
    assert len(lines) == len(bad) - blank + 1
    assert (
        lines[-1]
        == f"napari-wbc: {len(bad) - blank} of {len(bad) + 1} images failed; the others are finished"
    )
    assert sorted(folder.name for folder in out.iterdir() if folder.is_dir()) == ["dot", "small", "white"]
    assert hidden_files(out) == []
