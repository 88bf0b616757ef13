"""Pages of the documentation that hold tables of benchmarks."""

from __future__ import annotations

import re
from pathlib import Path


def fill(page: Path, results: Path) -> None:
    """Put the tables ``results/NAME.md`` between their marks ``<!-- table: NAME -->`` and ``<!-- end -->``."""
    text = page.read_text(encoding="utf-8")
    for file in sorted(results.glob("*.md")):
        marks = f"<!-- table: {file.stem} -->", "<!-- end -->"
        inside = re.compile(re.escape(marks[0]) + ".*?" + re.escape(marks[1]), re.DOTALL)
        content = f"{marks[0]}\n\n{file.read_text(encoding='utf-8').strip()}\n\n{marks[1]}"
        text = inside.sub(lambda _, content=content: content, text)
    page.write_text(text, encoding="utf-8")
