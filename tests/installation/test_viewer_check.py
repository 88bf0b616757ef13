"""What is said of a viewer that cannot start."""

from __future__ import annotations

import pytest

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
