"""The version: written at build time from the git tag; a checkout that was never installed has none."""

from __future__ import annotations

try:
    from napari_wbc._version import __version__
except ModuleNotFoundError:
    __version__ = "0+checkout"

__all__ = ["__version__"]
