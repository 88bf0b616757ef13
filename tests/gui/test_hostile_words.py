"""Names of files and the words of a card are shown, never taken for HTML and never loaded."""

import pytest
from qtpy.QtCore import Qt, QUrl
from qtpy.QtWidgets import QLabel

from napari_wbc.gui.model_card import CardBrowser
from napari_wbc.gui.plain_text import plain_label
from napari_wbc.gui.tooltip_text import plain_tooltip

pytestmark = pytest.mark.gui

NAME = "<img src=x>.png"


def test_a_label_shows_a_name_as_it_is(qtbot):
    label = plain_label(NAME)
    qtbot.addWidget(label)
    assert label.textFormat() == Qt.TextFormat.PlainText
    assert label.text() == NAME


def test_a_tooltip_is_what_it_says():
    assert plain_tooltip("a plain one") == "a plain one"
    assert "<img" not in plain_tooltip(NAME)
    assert "&lt;img src=x&gt;.png" in plain_tooltip(NAME)


def test_a_card_loads_nothing(qtbot, tmp_path, monkeypatch):
    from PIL import Image
    from qtpy.QtGui import QDesktopServices

    Image.new("RGB", (50, 50), (255, 0, 0)).save(tmp_path / "secret.png")
    place = QUrl.fromLocalFile(str(tmp_path / "secret.png")).toString()
    card = CardBrowser(
        f"# Card\n\n![x]({place})\n\n<img src='{place}'><script>alert(1)</script>\n\n[link](https://x.org)"
    )
    qtbot.addWidget(card)
    asked = []
    monkeypatch.setattr(CardBrowser, "loadResource", lambda *args: asked.append(args[2].toString()))
    card.show()
    card.resize(400, 300)
    text = card.toPlainText()
    # HTML in a card is a text like any other.
    assert "<script>" in text
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    card.anchorClicked.emit(QUrl("file:///etc/passwd"))
    card.anchorClicked.emit(QUrl("https://x.org"))
    assert opened == ["https://x.org"]


def test_no_label_of_ours_guesses(qtbot):
    """Every label that is given its text later says what kind of text it is."""
    from napari_wbc.gui.differential_panel import DifferentialPanel
    from napari_wbc.gui.review.cell_detail import CellDetail

    for widget in (DifferentialPanel(), CellDetail(2)):
        qtbot.addWidget(widget)
        later = [
            label for label in widget.findChildren(QLabel) if not label.text() and label.pixmap().isNull()
        ]
        named = [label for label in later if type(label) is QLabel and label.wordWrap()]
        assert all(label.textFormat() == Qt.TextFormat.PlainText for label in named)


def test_a_class_with_a_hostile_name_is_a_text_in_image_list_and_bar(counted, qtbot, monkeypatch):
    from qtpy.QtCore import QPoint
    from qtpy.QtGui import QHelpEvent
    from qtpy.QtWidgets import QToolTip

    from napari_wbc.gui.stacked_bar import Piece, StackedBar

    viewer, count = counted
    session = count.workspace.session
    session.relabel([0], "<img src=x>")
    cell = session.cells.iloc[0]
    viewer.mouse_over_canvas = True
    viewer.cursor.position = (cell["y_px"], cell["x_px"])
    viewer.tooltip.text = ""
    viewer.tooltip.text = "anything"
    assert "&lt;img src=x&gt;" in viewer.tooltip.text
    assert "<img" not in viewer.tooltip.text

    shown = []
    monkeypatch.setattr(QToolTip, "showText", lambda _, text, *__: shown.append(text))
    bar = StackedBar()
    qtbot.addWidget(bar)
    bar.set_pieces([Piece("<img src=x>", 100.0)])
    bar.event(QHelpEvent(QHelpEvent.Type.ToolTip, QPoint(5, 5), QPoint(5, 5)))
    assert "<img" not in shown[0]
