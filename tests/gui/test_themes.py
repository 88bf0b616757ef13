"""What is said in a colour can be read on the dark theme and on the light one, also when it changes."""

import pytest
from qtpy.QtGui import QColor, QPalette
from tests.gui.tables import table_of

from napari_wbc.differential.count import differential
from napari_wbc.gui.cell_table_model import CellTableModel

pytestmark = pytest.mark.gui

#: Of WCAG for small text; what does not count is dim on purpose.
SMALL, DIM = 4.5, 2.9


def luminance(colour):
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.getRgbF()[:3]]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))


def contrast(text, ground):
    light, dark = sorted((luminance(text), luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_coloured_words_can_be_read(counted, theme, qtbot, screenshot):
    viewer, widget = counted
    other = {"dark": "light", "light": "dark"}[theme]
    viewer.theme = other
    qtbot.wait(50)
    widget.name_warning.set_lines(["'Doe_John.png' looks like a name"])
    # Many lymphocytes: flagged as high.
    widget.panel.show_differential(
        differential(table_of(["lymphocyte"] * 60 + ["neutrophil_segmented"] * 20))
    )
    viewer.theme = theme
    qtbot.wait(50)
    ground = widget.palette().color(QPalette.ColorRole.Window)
    assert (ground.lightness() < 128) is (theme == "dark")
    (ink,) = [part for part in widget.name_warning.styleSheet().split(";") if "color" in part]
    assert contrast(QColor(ink.split(":")[1].strip()), ground) >= SMALL
    table = widget.panel.table
    flagged = [table.item(row, 5) for row in range(table.rowCount()) if table.item(row, 5).text()]
    assert flagged
    ground = table.palette().color(QPalette.ColorRole.Base)
    assert all(contrast(item.foreground().color(), ground) >= SMALL for item in flagged)
    assert contrast(CellTableModel()._grey.color(), ground) >= DIM
    screenshot(viewer, f"theme_{theme}")
