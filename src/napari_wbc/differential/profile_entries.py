"""Entries of a profile's YAML file, taken one by one and checked; errors name the place in the file."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from napari_wbc.errors import InputError

Path = tuple[str | int, ...]
_LOINC = re.compile(r"\d{1,7}-\d")


@dataclass(frozen=True)
class Place:
    """A place in a file.

    Attributes
    ----------
    file : str
        How errors name the file.
    lines : dict of tuple to int
        The line of every entry, by the keys and numbers that lead to it.
    path : tuple
        Keys and numbers that lead here.
    title : str
        How errors name the place.
    """

    file: str
    lines: Mapping[Path, int] = field(default_factory=dict)
    path: Path = ()
    title: str = ""

    def at(self, key: str | int, title: str = "") -> Place:
        """Give the place of an entry in this one."""
        return replace(self, path=(*self.path, key), title=title or self.title)

    def error(self, text: str, key: str | int | None = None) -> InputError:
        """Make the error: file, line, place, what is wrong."""
        paths = [self.path if key is None else (*self.path, key)]
        paths += [paths[0][:n] for n in range(len(paths[0]) - 1, 0, -1)]
        line = next((self.lines[p] for p in paths if p in self.lines), None)
        where = self.file if line is None else f"{self.file}, line {line}"
        # A text that begins with a blank goes on where the name of the place ends.
        subject = f"{self.title}: " if self.title else ""
        if text.startswith(" "):
            subject = self.title or "the file"
        return InputError(f"{where}: {subject}{text}")


def read_yaml(text: str, file: str) -> tuple[Any, Place]:
    """Read YAML that runs no code.

    Parameters
    ----------
    text : str
        What the file holds.
    file : str
        How errors name it.

    Returns
    -------
    content, place
        Plain values, and the lines that they stand in.

    Raises
    ------
    InputError
        It is no YAML, or names an entry twice.
    """
    import yaml

    lines: dict[Path, int] = {}
    place = Place(file, lines)

    noted: set[int] = set()

    def note(node: yaml.Node, path: Path) -> None:
        # What is repeated by aliases is noted once: nested ones would be a billion entries.
        if id(node) in noted:
            return
        noted.add(id(node))
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                name = str(key.value)
                if (*path, name) in lines:
                    lines[(*path, name)] = key.start_mark.line + 1
                    raise Place(file, lines, path).error(f"{name!r} stands here a second time", name)
                lines[(*path, name)] = key.start_mark.line + 1
                note(value, (*path, name))
        elif isinstance(node, yaml.SequenceNode):
            for number, value in enumerate(node.value):
                lines[(*path, number)] = value.start_mark.line + 1
                note(value, (*path, number))

    loader = None
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        content = None if node is None else loader.construct_document(node)
        if node is not None:
            note(node, ())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark is not None else ""
        problem = " ".join(str(getattr(error, "problem", None) or "unreadable").split())
        raise InputError(f"{file} is no valid YAML{where}: {problem}") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{file} is no valid YAML: {str(error).splitlines()[0]}") from None
    finally:
        if loader is not None:
            loader.dispose()
    return content, place


class Entries:
    """Takes the entries of a mapping one by one, checks each, and refuses what is left over."""

    def __init__(self, content: object, place: Place) -> None:
        if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
            raise place.error(" must hold entries of the form 'name: value'")
        self.content: dict[str, Any] = dict(content)
        self.place = place
        self._known: list[str] = []

    def take(self, key: str, default: object = None) -> Any:
        """Give an entry, or the default where it is missing or empty."""
        self._known.append(key)
        value = self.content.get(key)
        return default if value is None else value

    def part(self, key: str, title: str = "") -> Entries:
        """Give the entries of a mapping inside this one (none where it is missing)."""
        return Entries(self.take(key, {}), self.place.at(key, title))

    def refuse_others(self) -> None:
        """Refuse entries that nobody took.

        Raises
        ------
        InputError
            There is one.
        """
        other = next((key for key in self.content if key not in self._known), None)
        if other is not None:
            known = ", ".join(dict.fromkeys(self._known))
            raise self.place.error(f" has an unknown entry {other!r}; known are: {known}", other)

    def text(self, key: str, default: str | None = None) -> str:
        """Give a text; without a default it must be there."""
        value = self.take(key, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            missing = "" if value is not None else "; it is missing"
            raise self.place.error(f"{key} must be a text{missing}", key)
        return value.strip()

    def name(self, key: str) -> str:
        """Give the name of a class."""
        value = self.text(key)
        if not value.isprintable() or not 1 <= len(value) <= 64:
            raise self.place.error(
                f"{value!r} is no class name; it has 1 to 64 letters, digits, _ or blanks inside", key
            )
        return value

    def sequence(self, key: str) -> list[object]:
        """Give a list (an empty one where it is missing)."""
        value = self.take(key, [])
        if not isinstance(value, list):
            raise self.place.error(f"{key} must be a list", key)
        return value

    def texts(self, key: str) -> list[str]:
        """Give a list of texts."""
        values = self.sequence(key)
        if not all(isinstance(value, str) for value in values):
            raise self.place.error(f"{key} must be a list of names", key)
        return [str(value) for value in values]

    def number(
        self, key: str, low: float, high: float, default: float | None = None, *, whole: bool = False
    ) -> float:
        """Give a number between two ends; without a default it must be there."""
        value = self.take(key, default)
        if value is None:
            raise self.place.error(f"{key} is missing", key)
        if not is_number(value) or not low <= value <= high or (whole and value != int(value)):
            kind = "a whole number" if whole else "a number"
            raise self.place.error(f"{key} is {value!r}; it must be {kind} between {low:g} and {high:g}", key)
        return float(value)

    def optional_number(self, key: str, low: float, high: float) -> float | None:
        """Give a number between two ends, or None where it is missing."""
        return None if self.take(key) is None else self.number(key, low, high)

    def optional_switch(self, key: str) -> bool | None:
        """Give true or false, or None where it is missing."""
        value = self.take(key)
        if value is not None and not isinstance(value, bool):
            raise self.place.error(f"{key} is {value!r}; it must be true or false", key)
        return value

    def one_of(self, key: str, choices: Sequence[str], default: str) -> str:
        """Give one of several words."""
        value = self.take(key, default)
        if value not in choices:
            raise self.place.error(f"{key} is {value!r}; it must be one of {', '.join(choices)}", key)
        return str(value)

    def interval(self, key: str) -> tuple[float, float] | None:
        """Give two percentages, or None where they are missing."""
        value = self.take(key)
        if value is None:
            return None
        numbers = value if isinstance(value, list) else []
        if len(numbers) != 2 or not all(map(is_number, numbers)) or not 0 <= numbers[0] < numbers[1] <= 100:
            raise self.place.error(
                f"{key} is {value!r}; it must be two percentages, the lower one first", key
            )
        return float(numbers[0]), float(numbers[1])

    def loinc(self, key: str) -> str:
        """Give a LOINC code with a right check digit, or nothing where it is missing."""
        code = self.text(key, "")
        if code and not _LOINC.fullmatch(code):
            raise self.place.error(f"{key} is {code!r}; a LOINC code looks like 26511-6", key)
        if code and check_digit(code[:-2]) != int(code[-1]):
            raise self.place.error(
                f"{key} is {code!r}, which is no LOINC code: its check digit is wrong", key
            )
        return code


def check_digit(digits: str) -> int:
    """Give the check digit of a LOINC code (Luhn, mod 10).

    Examples
    --------
    >>> check_digit("26511"), check_digit("770")
    (6, 8)
    """
    doubled = [int(d) * (2 if i % 2 == 0 else 1) for i, d in enumerate(reversed(digits))]
    return (10 - sum(v // 10 + v % 10 for v in doubled) % 10) % 10


def is_number(value: object) -> bool:
    """Tell whether a value is a finite number (true and false are none)."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # of more than 300 digits
        return False
