"""What is said of a viewer that cannot start."""

from __future__ import annotations

import json
import subprocess

import pytest

from napari_wbc.installation import viewer
from napari_wbc.installation.viewer import check_viewer, has_display

pytest.importorskip("napari")


def test_without_a_display_opengl_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    found = check_viewer()
    assert found.status == "note", found.text
    assert "no display" in found.text
    assert found.details["napari"]


def test_qt_that_ends_the_process_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    # Qt aborts where it does not know its platform.
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("QT_QPA_PLATFORM", "no-such-platform")
    found = check_viewer()
    assert found.status == "failed"
    assert "the viewer cannot start: " in found.text
    assert "\n" not in found.text


@pytest.mark.parametrize(
    ("opengl", "status", "text"),
    [
        ("4.6", "ok", "napari 0.6, PyQt6 6.9, OpenGL 4.6 (llvmpipe)"),
        ("", "failed", "but no OpenGL; install or update the graphics driver"),
    ],
)
def test_a_display_without_opengl_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, opengl: str, status: str, text: str
) -> None:
    said = {"napari": "0.6", "qt": "PyQt6 6.9", "opengl": opengl, "renderer": "llvmpipe"}
    done = subprocess.CompletedProcess([], 0, f"a word of Qt\n{json.dumps(said)}\n", "")
    monkeypatch.setattr(viewer, "has_display", lambda environment, system: True)
    monkeypatch.setattr(viewer.subprocess, "run", lambda *args, **options: done)
    found = check_viewer()
    assert found.status == status
    assert found.text.endswith(text)


def test_qt_that_does_not_come_up_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], *, timeout: float, **options: object) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(viewer.subprocess, "run", hang)
    found = check_viewer()
    assert (found.status, found.text) == ("failed", "Qt did not start within 180 s; try: napari --info")


def test_without_napari_the_rest_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer, "find_spec", lambda _: None)
    found = check_viewer()
    assert found.status == "note"
    assert 'pip install "napari-wbc[all]"' in found.text


@pytest.mark.parametrize(
    ("environment", "system", "there"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"DISPLAY": ":0", "QT_QPA_PLATFORM": "offscreen"}, "linux", False),
        ({}, "win32", True),
        ({}, "darwin", True),
    ],
)
def test_where_windows_can_be_opened(environment: dict[str, str], system: str, there: bool) -> None:
    assert has_display(environment, system) is there
