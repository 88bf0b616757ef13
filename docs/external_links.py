"""Looks up every address outside that the README and docs/ link to: ``make links``.

A page that is not there any more is named, and the exit status is 1. Publishers often refuse programs
(401, 403, 405, 429): such an address is listed, to be looked at in a browser, and is no failure.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[1]
_REFUSED = {401, 403, 405, 429, 503}


def addresses(pages: Iterable[Path]) -> dict[str, str]:
    """Give the addresses, each with the first page that it stands on."""
    found: dict[str, str] = {}
    for page in pages:
        for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
            for part in token.children or ():
                address = str(part.attrs.get("href", ""))
                if address.startswith(("https://", "http://")):
                    found.setdefault(address, page.name)
    return found


def answer(address: str) -> str:
    """Ask for an address: ``ok``, ``refused (403)``, or what is wrong."""
    request = Request(address, headers={"User-Agent": "Mozilla/5.0 (link check)"})
    try:
        with urlopen(request, timeout=30):
            return "ok"
    except HTTPError as error:
        return f"refused ({error.code})" if error.code in _REFUSED else f"answers {error.code}"
    except (URLError, TimeoutError, OSError) as error:
        return f"cannot be reached ({getattr(error, 'reason', error)})"


def main(pages: Iterable[Path]) -> int:
    """Look up all addresses of some pages; 1 where one of them is gone."""
    found = addresses(pages)
    with ThreadPoolExecutor(8) as threads:
        answers = dict(zip(found, threads.map(answer, found), strict=True))
    for address, said in answers.items():
        if said != "ok":
            print(f"{found[address]}: {address} {said}")
    bad = [said for said in answers.values() if said != "ok" and not said.startswith("refused")]
    print(f"{len(answers)} addresses, {len(bad)} of them bad")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]))
