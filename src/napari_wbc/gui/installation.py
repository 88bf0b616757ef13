"""The dock widget "Check installation": what ``napari-wbc doctor`` says, in the viewer."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from qtpy.QtGui import QFont, QTextCharFormat, QTextCursor, QTextOption
from qtpy.QtWidgets import QApplication, QPushButton, QTextEdit, QVBoxLayout, QWidget

from napari_wbc.execution.progress import CancelToken
from napari_wbc.gui.docked import DockedWidget
from napari_wbc.gui.jobs import Job, JobRunner
from napari_wbc.gui.message_lines import MessageLines, research_line
from napari_wbc.installation.check import Check

if TYPE_CHECKING:
    import napari.viewer

_WIDTH = 380


class InstallationWidget(DockedWidget):
    """Check the installation as soon as it is opened, one line for each check.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Given by napari.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(viewer, parent)
        self.runner = JobRunner(self)
        self.checks: list[Check] = []
        self.lines = MessageLines()
        self.copy = QPushButton("Copy")
        self.copy.setToolTip("Copy these lines, for a report of a fault")
        self.again = QPushButton("Check again")
        self.again.setToolTip("Look at everything anew")
        self.found = QTextEdit()
        self.found.setReadOnly(True)
        # Folders and checksums are long words.
        self.found.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        layout = QVBoxLayout(self)
        for widget in (
            self.found,
            self.lines.message,
            self.lines.error,
            self.copy,
            self.again,
            research_line(),
        ):
            layout.addWidget(widget)
        self.setMinimumWidth(_WIDTH)
        self.copy.clicked.connect(self._copy)
        self.again.clicked.connect(self.check)
        self.runner.arrived.connect(self._show)
        self.runner.finished.connect(self._end)
        self.runner.failed.connect(lambda line: self._say(line, is_error=True))
        self.go_live()

    def connect_all(self) -> None:
        """Begin to check."""
        self.check()

    def disconnect_all(self) -> None:
        """Stop checking."""
        self.runner.shutdown()

    def check(self) -> None:
        """Look at everything, from the start."""
        self.runner.shutdown()
        self.checks = []
        self.found.clear()
        self._say("Looking at the installation, some ten seconds …", is_error=False)
        self.runner.start(Job("Checking the installation", _steps))

    def _show(self, check: Check) -> None:
        self.checks.append(check)
        looks = QTextCharFormat()
        looks.setFontWeight(QFont.Weight.Normal if check.status == "ok" else QFont.Weight.Bold)
        cursor = self.found.textCursor()
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(f"{check.status}: {check.name}\n{check.text}\n\n", looks)

    def _end(self, _: object) -> None:
        from napari_wbc.installation.examine import summary

        self._say(summary(self.checks), is_error=False)

    def _say(self, line: str, *, is_error: bool) -> None:
        self.lines.tell(line, is_error)

    def _copy(self) -> None:
        QApplication.clipboard().setText("\n".join(map(str, self.checks)))


def _steps(_: CancelToken) -> Generator[Check]:
    from napari_wbc.installation.examine import examine

    yield from examine()
