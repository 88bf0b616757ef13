"""Texts of other hands as tooltips: shown as they are, also where Qt would take them for HTML. No Qt."""

from __future__ import annotations

from html import escape


def plain_tooltip(text: str) -> str:
    """Give a text for a tooltip: names of files, folders and classes of the user's own hold anything.

    Examples
    --------
    >>> plain_tooltip("Kept in /data/monday"), plain_tooltip("<img src=x>")
    ('Kept in /data/monday', '<span style="white-space:pre-wrap">&lt;img src=x&gt;</span>')
    """
    # Qt guesses from the first tag whether a text is HTML; there is no switch as labels have one.
    return f'<span style="white-space:pre-wrap">{escape(text)}</span>' if "<" in text else text
