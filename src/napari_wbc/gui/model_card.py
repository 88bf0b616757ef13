"""The card of a model, to be read."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from napari_wbc.classification.bundle import CARD_FILE, find_model


def card_text(model: str) -> str:
    """Give the card of an installed model, Markdown."""
    card = find_model(model) / CARD_FILE
    return card.read_text(encoding="utf-8") if card.is_file() else "This model has no card."


def card_browser(text: str) -> QTextBrowser:
    """Give a view of a card; links in it open outside."""
    browser = QTextBrowser()
    browser.setMarkdown(text)
    browser.setOpenExternalLinks(True)
    return browser


def show_card(parent: QWidget, model: str) -> QDialog:
    """Open a window with the card of a model, beside which work goes on."""
    dialog = QDialog(parent)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowTitle(f"Model {model}")
    dialog.resize(720, 640)
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    buttons.rejected.connect(dialog.close)
    layout = QVBoxLayout(dialog)
    layout.addWidget(card_browser(card_text(model)))
    layout.addWidget(buttons)
    dialog.show()
    return dialog
