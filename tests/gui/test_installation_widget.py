"""The widget "Check installation" in a real viewer."""

import sys

import pytest
from qtpy.QtWidgets import QApplication

from napari_wbc.installation import examine
from napari_wbc.installation.check import Check

pytestmark = pytest.mark.gui


@pytest.fixture
def opened(viewer, monkeypatch, qtbot):
    """The widget; the check of the viewer, which another test runs, fails here."""
    monkeypatch.setattr(examine, "check_viewer", lambda: Check("viewer", "failed", "no <b>luck</b>"))
    _, widget = viewer.window.add_plugin_dock_widget("napari-wbc", "Check installation")
    yield viewer, widget
    widget.go_quiet()


def ended(qtbot, widget):
    qtbot.waitUntil(lambda: widget.runner.state.value == "idle", timeout=180_000)


def test_it_checks_when_it_is_opened(opened, qtbot, screenshot):
    viewer, widget = opened
    ended(qtbot, widget)
    assert widget.lines.error.text() == ""
    assert widget.lines.message.text() == f"1 of {len(widget.checks)} checks failed"
    shown = widget.found.toPlainText()
    assert "failed: viewer\nno <b>luck</b>\n" in shown
    # The packages are really loaded, and the viewer is still there: triton, say, in this process would end it.
    assert "ok: packages\nall " in shown
    assert "triton" not in sys.modules
    assert "ok: cells (cpu)\n49 of 49 drawn leukocytes found" in shown
    screenshot(viewer, "check_installation")
    widget.copy.click()
    assert QApplication.clipboard().text().splitlines() == [str(check) for check in widget.checks]


def test_checking_again_begins_anew_and_a_closed_widget_stops(opened, qtbot, monkeypatch):
    _, widget = opened
    monkeypatch.setattr(examine, "run_self_test", lambda _: iter(()))
    monkeypatch.setattr(examine, "check_packages", lambda: iter([Check("extra wsi", "note", "not there")]))
    widget.again.click()
    ended(qtbot, widget)
    n = len(widget.checks)
    widget.again.click()
    ended(qtbot, widget)
    assert len(widget.checks) == n
    widget.again.click()
    widget.go_quiet()
    assert widget.runner.state.value == "idle"
