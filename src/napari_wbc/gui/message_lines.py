"""The lines in which every dock widget tells the user something."""

from __future__ import annotations

from napari_wbc.differential import RESEARCH_USE
from napari_wbc.gui.wrapped_label import WrappedLabel


class MessageLines:
    """What is said last: a message, or what went wrong.

    Attributes
    ----------
    message, error : WrappedLabel
        To be laid out; at most one of them has a text.
    """

    def __init__(self) -> None:
        self.message = WrappedLabel(kind="note")
        self.error = WrappedLabel(kind="error")

    def tell(self, line: str, is_error: bool) -> None:
        """Say a line in the place of the last one; an empty one takes that away."""
        self.message.set_lines([] if is_error else [line])
        self.error.set_lines([line] if is_error else [])


def research_line() -> WrappedLabel:
    """Give the line that stands at the foot of everything with results."""
    label = WrappedLabel(kind="note")
    label.set_lines([RESEARCH_USE])
    return label
