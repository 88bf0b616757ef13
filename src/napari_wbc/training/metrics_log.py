"""What a fit tells while it runs: one JSON line per entry, and TensorBoard where it is wanted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from napari_wbc.errors import InputError
from napari_wbc.execution.atomic import atomic_path


class MetricsLog:
    """A file of JSON lines, each with its step; a resumed run goes on in it as if it had never stopped.

    Parameters
    ----------
    path : str or Path
        The file; its folder is made.
    tensorboard : str or Path, optional
        Folder for TensorBoard's event files.

    Raises
    ------
    InputError
        TensorBoard is wanted and not installed.
    """

    def __init__(self, path: str | Path, tensorboard: str | Path | None = None) -> None:
        self._path = Path(path)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._board_folder = tensorboard
        self._board: Any = None
        if tensorboard is not None:
            check_tensorboard()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self, step: int) -> None:
        """Drop what was written after a step: the run goes on from there."""
        kept = [line for line in self.lines() if line["step"] <= step]
        with atomic_path(self._path) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        if self._board_folder is not None:
            from torch.utils.tensorboard import SummaryWriter

            self.close()
            self._board = SummaryWriter(str(self._board_folder), purge_step=step + 1)

    def write(self, step: int, values: Mapping[str, Any]) -> None:
        """Add an entry; numbers also go to TensorBoard under their names."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        if self._board is not None:
            for name, value in values.items():
                if isinstance(value, int | float):
                    self._board.add_scalar(name, value, step)

    def lines(self) -> list[dict[str, Any]]:
        """Give what the file holds; a last line that a killed run left unfinished is dropped."""
        if not self._path.is_file():
            return []
        found = []
        for line in self._path.read_bytes().splitlines():
            try:
                entry = dict(json.loads(line))
            except (ValueError, TypeError, RecursionError):
                break
            if not isinstance(entry.get("step"), int):
                break
            found.append(entry)
        return found

    def close(self) -> None:
        """Finish TensorBoard's file."""
        if self._board is not None:
            self._board.close()
            self._board = None


def check_tensorboard() -> None:
    """Raise :class:`~napari_wbc.errors.InputError` where TensorBoard is not installed."""
    from importlib.util import find_spec

    if find_spec("tensorboard") is None:
        raise InputError('TensorBoard is not installed; pip install "napari-wbc[train]", or train without it')
