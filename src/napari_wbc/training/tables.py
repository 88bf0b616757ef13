"""Settings from TOML tables: nested dataclasses, each value checked, each error one line that names its key."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from napari_wbc.errors import InputError

_Settings = TypeVar("_Settings")
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def with_values(settings: _Settings, values: Mapping[str, Any], table: str = "") -> _Settings:
    """Give settings with some values changed; nothing else is touched.

    Parameters
    ----------
    settings : dataclass
        Its fields may be dataclasses themselves: the tables of a TOML file.
    values : mapping
        As :mod:`tomllib` gives them. ``{"optimizer.lr": 1e-3}`` means ``{"optimizer": {"lr": 1e-3}}``.
    table : str, optional
        Name of the table, for messages.

    Raises
    ------
    InputError
        A key is unknown, or its value is of another kind or out of its range.

    Examples
    --------
    >>> from napari_wbc.training.config import TrainingConfig
    >>> with_values(TrainingConfig(), {"optimizer.lr": 0.01}).optimizer.lr
    0.01
    """
    kinds = typing.get_type_hints(type(settings))
    names = [f.name for f in dataclasses.fields(settings)]  # type: ignore[arg-type]
    nested: dict[str, Any] = {}
    for dotted, value in values.items():
        key, _, rest = dotted.partition(".")
        full = f"{table}.{key}" if table else key
        if key not in names:
            raise InputError(f"unknown key {full!r}; known there are {', '.join(sorted(names))}")
        if dataclasses.is_dataclass(kinds[key]):
            inner = {rest: value} if rest else value
            if not isinstance(inner, Mapping):
                raise InputError(f"{full} must be a table, not {value!r}")
            # Two dotted keys of one table must not undo each other.
            nested[key] = with_values(nested.get(key, getattr(settings, key)), inner, full)
        elif rest:
            raise InputError(f"{full} is no table, so it has no {rest!r}")
        else:
            nested[key] = _checked(kinds[key], value, full)
    try:
        return dataclasses.replace(settings, **nested)  # type: ignore[type-var]
    except InputError as error:
        raise InputError(f"{table}.{error}" if table else str(error)) from None


def require(condition: bool, message: str) -> None:
    """Raise :class:`~napari_wbc.errors.InputError` unless a setting lies in its range."""
    if not condition:
        raise InputError(message)


def _checked(kind: Any, value: Any, name: str) -> Any:
    """Give a value of the kind that a field wants; lists become tuples, whole numbers may stand for numbers."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        kind = next(a for a in arguments if a is not type(None))
        return _checked(kind, value, name)
    if origin is typing.Literal:
        if value not in arguments:
            raise InputError(f"{name} must be one of {', '.join(map(repr, arguments))}, not {value!r}")
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise InputError(f"{name} must be a list, not {value!r}")
        if arguments[-1] is not Ellipsis and len(value) != len(arguments):
            raise InputError(f"{name} must be a list of {len(arguments)}, not of {len(value)}")
        each = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
        return tuple(_checked(k, v, name) for k, v in zip(each, value, strict=True))
    if origin is not None or kind not in _WORDS:
        if not isinstance(value, Mapping):
            raise InputError(f"{name} must hold tables, not {value!r}")
        return dict(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise InputError(f"{name} must be {_WORDS[kind]}, not {value!r}")
    return value
