"""Dataclasses of numbers as plain values for JSON, and back again to the last bit."""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np

_T = TypeVar("_T")
_LARGEST_NUMBER = 1e100
_LARGEST_ARRAY = 1 << 24


def to_plain(value: Any) -> Any:
    """Turn a dataclass of numbers, tuples, arrays and dataclasses into dicts, lists and numbers.

    Parameters
    ----------
    value : object
        A dataclass instance, or a part of one. Arrays become their shape and their packed bytes.

    Returns
    -------
    object
        What :mod:`json` takes; JSON keeps every bit of a float.

    Examples
    --------
    >>> to_plain((1, 0.1, np.float32(0.5)))
    [1, 0.1, 0.5]
    """
    if is_dataclass(value):
        return {f.name: to_plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, np.ndarray):
        # Little-endian on every machine.
        packed = zlib.compress(np.ascontiguousarray(value, value.dtype.newbyteorder("<")).tobytes(), 9)
        return {"shape": list(value.shape), "zlib_base64": base64.b64encode(packed).decode("ascii")}
    if isinstance(value, (tuple, list)):
        return [to_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def from_plain(kind: type[_T], plain: Any) -> _T:
    """Turn back what :func:`to_plain` made.

    Parameters
    ----------
    kind : type
        The dataclass.
    plain : object
        Its plain values; further keys are left aside.

    Returns
    -------
    object
        Equal to the first one, to the last bit.

    Raises
    ------
    ValueError
        When something is missing, of another type, or no finite number; the message names it.
    """
    made: _T = _typed(kind, plain, kind.__name__)
    return made


def _typed(kind: Any, plain: Any, what: str) -> Any:
    if is_dataclass(kind):
        if not isinstance(plain, Mapping):
            raise ValueError(f"{what} is missing or of a wrong type")
        hints = get_type_hints(kind)
        return kind(**{f.name: _typed(hints[f.name], plain.get(f.name), f.name) for f in fields(kind)})  # type: ignore[operator]
    if get_origin(kind) is np.ndarray:
        return _array(np.dtype(get_args(get_args(kind)[1])[0]), plain, what)
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        if not isinstance(plain, (list, tuple)):
            raise ValueError(f"{what} is missing or of a wrong type")
        if kinds[-1] is Ellipsis:
            kinds = (kinds[0],) * len(plain)
        if len(kinds) != len(plain):
            raise ValueError(f"{what} has {len(plain)} values instead of {len(kinds)}")
        return tuple(_typed(k, item, what) for k, item in zip(kinds, plain, strict=True))
    if kind is float and isinstance(plain, (int, float)) and not isinstance(plain, bool):
        if abs(plain) < _LARGEST_NUMBER:
            return float(plain)
    elif type(plain) is kind:
        return plain
    raise ValueError(f"{what} is missing or of a wrong type")


def _array(dtype: np.dtype[Any], plain: Any, what: str) -> Any:
    try:
        shape = tuple(int(n) for n in plain["shape"])
        size = math.prod(shape) * dtype.itemsize
        if min(shape, default=1) < 0 or size > _LARGEST_ARRAY:
            raise ValueError("size")
        # No more than that is unpacked, whatever the file holds.
        unpacked = zlib.decompressobj().decompress(base64.b64decode(plain["zlib_base64"]), size + 1)
        return np.frombuffer(unpacked, dtype.newbyteorder("<")).astype(dtype).reshape(shape)
    except (KeyError, TypeError, ValueError, binascii.Error, zlib.error):
        raise ValueError(f"{what} is missing or damaged") from None
