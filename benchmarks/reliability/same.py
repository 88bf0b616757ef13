"""Whether two folders hold the same results: byte for byte, but for what tells when and how they were made."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import torch

#: Entries of ``run.json`` that tell of the course of a count and not of what was found.
_COURSE = ("finished", "seconds", "tiles_resumed", "workers", "engine")
_TIMES = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(\+00:00|Z| UTC)?)?")
_WAY = re.compile(r'<tr><th scope="row">(Segmentation ran in|Workers|Engine)</th>.*?</tr>', re.S)


def plain(path: Path) -> bytes:
    """Give what a file says of the cells."""
    content = path.read_bytes()
    if path.name == "run.json":
        record = json.loads(content)
        return json.dumps({k: v for k, v in record.items() if k not in _COURSE}, sort_keys=True).encode()
    if path.name.endswith(".metrics.jsonl"):
        lines = [json.loads(line) for line in content.decode().splitlines()]
        return json.dumps([{k: v for k, v in x.items() if k != "steps_per_second"} for x in lines]).encode()
    if path.suffix == ".html" or path.name.endswith("coco.json"):
        return _WAY.sub("", _TIMES.sub("", content.decode())).encode()
    if path.suffix == ".pt":
        return json.dumps(_parts(torch.load(path, weights_only=True)), sort_keys=True).encode()
    return content


def _parts(content: Any) -> Any:
    """Give what a file of torch holds: which parts of it share a place in memory differs after a resume."""
    if isinstance(content, torch.Tensor):
        numbers = content.contiguous().numpy()
        return [str(numbers.dtype), list(numbers.shape), hashlib.sha256(numbers.tobytes()).hexdigest()]
    if isinstance(content, dict):
        return {str(key): _parts(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_parts(value) for value in content]
    return content


def holds(folder: Path) -> dict[str, str]:
    """Give the files of a folder by their relative paths, hidden ones too, each with its fingerprint."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(plain(path)).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def differences(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    """Say in words where two folders differ."""
    return [
        *(f"{name} is missing" for name in expected if name not in found),
        *(f"{name} is too many" for name in found if name not in expected),
        *(f"{name} is another" for name in expected if name in found and found[name] != expected[name]),
    ]
