"""A folder of real fields, counted in one go."""

from __future__ import annotations

import shutil
from pathlib import Path

from field import FIELD
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from steps import choose_in, open_count, wait_until_idle
from user import User

#: Of WBC_Dataset (Chulalongkorn University, MIT licence).
_FIELDS = (
    FIELD,
    "fields/chula/B-30_0047.webp",
    "fields/chula/E-11_0981.webp",
    "fields/chula/E-12_0396.webp",
    "fields/chula/L-10_0129.webp",
    "fields/chula/L-8_0730.webp",
    "fields/chula/N-3B_0058.webp",
)


def walk(user: User, data: Path, scratch: Path) -> None:
    """Take the picture of the part on folders."""
    folder = scratch / "smears"
    folder.mkdir()
    for name in _FIELDS:
        shutil.copy(data / name, folder)
    count = open_count(user)
    choose_in(user, count.form.open, "Folder of images")
    panel = count.folder
    user.wait_for(panel.isVisible)
    user.choose_path(lambda: user.press(panel.choose_images), folder)
    user.press(panel.run)
    wait_until_idle(user, panel)
    table = panel.table
    row = table.visualItemRect(table.item(0, 0)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, row)
    user.picture("folder", panel)
    assert (folder / "counts" / "counts.csv").is_file()
    QTest.mouseDClick(table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, row)
    user.wait_for(lambda: len(user.viewer.layers) == 1)
    user.press(panel.leave)
