"""What an adapter is, before a model is made of it: its card, its source, and the name that the model gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from napari_wbc.gui.model_card import CardBrowser
from napari_wbc.gui.plain_text import plain_label

if TYPE_CHECKING:
    from napari_wbc.adaptation.adapter import Adapter


def ask_import(parent: QWidget, adapter: Adapter, name: str) -> tuple[str, bool] | None:
    """Show an adapter, and ask whether it is to be installed.

    Parameters
    ----------
    parent : QWidget
        Over which the dialog lies.
    adapter : Adapter
        Whose source is installed.
    name : str
        Suggested for the model.

    Returns
    -------
    tuple of (str, bool) or None
        Name, and whether the model counts from now on; None where the user did not want it.
    """
    dialog = QDialog(parent)
    dialog.setWindowTitle(f"Import {adapter.file.name}")
    dialog.resize(720, 640)
    what = plain_label(
        f"Belongs to {adapter.parent} (SHA-256 {adapter.parent_sha256[:12]}…), which is installed. What it is for and "
        "how it was judged, in the words of those who made it:"
    )
    what.setWordWrap(True)
    named, use = QLineEdit(name), QCheckBox("Count with it from now on")
    use.setChecked(True)
    form = QFormLayout()
    form.addRow("Name", named)
    form.addRow("", use)
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
    install = buttons.addButton("Install", QDialogButtonBox.ButtonRole.AcceptRole)
    named.textChanged.connect(lambda text: install.setEnabled(bool(text.strip())))
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    layout = QVBoxLayout(dialog)
    layout.addWidget(what)
    layout.addWidget(CardBrowser(adapter.card), 1)
    layout.addLayout(form)
    layout.addWidget(buttons)
    if dialog.exec() != QDialog.DialogCode.Accepted:
        return None
    return named.text().strip(), use.isChecked()
