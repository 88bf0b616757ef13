"""The card of a model, to be read."""

from __future__ import annotations

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices, QTextDocument
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from napari_wbc.classification.bundle import find_model, read_card
from napari_wbc.errors import WbcError


def card_text(model: str) -> str:
    """Give the card of an installed model, Markdown; where it is gone meanwhile, say so."""
    try:
        return read_card(find_model(model)) or "This model has no card."
    except WbcError as error:
        return str(error)


class CardBrowser(QTextBrowser):
    """A card in the words of whoever made the model: text only, it loads nothing and links lead to web pages only."""

    def __init__(self, text: str) -> None:
        super().__init__()
        dialect = QTextDocument.MarkdownFeature
        self.document().setMarkdown(text, dialect.MarkdownDialectGitHub | dialect.MarkdownNoHTML)
        self.setOpenLinks(False)
        self.anchorClicked.connect(self._open)

    def loadResource(self, kind: int, name: QUrl) -> None:  # noqa: N802, ARG002 - Qt's name
        """Give no picture: it would be read from any place that the card names."""
        return

    def _open(self, link: QUrl) -> None:
        if link.scheme() in ("http", "https"):
            QDesktopServices.openUrl(link)


def show_card(parent: QWidget, model: str) -> QDialog:
    """Open a window with the card of a model, beside which work goes on."""
    dialog = QDialog(parent)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowTitle(f"Model {model}")
    dialog.resize(720, 640)
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    buttons.rejected.connect(dialog.close)
    layout = QVBoxLayout(dialog)
    layout.addWidget(CardBrowser(card_text(model)))
    layout.addWidget(buttons)
    dialog.show()
    return dialog
