"""What decoders raise when a file is damaged: their own errors have no common class."""

from __future__ import annotations

import struct
import tokenize
import zlib

DECODING_ERRORS = (
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    RuntimeError,
    ArithmeticError,
    OSError,
    EOFError,
    SyntaxError,
    struct.error,
    tokenize.TokenError,
    zlib.error,
)


def reason(error: BaseException) -> str:
    """Say in one short line what a decoder had to complain about.

    Parameters
    ----------
    error : BaseException
        What it raised.

    Returns
    -------
    str
        At most 160 characters.
    """
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else text[:157] + "..."
