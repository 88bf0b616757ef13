"""What every command waits for."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path


class Start:
    """A fresh process."""

    timeout = 120

    def setup(self) -> None:
        """Tell a fresh process where the package lies that is measured."""
        spec = find_spec("napari_wbc")
        assert spec is not None
        assert spec.origin is not None
        self.environment = {**os.environ, "PYTHONPATH": str(Path(spec.origin).parents[1])}

    def time_import(self) -> None:
        """Import the package."""
        self._run("import napari_wbc")

    def time_help(self) -> None:
        """Show the help of a command."""
        self._run("from napari_wbc.cli import main; main(['count', '--help'])")

    def time_nothing(self) -> None:
        """Start Python alone: what is above it is ours."""
        self._run("")

    def _run(self, code: str) -> None:
        subprocess.run(
            [sys.executable, "-c", code], check=True, env=self.environment, stdout=subprocess.DEVNULL
        )
