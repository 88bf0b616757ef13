"""The command line: one module per command; each only parses, calls and prints."""

from napari_wbc.cli.main import main

__all__ = ["main"]
