"""The errors that a user can act on: each message is one plain line that says what is wrong and what to do."""

from __future__ import annotations

import errno
import re


def printable(text: str) -> str:
    r"""Give a text in which nothing acts on a terminal or breaks the line: names of files hold anything.

    Parameters
    ----------
    text : str
        Any.

    Returns
    -------
    str
        What cannot be printed is written as Python would write it.

    Examples
    --------
    >>> print(printable("two\nlines, \x1b[31mred"))
    two\nlines, \x1b[31mred
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class WbcError(Exception):
    """A problem that the user can mend; ``str(error)`` is one plain line.

    Parameters
    ----------
    message : str
        What is wrong with what, and what to do.

    Examples
    --------
    >>> import napari_wbc as wbc
    >>> try:
    ...     wbc.open_slide("not-there.svs")
    ... except wbc.WbcError as error:
    ...     print(str(error).splitlines()[0].startswith("not-there.svs"))
    True
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class InputError(WbcError):
    """An image, a path or a parameter that cannot be used."""


class ScaleUnknownError(InputError):
    """Neither the metadata nor the red cells tell the µm per px: the user has to give it."""


class ModelError(WbcError):
    """A model bundle that is missing, broken or altered."""


class OutputError(WbcError):
    """A place that results cannot be written to."""


class WorkerError(WbcError):
    """Workers that cannot be reached, cannot do their work, or die over it."""


class Cancelled(Exception):  # noqa: N818 - a decision of the user, not an error
    """The user cancelled the job."""


def one_line(error: BaseException) -> str:
    """Give an error as one plain line: its message where it is ours, its type as well where it is not.

    Examples
    --------
    >>> one_line(ValueError("bad"))
    'Unexpected error (ValueError): bad'
    """
    return expected_line(error) or f"Unexpected error ({type(error).__name__}): {first_line(error)}"


def first_line(error: BaseException) -> str:
    r"""Give the first line of what an error says, or its kind where it says nothing.

    Examples
    --------
    >>> first_line(ValueError("bad\nand more")), first_line(TimeoutError())
    ('bad', 'TimeoutError')
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def expected_line(error: BaseException) -> str | None:
    """Give an error that a user can act on as one plain line; None for any other.

    Examples
    --------
    >>> expected_line(OSError(errno.ENOSPC, "No space left on device"))
    'a file cannot be written (the disk is full; make room on it and start again)'
    >>> expected_line(ValueError("bad"))
    """
    if isinstance(error, WbcError):
        return first_line(error)
    if is_memory_error(error):
        return "There is not enough memory for this image; close other programs or restrict the count to a region"
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return f"{error.filename or 'a file'} cannot be written ({system_reason(error)})"
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return f"{str(error.filename)[:60]}...: no file has so long a name; give another"
    return None


def is_memory_error(error: BaseException) -> bool:
    """Tell whether there was too little memory, whichever library says so.

    Examples
    --------
    >>> is_memory_error(MemoryError()), is_memory_error(ImportError("a.so: failed to map segment"))
    (True, True)
    """
    return isinstance(error, MemoryError) or (
        not isinstance(error, WbcError) and _NO_MEMORY.search(str(error)) is not None
    )


def system_reason(error: OSError) -> str:
    """Say why something could not be read or written, and what to do where the system's own words do not tell.

    Examples
    --------
    >>> system_reason(PermissionError(errno.EACCES, "Permission denied"))
    'Permission denied'
    >>> system_reason(OSError(errno.EIO, "Input/output error"))
    'Input/output error; see to the disk or the network and start again'
    """
    if error.errno in _NO_ROOM:
        return _NO_ROOM[error.errno]
    reason = error.strerror or str(error)
    return f"{reason}; see to the disk or the network and start again" if error.errno in _BROKEN else reason


#: What torch, its oneDNN, ONNX Runtime and the loader of libraries say where Python raises MemoryError.
_NO_MEMORY = re.compile(
    r"out of memory|(can't|cannot|unable to) allocate memory|bad_?\s?alloc|could not create a (memory|primitive)"
    r"|failed to map segment",
    re.IGNORECASE,
)
_NO_ROOM = {
    errno.ENOSPC: "the disk is full; make room on it and start again",
    errno.EFBIG: "the file would be larger than files may be here; raise that limit (ulimit -f) and start again",
}
#: What a disk that fails, or a share that went away, gives back.
_BROKEN = {errno.EIO, errno.ENXIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN}
if hasattr(errno, "EDQUOT"):
    _NO_ROOM[errno.EDQUOT] = "your share of the disk is used up; make room in it and start again"
