"""The order of the checks, and what is left out where an earlier one failed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from napari_wbc.installation import examine
from napari_wbc.installation.check import Check, Status


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, Check]:
    """What each part finds; a test may change it. The self-test names the device that it is asked for."""
    checks = {
        name: Check(name, "ok", "", {"cuda": False})
        for name in ("Python", "packages", "machine", "GPU", "model robust", "viewer")
    }
    monkeypatch.setattr(examine, "check_python", lambda: checks["Python"])
    monkeypatch.setattr(examine, "check_packages", lambda: iter([checks["packages"]]))
    monkeypatch.setattr(examine, "check_machine", lambda: checks["machine"])
    monkeypatch.setattr(examine, "check_gpu", lambda: checks["GPU"])
    monkeypatch.setattr(examine, "check_models", lambda: iter([checks["model robust"]]))
    monkeypatch.setattr(examine, "check_viewer", lambda: checks["viewer"])

    def self_test(device: str) -> Iterator[Check]:
        yield Check(f"cells ({device})", "ok", "")

    monkeypatch.setattr(examine, "run_self_test", self_test)
    return checks


@pytest.mark.parametrize(
    ("home", "written"), [("/home/ada", "~/models"), ("/", "/home/ada/models"), ("", "/home/ada/models")]
)
def test_the_name_of_the_home_folder_is_left_out(
    monkeypatch: pytest.MonkeyPatch, home: str, written: str
) -> None:
    # With an empty name nobody knows where home is, as for the numbered users of containers.
    monkeypatch.setattr("os.path.expanduser", lambda path: home or path)
    place = "/home/ada/models"
    said = examine.record([Check("models", "ok", place, {"folder": place, "all": [place], "n": 1})])
    (check,) = said["checks"]
    assert check == {
        "name": "models",
        "status": "ok",
        "text": written,
        "details": {"folder": written, "all": [written], "n": 1},
    }


def names() -> list[str]:
    return [check.name for check in examine.examine()]


def test_everything_is_looked_at(found: dict[str, Check]) -> None:
    assert names() == [*found, "cells (cpu)"]


def test_where_packages_are_missing_nothing_that_needs_them_is_tried(found: dict[str, Check]) -> None:
    found["packages"] = Check("packages", "failed", "numpy is missing")
    assert names() == ["Python", "packages"]


@pytest.mark.parametrize(("status", "tried"), [("ok", True), ("failed", False)])
def test_a_sound_gpu_counts_as_well(found: dict[str, Check], status: Status, tried: bool) -> None:
    found["GPU"] = Check("GPU", status, "", {"cuda": True})
    assert ("cells (cuda)" in names()) == tried


def test_without_the_bundled_model_nothing_is_counted(found: dict[str, Check]) -> None:
    found["model robust"] = Check("model robust", "failed", "altered")
    assert names()[-1] == "viewer"
