"""The site builds without a warning, and every link, anchor and picture in it leads somewhere."""

from __future__ import annotations

import os
import pkgutil
import re
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from code_blocks import ROOT

import napari_wbc
from napari_wbc.cell_table import columns
from napari_wbc.cli.main import build_parser

DOCS = ROOT / "docs"


class PageLinks(HTMLParser):
    """The ids of a page, and the addresses that it links to or shows."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.addresses: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            elif (name in ("href", "src") and value) and tag in ("a", "img", "link", "script"):
                self.addresses.append(value)


def dead_links(site: Path) -> list[str]:
    """Look up every address within a site: the file must be there, and the anchor in it."""
    pages = {path: PageLinks(path) for path in site.rglob("*.html") if path.name != "404.html"}
    dead = []
    for page, found in pages.items():
        for address in found.addresses:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                dead.append(f"{page.relative_to(site)}: {address}")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
                dead.append(f"{page.relative_to(site)}: {address} (no such anchor)")
    return dead


def test_the_link_check_sees_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "there.html").write_text(
        '<h2 id="here">x</h2><a href="#here">x</a><a href="https://a.org">x</a>'
    )
    (tmp_path / "page.html").write_text(
        '<a href="there.html#here">x</a><a href="there.html#gone">x</a><img src="gone.png"><a href="gone.html">x</a>'
    )
    assert dead_links(tmp_path) == [
        "page.html: there.html#gone (no such anchor)",
        "page.html: gone.png",
        "page.html: gone.html",
    ]


@pytest.mark.slow
def test_the_site_builds_strictly_and_its_links_hold(tmp_path: Path) -> None:
    site = tmp_path / "site"
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(site)],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert dead_links(site) == []

    python = PageLinks(site / "reference" / "python.html")
    assert {f"napari_wbc.{name}" for name in napari_wbc.__all__ if name != "__version__"} <= python.ids
    assert ":func:" not in (site / "reference" / "python.html").read_text(encoding="utf-8")
    commands = PageLinks(site / "reference" / "command-line.html")
    there = {name for action in build_parser()._actions for name in (action.choices or {})}
    assert {f"napari-wbc-{name}" for name in there} <= commands.ids
    card = (site / "model-card.html").read_text(encoding="utf-8")
    assert "This model has never seen a blast cell" in card
    # Nothing is fetched when a page is opened.
    for page in site.rglob("*.html"):
        fetched = re.findall(
            r'<(?:script|link|img)[^>]+(?:src|href)="https?://[^"]+"', page.read_text(encoding="utf-8")
        )
        assert [tag for tag in fetched if 'rel="canonical"' not in tag] == [], page.name


def test_the_page_of_files_names_every_column() -> None:
    page = (DOCS / "reference" / "files.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w<>]+)`", page))
    assert [name for name in columns(["<class>"]) if name not in named] == []


def test_the_architecture_names_functions_that_are_there() -> None:
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    path = page.partition("## The path of a count")[2].partition("## ")[0]
    named = re.findall(r"`((?:\w+\.)+\w+)`", path)
    assert len(named) > 8
    for name in set(named) - {"wbc.count", "run.json", "CountResult.write"}:
        assert pkgutil.resolve_name(f"napari_wbc.{name}") is not None


def test_the_page_of_the_architecture_shows_the_layers_of_the_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    wanted = [{name.strip().removeprefix("napari_wbc.") for name in layer.split("|")} for layer in layers]
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", page, re.MULTILINE)
    assert [set(re.findall(r"`(\w+)`", row)) for row in rows] == wanted
