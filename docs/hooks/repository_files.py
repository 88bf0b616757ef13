"""Files of the repository outside docs/ that belong to the site: some are pages, others are linked from pages.

A page says ``../models/robust/CARD.md``, which works in the repository; the site has that file under another name. Here
the files that pages link to are added to the site, and the links are turned to where they lie in it. What is included
is never copied into docs/.
"""

from __future__ import annotations

import logging
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

#: Pages of the site that lie elsewhere in the repository.
PAGES = {
    "index.md": "README.md",
    "model-card.md": "models/robust/CARD.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "security.md": "SECURITY.md",
}
#: Everything else that pages link to lies below this folder.
FOLDER = "files"
#: Link or image of Markdown, without title: text and address.
LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")
# Read as a page by mkdocs; all others are offered as they are.
_MARKDOWN = ".md"

log = logging.getLogger("mkdocs.plugins.repository_files")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies outside docs/."""
    root = Path(config.config_file_path).parent
    for place, source in PAGES.items():
        files.append(File.generated(config, place, abs_src_path=str(root / source)))
    for page in [file for file in files if file.src_uri.endswith(_MARKDOWN)]:
        for _, address, _ in LINK.findall(page.content_string):
            target = in_repository(page.src_uri, address)
            place = place_of(target) if target else ""
            if place.startswith(f"{FOLDER}/") and files.get_file_from_path(place) is None:
                if (root / target).is_file():
                    files.append(File.generated(config, place, abs_src_path=str(root / target)))
                else:
                    log.warning(f"{page.src_uri} links to {target}, which is no file of the repository")
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Turn links to where the file lies in the site."""
    here = page.file.src_uri

    def turned(link: re.Match[str]) -> str:
        before, address, after = link.groups()
        target = in_repository(here, address)
        if not target:
            return link[0]
        return f"{before}{posixpath.relpath(place_of(target), posixpath.dirname(here) or '.')}{after}"

    return LINK.sub(turned, markdown)


def in_repository(page: str, address: str) -> str:
    """Give the path in the repository that a page of the site links to; empty for an address elsewhere."""
    if re.match(r"[a-z][a-z+.-]*:", address):
        return ""
    return posixpath.normpath(posixpath.join(posixpath.dirname(source_of(page)), address))


def source_of(page: str) -> str:
    """Give the path in the repository of a page of the site."""
    if page in PAGES:
        return PAGES[page]
    if page.startswith(f"{FOLDER}/"):
        return page.removeprefix(f"{FOLDER}/")
    return f"docs/{page}"


def place_of(source: str) -> str:
    """Give the place in the site of a file of the repository."""
    for place, path in PAGES.items():
        if path == source:
            return place
    return source.removeprefix("docs/") if source.startswith("docs/") else f"{FOLDER}/{source}"
