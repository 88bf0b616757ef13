"""Markdown tables, and the same numbers as JSON."""

from __future__ import annotations

import functools
import json
import math
import subprocess
from pathlib import Path
from typing import Any

from .fields import ROOT

RESULTS = Path(__file__).with_name("results")


def markdown(rows: list[dict[str, Any]]) -> str:
    """Rows as a Markdown table; the keys of the first row are the head."""
    head = list(rows[0])
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    lines += ["| " + " | ".join(_text(row.get(key, "")) for key in head) + " |" for row in rows]
    return "\n".join(lines)


def with_interval(value: tuple[float, float, float], digits: int = 3) -> str:
    """``value (low-high)``."""
    if math.isnan(value[0]):
        return "-"
    middle, low, high = (f"{v:.{digits}f}" for v in value)
    return f"{middle} ({low}-{high})"


def _text(value: Any) -> str:
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.3f}"
    return str(value)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write numbers beside what made them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"revision": revision()} | content, indent=1, default=float) + "\n")


@functools.cache
def revision() -> str:
    """Commit of the code that was measured, with a mark where the tree had changes; asked once."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=ROOT, capture_output=True, text=True
    )
    return done.stdout.strip() or "unknown"
