"""The log of a review: one line of JSON for every change, only ever appended to, chained by checksums."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from typing import Any

from napari_wbc.errors import InputError, OutputError, system_reason
from napari_wbc.execution.claims import claimed, lock_beside

#: What it is called in the folder of a review.
LOG_FILE = "changes.jsonl"
_CHAIN = 16
#: How long another program may take to write its line, s.
_PATIENCE_S = 10.0


class ChangeLog:
    """The log of one review.

    Every line ends with a checksum of itself and of all before it, so that a line that was altered, taken out or put in
    later is noticed. A last line that was cut off, when the process died over it, is dropped.

    Parameters
    ----------
    path : str or Path
        The file; it is made with the first entry.

    Raises
    ------
    InputError
        The file cannot be read, or was altered.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> ChangeLog(folder.name + "/changes.jsonl").append({"do": "undo"})
    >>> ChangeLog(folder.name + "/changes.jsonl").entries
    [{'do': 'undo'}]
    >>> folder.cleanup()
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.entries: list[dict[str, Any]] = []
        self._chain = ""
        self._size = 0
        self._read()

    @property
    def sha256(self) -> str:
        """Checksum of everything so far; empty without an entry."""
        return self._chain

    def append(self, entry: Mapping[str, Any]) -> None:
        """Write an entry; when this returns, neither the end of this process nor of the power loses it.

        Raises
        ------
        OutputError
            The file cannot be written, or another program has written to it.
        """
        text = json.dumps(dict(entry), ensure_ascii=False, separators=(",", ":"))
        chain = self._next(text)
        line = _encoded(f'{text[:-1]}{"," if entry else ""}"chain":"{chain}"}}\n')
        try:
            # Opened anew each time: an edit is a gesture of a person, and a file that is not open can be moved.
            with self._claimed(), self.path.open("ab", buffering=0) as file:
                if file.seek(0, os.SEEK_END) != self._size:
                    raise OutputError(
                        f"{self.path}: another program has changed this review meanwhile; open it again to go on"
                    )
                try:
                    # A disk that is nearly full takes a part of the line and refuses the rest.
                    left = memoryview(line)
                    while left:
                        left = left[file.write(left) :]
                    os.fsync(file.fileno())
                except OSError:
                    # Half a line would make the next one unreadable.
                    file.truncate(self._size)
                    raise
        except OSError as error:
            raise OutputError(
                f"{self.path}: the change could not be saved ({system_reason(error)}), so it was not made"
            ) from None
        self._size += len(line)
        self._chain = chain
        self.entries.append(dict(entry))

    def _next(self, text: str) -> str:
        return sha256(_encoded(f"{self._chain}{text}")).hexdigest()[:_CHAIN]

    def _claimed(self) -> AbstractContextManager[None]:
        """Keep other programs from the file for a moment: two lines at once, or half a line read, would spoil it."""
        return claimed(lock_beside(self.path), self.path.parent, wait_s=_PATIENCE_S)

    def _read(self) -> None:
        with self._claimed():
            self._read_alone()

    def _read_alone(self) -> None:
        try:
            content = self.path.read_bytes() if self.path.exists() else b""
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read ({system_reason(error)})") from None
        *lines, torn = content.split(b"\n")
        for number, line in enumerate(lines, 1):
            try:
                entry = json.loads(line)
                chain = entry.pop("chain")
                text = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                raise self._altered(number) from None
            if chain != self._next(text):
                raise self._altered(number)
            self._chain = chain
            self.entries.append(entry)
        self._size = len(content) - len(torn)
        if torn:
            try:
                os.truncate(self.path, self._size)
            except OSError as error:
                raise InputError(
                    f"{self.path}: its last line is cut off and cannot be mended ({system_reason(error)})"
                ) from None

    def _altered(self, line: int) -> InputError:
        return InputError(
            f"{self.path}: line {line} was altered after it was written, so the review cannot be trusted; "
            "take a copy of the folder from before"
        )


def _encoded(text: str) -> bytes:
    # The name of a login may hold bytes that are no UTF-8; json reads them back as they are written here.
    return text.encode("utf-8", "surrogatepass")
