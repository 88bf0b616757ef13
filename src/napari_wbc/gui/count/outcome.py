"""What is said when a count has ended or a review is open again. No Qt."""

from __future__ import annotations

from napari_wbc.differential.wording import cells_text
from napari_wbc.gui.progress_text import duration
from napari_wbc.review.session import ReviewSession


def outcome(
    name: str, session: ReviewSession, *, seconds: float, reopened: bool, left: ReviewSession | None
) -> str:
    """Give one or several lines.

    Parameters
    ----------
    name : str
        Of the image.
    session : ReviewSession
        Its review.
    seconds : float
        How long it took.
    reopened : bool
        Whether it is an earlier review, and no count.
    left : ReviewSession or None
        The review whose place it takes.
    """
    found = f"{cells_text(len(session.cells))} found in {name}, {duration(seconds)}"
    opened = f"{name} opened with {cells_text(len(session.cells))}"
    if session.changes:
        opened += f" and {cells_text(session.changes, 'change')} of its review"
    lines = [opened if reopened else found]
    if left is not None and left.changes and left.folder is not None:
        lines.append(f"The earlier review is kept in {left.folder}")
    if session.folder is None:
        lines.append("Changes cannot be kept: save the results when you have reviewed them.")
    return "\n".join(lines)
