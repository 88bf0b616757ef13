"""Altered copies of files: bits, blocks and numbers of any, values of JSON, fields of tables, of YAML and of TOML."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

Mutation = Callable[[bytes, Random], bytes]

#: Numbers at which integers of 1, 2, 4 and 8 bytes go wrong.
_EDGES = (
    0,
    1,
    -1,
    2,
    7,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x10000,
    0x7FFFFFFF,
    0x80000000,
    2**63 - 1,
)
#: What somebody may put in place of a value.
HOSTILE_TEXTS = (
    "", " ", "0", "-1", "1e308", "1e999", "-0", "nan", "NaN", "inf", "-Infinity", "1_000", "0x10", "1,5", "007", "true",
    "null", "~", "=1+1", "=cmd|' /C calc'!A0", "@SUM(A1)", "+1", "-1+1", "\t=1", "'=1", "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>", "../../../etc/passwd", "/etc/passwd",
    "a\nb", "a\r\nb", "a\x00b", "\ufeff", "\u202e", "é",
    "\U0001f9a0", "x" * 300, "%s%n{0}", '"', "'", ";", ",", "🩸" * 70, "2026-02-30", "9" * 400,
)  # fmt: skip
_YAML_TEXTS = (
    "!!python/object/apply:os.system ['true']", "&a [*a]", "{}", "[]", "[[[[]]]]", "{a: {a: {a: 1}}}", ".inf",
    ".nan", "2001-01-01",
    "0o17", "1:30:00", "!!binary aGk=", "!!set {a, b}", "<<: *a", "? [a]\n: b", "|\n  text",
    "- - - 1", "@", "`", "%TAG", "---", "...",
)  # fmt: skip
_JSON_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 0.5, 1e308, -1e308, float("nan"), float("inf"), float("-inf"), 2**31, 2**63, 2**70,
    10**400, [], {},
    [[]], [None], [1, 2, 3], {"a": 1}, "", *HOSTILE_TEXTS,
)  # fmt: skip


def any_bytes(content: bytes, random: Random) -> bytes:
    """Alter a few places of any file; half of the time near its beginning, where the sizes stand."""
    altered = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        if not altered:
            return bytes(altered)
        reach = min(len(altered), 600) if random.random() < 0.5 else len(altered)
        place = random.randrange(reach)
        kind = random.randrange(9)
        if kind <= 1:
            altered[place] ^= 1 << random.randrange(8)
        elif kind == 2:
            altered[place] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
        elif kind == 3:
            size, order = random.choice((2, 4, 8)), random.choice(("little", "big"))
            number = random.choice(_EDGES) % (1 << (8 * size))
            altered[place : place + size] = number.to_bytes(size, order)  # type: ignore[arg-type]
        elif kind == 4:
            del altered[place : place + random.choice((1, 2, 4, 16, 256))]
        elif kind == 5:
            altered[place:place] = random.randbytes(random.choice((1, 2, 4, 16, 256)))
        elif kind == 6:
            block = altered[place : place + random.choice((4, 16, 256))]
            other = random.randrange(len(altered))
            altered[other:other] = block
        elif kind == 7:
            del altered[random.randrange(len(altered)) :]
        else:
            size = random.choice((4, 16, 64))
            altered[place : place + size] = bytes(len(altered[place : place + size]))
    return bytes(altered)


def json_values(content: bytes, random: Random) -> bytes:
    """Alter values, keys and lengths within a JSON document; now and then its bytes."""
    if random.random() < 0.15:
        return any_bytes(content, random)
    tree = copy.deepcopy(json.loads(content))
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        tree = _with_altered_place(tree, random)
    return json.dumps(tree, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")


def json_lines(content: bytes, random: Random) -> bytes:
    """Alter one line of a file of JSON lines, or their order and number."""
    lines = content.splitlines(keepends=True)
    place = random.randrange(len(lines))
    kind = random.randrange(4)
    if kind == 0:
        lines[place] = json_values(lines[place].strip(), random) + b"\n"
    elif kind == 1:
        lines.insert(random.randrange(len(lines) + 1), lines[place])
    elif kind == 2:
        del lines[place]
    else:
        return any_bytes(content, random)
    return b"".join(lines)


def _with_altered_place(tree: Any, random: Random) -> Any:
    places = list(_places(tree))
    if not places or random.random() < 0.03:
        return random.choice(_JSON_VALUES)
    owner, key = random.choice(places)
    kind = random.randrange(8)
    if kind <= 4:
        owner[key] = copy.deepcopy(random.choice(_JSON_VALUES))
    elif kind == 5:
        del owner[key]
    elif kind == 6:
        nested: Any = owner[key]
        for _ in range(random.choice((1, 3, 200))):
            nested = [nested] if random.random() < 0.5 else {"a": nested}
        owner[key] = nested
    elif isinstance(owner, list):
        owner.insert(key, copy.deepcopy(random.choice((owner[key], *_JSON_VALUES))))
    else:
        owner[random.choice(HOSTILE_TEXTS)] = owner.pop(key)
    return tree


def _places(tree: Any, depth: int = 0) -> list[tuple[Any, Any]]:
    if depth > 40:
        return []
    if isinstance(tree, dict):
        own = [(tree, key) for key in tree]
        return own + [p for value in tree.values() for p in _places(value, depth + 1)]
    if isinstance(tree, list):
        # The first ones of a long list stand for all.
        return [(tree, i) for i in range(len(tree))][:6] + [
            p for v in tree[:6] for p in _places(v, depth + 1)
        ]
    return []


def table_fields(content: bytes, random: Random) -> bytes:
    """Alter fields, columns and lines of a CSV file; now and then its bytes."""
    if random.random() < 0.15:
        return any_bytes(content, random)
    text = content.decode("utf-8")
    separator = max(",;\t", key=text.split("\n", 1)[0].count)
    rows = [line.split(separator) for line in text.splitlines()] or [[""]]
    for _ in range(random.choice((1, 1, 2, 3))):
        row = rows[random.randrange(len(rows))] if random.random() < 0.7 else rows[0]
        column = random.randrange(len(row)) if row else 0
        kind = random.randrange(9)
        if kind <= 3 and row:
            row[column] = random.choice(HOSTILE_TEXTS)
        elif kind == 4 and row:
            row[column] = f'"{random.choice(HOSTILE_TEXTS)}"'
        elif kind == 5 and row:
            del row[column]
        elif kind == 6:
            row.insert(column, random.choice((*HOSTILE_TEXTS, *row)))
        elif kind == 7:
            rows.insert(random.randrange(len(rows) + 1), list(row))
        elif len(rows) > 1:
            del rows[random.randrange(len(rows))]
    end = random.choice(("\n", "\n", "\r\n", "\r"))
    start = "\ufeff" if random.random() < 0.1 else ""
    return (start + end.join(separator.join(row) for row in rows) + end).encode("utf-8", "surrogatepass")


def yaml_values(content: bytes, random: Random) -> bytes:
    """Alter values, keys and indentation of YAML or TOML; now and then its bytes."""
    if random.random() < 0.15:
        return any_bytes(content, random)
    lines = content.decode("utf-8").splitlines()
    for _ in range(random.choice((1, 1, 2, 3))):
        if not lines:
            break
        place = random.randrange(len(lines))
        kind = random.randrange(8)
        value = random.choice((*_YAML_TEXTS, *HOSTILE_TEXTS))
        if kind <= 3:
            lines[place] = re.sub(r"([:=])\s*.*$", lambda m, v=value: f"{m[1]} {v}", lines[place], count=1)
        elif kind == 4:
            del lines[place]
        elif kind == 5:
            lines.insert(place, lines[random.randrange(len(lines))])
        elif kind == 6:
            lines[place] = " " * random.choice((1, 2, 4)) + lines[place]
        else:
            lines[place] = re.sub(r"[\w.]+", lambda _m, v=value: v, lines[place], count=1)
    return "\n".join(lines).encode("utf-8", "surrogatepass") + b"\n"
