"""Cross-references of Sphinx in docstrings, as this site can show them.

The docstrings say ``:func:`napari_wbc.count```, which editors and Sphinx understand. Here the role is taken off and a
leading ``~`` shortens the name to its last part, as Sphinx does.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:func|class|meth|mod|attr|data|exc):`(~?)([\w.]+)`")


class PlainRoles(griffe.Extension):
    """Takes the roles out of every docstring."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of an object, if it has one."""
        if obj.docstring is not None:
            obj.docstring.value = _ROLE.sub(_named, obj.docstring.value)


def _named(role: re.Match[str]) -> str:
    return f"`{role[2].rpartition('.')[2] if role[1] else role[2]}`"
