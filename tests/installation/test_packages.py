"""What is said of packages: there, missing, too old, broken."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from napari_wbc.installation import packages
from napari_wbc.installation.packages import EXTRAS, check_packages, look_for, requirements_of


def install(folder: Path, name: str, version: str, content: str) -> None:
    """Put a package into a folder as pip leaves it."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (folder / f"{name}.py").write_text(content)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_package_that_is_there(folder: Path) -> None:
    install(folder, "drawnwell", "1.2", "x = 1\n")
    (found,) = look_for([Requirement("drawnwell>=1.2")])
    assert (found.version, found.problem) == ("1.2", "")
    # Some packages do not go with a viewer: they are loaded in a process of their own.
    assert "drawnwell" not in sys.modules


def test_a_package_that_is_too_old(folder: Path) -> None:
    install(folder, "drawnearly", "1.1", "x = 1\n")
    (found,) = look_for([Requirement("drawnearly>=1.2")])
    assert found.problem == "drawnearly 1.1 does not fit >=1.2"


def test_a_package_that_cannot_be_loaded(folder: Path) -> None:
    install(folder, "drawnbroken", "1.2", "raise OSError('libdraw.so.1: cannot open\\nand more')\n")
    install(folder, "drawnfatal", "1.2", "import os\nos._exit(139)\n")
    install(folder, "drawnwhole", "1.2", "print('said by a package')\n")
    found = look_for([Requirement(f"drawn{name}") for name in ("fatal", "broken", "whole")])
    assert [f.problem for f in found] == [
        "drawnfatal 1.2 cannot be loaded (it ends Python, status 139)",
        "drawnbroken 1.2 cannot be loaded (libdraw.so.1: cannot open)",
        "",
    ]


def test_a_missing_requirement_fails_and_a_missing_extra_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["no-such-base>=1", 'no-such-extra; extra == "wsi"', 'numpy>=1; extra == "fast"']
    monkeypatch.setattr(packages, "requires", lambda _: lines)
    found = {check.name: check for check in check_packages()}
    assert found["packages"].status == "failed"
    assert "no-such-base is missing" in found["packages"].text
    assert "pip install --upgrade napari-wbc" in found["packages"].text
    assert found["extra wsi"].status == "note"
    assert 'no-such-extra is missing; to have it: pip install "napari-wbc[wsi]"' in found["extra wsi"].text
    assert found["extra fast"].status == "ok"


def test_all_is_what_no_other_extra_has() -> None:
    flat = ['napari>=0.6; extra == "all"', 'numba>=0.59; extra == "all"', 'numba>=0.59; extra == "fast"']
    wanted = [Requirement(line) for line in flat]
    assert [r.name for r in requirements_of(wanted, "all")] == ["napari"]


def test_every_extra_for_users_is_looked_at() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    assert set(EXTRAS) == set(project["optional-dependencies"]) - {"test", "docs"}
