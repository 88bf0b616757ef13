"""What a job has finished, on disk: a job that was killed goes on from there.

The file is a line with the fingerprint of the job, then one record after the other: length, SHA-256, content. It only
grows, so a crash can spoil no more than its end. A record that is cut or altered ends what counts, and a file with
another fingerprint does not count at all.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from napari_wbc.errors import OutputError, system_reason

_LENGTH = struct.Struct("<Q")
_DIGEST_BYTES = 32


class Journal:
    """The journal of one job.

    Parameters
    ----------
    path : str or Path
        The file. If it belongs to the same job it is continued, else it is begun anew.
    fingerprint : str
        Of everything that decides what the job finds.

    Raises
    ------
    OutputError
        The file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with Journal(folder.name + "/job.journal", "abc") as journal:
    ...     journal.add(b"tile 1")
    >>> with Journal(folder.name + "/job.journal", "abc") as journal:
    ...     list(journal.records())
    [b'tile 1']
    >>> folder.cleanup()
    """

    def __init__(self, path: str | Path, fingerprint: str) -> None:
        self.path = Path(path)
        self._head = f"napari-wbc journal 1 {fingerprint}\n".encode()
        try:
            # Opened for writing at its end: a second process that goes on with the same job spoils nothing.
            self._file: BinaryIO = self.path.open("a+b")
        except OSError as error:
            raise self._cannot_write(error) from None
        try:
            self._end = self._sound_part()
            self._file.truncate(self._end)
            if self._end == 0:
                self._write(self._head)
                self._end = len(self._head)
        except OSError as error:
            self.close()
            raise self._cannot_write(error) from None
        except OutputError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def records(self) -> Iterator[bytes]:
        """Give the records that were there when the journal was opened, one at a time."""
        end, position = self._end, len(self._head)
        while position < end and (record := self._read(position)) is not None:
            position += _LENGTH.size + _DIGEST_BYTES + len(record)
            yield record

    def add(self, record: bytes) -> None:
        """Write a record; when this returns, no end of this process can lose it.

        Raises
        ------
        OutputError
            The file cannot be written.
        """
        self._write(_LENGTH.pack(len(record)) + sha256(record).digest() + record)

    def close(self) -> None:
        """Close the file; one without a record is removed."""
        if self._file.closed:
            return
        empty = False
        # What could not be written a moment ago cannot be written now either, and was told already.
        with suppress(OSError):
            empty = self._file.seek(0, os.SEEK_END) <= len(self._head)
        with suppress(OSError):
            self._file.close()
        if empty:
            self.path.unlink(missing_ok=True)

    def _write(self, content: bytes) -> None:
        try:
            self._file.write(content)
            # The system has it now. Waiting for the disk as well would help against a power cut only, for which the
            # checksums are there, and would cost a large slide half a minute.
            self._file.flush()
        except OSError as error:
            raise self._cannot_write(error) from None

    def _cannot_write(self, error: OSError) -> OutputError:
        return OutputError(f"{self.path}: the journal cannot be written ({system_reason(error)})")

    def _sound_part(self) -> int:
        """Give the length of what counts, in bytes."""
        self._file.seek(0)
        if self._file.read(len(self._head)) != self._head:
            return 0
        position = len(self._head)
        while (record := self._read(position)) is not None:
            position += _LENGTH.size + _DIGEST_BYTES + len(record)
        return position

    def _read(self, position: int) -> bytes | None:
        self._file.seek(position)
        lead = self._file.read(_LENGTH.size + _DIGEST_BYTES)
        if len(lead) < _LENGTH.size + _DIGEST_BYTES:
            return None
        (length,) = _LENGTH.unpack_from(lead)
        # A length that was never written could be anything.
        if length > os.fstat(self._file.fileno()).st_size - position:
            return None
        record = self._file.read(length)
        return record if sha256(record).digest() == lead[_LENGTH.size :] else None
