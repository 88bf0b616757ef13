"""The tutorial shows pictures that are there, and CI keeps those that the tests take."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PICTURES = DOCS / "images" / "tutorial"
TUTORIAL = (DOCS / "tutorial.md").read_text(encoding="utf-8")


def test_every_picture_is_there_and_none_too_many() -> None:
    shown = set(re.findall(r"!\[[^\]]+\]\(images/tutorial/([\w.]+)\)", TUTORIAL))
    assert shown == {path.name for path in PICTURES.iterdir()}
    taken = {
        f"{name}.png"
        for path in (DOCS / "screenshots").glob("*.py")
        for name in re.findall(r'picture(?:\(|=)"(\w+)"', path.read_text(encoding="utf-8"))
    }
    assert shown == taken


def test_pictures_are_small_enough_for_a_page() -> None:
    sizes = {path.name: path.stat().st_size for path in PICTURES.iterdir()}
    assert {name: size for name, size in sizes.items() if size > 300_000} == {}
    assert sum(sizes.values()) < 3_000_000


def test_links_within_the_tutorial_lead_somewhere() -> None:
    titles = re.findall(r"^## (.+)$", TUTORIAL, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in titles}
    links = set(re.findall(r"\]\(#([^)]+)\)", TUTORIAL))
    assert links
    assert links <= anchors


def test_ci_keeps_the_pictures_of_the_tests() -> None:
    workflow = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    kept = re.findall(
        r"upload-artifact@\S+.*\n\s+if: always\(\)\n\s+with:\n\s+name: \S.*\n\s+path: (\S+)", workflow
    )
    assert kept == ["tests/artifacts/", "tests/artifacts/"]
