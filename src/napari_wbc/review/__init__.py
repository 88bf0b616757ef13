"""Review of a count by a person: edits of the cell table, each of them undone at will, kept and signed."""

from napari_wbc.review.edits import Change, Edit
from napari_wbc.review.session import ReviewSession

__all__ = ["Change", "Edit", "ReviewSession"]
