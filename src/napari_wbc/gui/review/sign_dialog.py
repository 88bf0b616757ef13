"""Who signs a review, and what stands beside the signature."""

from __future__ import annotations

from qtpy.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLineEdit, QVBoxLayout, QWidget

from napari_wbc.differential import RESEARCH_USE
from napari_wbc.gui.plain_text import plain_label


def ask_signature(parent: QWidget, name: str, state: str) -> tuple[str, str] | None:
    """Ask for name and note.

    Parameters
    ----------
    parent : QWidget
        Over which the dialog lies.
    name : str
        Suggested.
    state : str
        How far the review is, in a sentence.

    Returns
    -------
    tuple of str or None
        Name and note; None where the user did not sign.
    """
    dialog = QDialog(parent)
    dialog.setWindowTitle("Sign the review")
    who, note = QLineEdit(name), QLineEdit()
    form = QFormLayout()
    form.addRow("Name", who)
    form.addRow("Note", note)
    text = plain_label(f"{state} Nothing can be changed until the review is unlocked. {RESEARCH_USE}")
    text.setWordWrap(True)
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
    sign = buttons.addButton("Sign", QDialogButtonBox.ButtonRole.AcceptRole)
    sign.setEnabled(bool(name.strip()))
    who.textChanged.connect(lambda text: sign.setEnabled(bool(text.strip())))
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    layout = QVBoxLayout(dialog)
    layout.addLayout(form)
    layout.addWidget(text)
    layout.addWidget(buttons)
    if dialog.exec() != QDialog.DialogCode.Accepted:
        return None
    return who.text().strip(), note.text().strip()
