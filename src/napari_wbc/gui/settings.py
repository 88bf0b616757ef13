"""What the form remembers from session to session, in napari's own settings (``configurations`` in the manifest).

The scale is not among it: remembered from one image, it would be wrong for the next.
"""

from __future__ import annotations

from typing import Any

PLUGIN = "napari-wbc"


def remembered() -> dict[str, Any]:
    """Give the remembered choices; the defaults of the manifest where nothing was remembered."""
    return dict(_section().model_dump())


def remember(**choices: Any) -> None:
    """Keep choices; napari writes them to its settings folder.

    Parameters
    ----------
    **choices
        Keys of the manifest's ``configurations``.
    """
    section = _section()
    for key, value in choices.items():
        if getattr(section, key) != value:
            setattr(section, key, value)


def _section() -> Any:
    from napari.settings import get_plugin_settings

    return get_plugin_settings(PLUGIN).count
