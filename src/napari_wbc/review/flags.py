"""Flags that edits give to cells."""

from __future__ import annotations

from dataclasses import replace

from napari_wbc.review.edits import NewCell

#: Flags of cells that a person drew, and of those that went into a split or a merger.
DRAWN, SPLIT, MERGED = "drawn", "split", "merged"


def joined(flags: str, further: str) -> str:
    """Add a flag to those of a cell, once.

    Examples
    --------
    >>> joined("", "drawn"), joined("smudge;drawn", "drawn")
    ('drawn', 'smudge;drawn')
    """
    return ";".join(dict.fromkeys(flag for flag in (*flags.split(";"), further) if flag))


def flagged(cell: NewCell, flag: str) -> NewCell:
    """Give a cell that a person made its flag; it counts as reviewed."""
    flags = joined(str(cell.columns["flags"]), flag)
    return replace(cell, columns={**cell.columns, "status": "reviewed", "flags": flags})
