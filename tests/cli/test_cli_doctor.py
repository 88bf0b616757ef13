"""``napari-wbc doctor``: the whole look at this installation, and what a broken model does to it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from command_line import complaint
from napari_wbc.classification import bundle
from napari_wbc.cli import main
from napari_wbc.installation import examine


def test_this_installation_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_WBC_MODELS", str(tmp_path / "none"))
    file = tmp_path / "doctor.json"
    status = main(["doctor", "--json", str(file)])
    lines = capsys.readouterr().out.splitlines()
    assert status == 0, "\n".join(lines)
    assert all(re.match(r"(ok     |note   ) \S", line) for line in lines[:-1]), lines
    assert lines[-1] == f"{len(lines) - 1} checks, none failed: this installation works"
    said = json.loads(file.read_text(encoding="utf-8"))
    assert said["works"] is True
    assert "research use only" in said["research_use"]
    found = {check["name"]: check for check in said["checks"]}
    assert len(found) == len(lines) - 1
    assert {"Python", "packages", "machine", "GPU", "model robust", "viewer"} <= set(found)
    # The drawing is the same everywhere, so this is known.
    assert found["cells (cpu)"]["details"]["drawn"] == 49
    assert found["differential (cpu)"]["details"]["percent"]["lymphocyte"]["drawn"] == pytest.approx(24.5)
    assert str(Path.home()) not in file.read_text(encoding="utf-8")


def test_a_broken_model_is_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "ours"
    folder.mkdir()
    (folder / "model.json").write_text("{")
    monkeypatch.setenv("NAPARI_WBC_MODELS", str(tmp_path))
    # What takes seconds and is not asked for here.
    for name in ("check_packages", "check_viewer"):
        monkeypatch.setattr(examine, name, lambda: iter(()))
    monkeypatch.setattr(bundle, "_bundled_dirs", list)
    assert main(["doctor", "--quiet"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["failed", "models"], ["failed", "model"]]
    assert "pip install --force-reinstall napari-wbc" in lines[0]
    assert str(folder / "model.json") in lines[1]


def test_a_count_that_fails_is_a_failed_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(device: str) -> None:
        raise ValueError(f"no luck on {device}\nwith details")

    monkeypatch.setattr(examine, "run_self_test", broken)
    (check,) = examine._self_test("cpu")
    assert check.status == "failed"
    assert "the count failed: Unexpected error (ValueError): no luck on cpu; " in check.text


def test_a_place_that_cannot_be_written_to_is_bad_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--json", str(tmp_path)]) == 2
    assert str(tmp_path) in complaint(capsys)
