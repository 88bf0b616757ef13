"""The check of addresses outside, asked here of a server of our own."""

from __future__ import annotations

import http.server
import importlib.util
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from code_blocks import ROOT

_spec = importlib.util.spec_from_file_location("external_links", ROOT / "docs" / "external_links.py")
assert _spec is not None
assert _spec.loader is not None
external_links = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(external_links)


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers with the status that the path names."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def test_addresses_are_told_from_the_text_around_them(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "See [a](https://a.org/x_(y)), <https://b.org/1.2>, and `http://localhost:8786`,\n"
        "[here](there.md) or ([there](https://doi.org/10.1/s-1)).\n\n    curl https://code.org\n"
    )
    found = external_links.addresses([page])
    assert set(found) == {"https://a.org/x_(y)", "https://b.org/1.2", "https://doi.org/10.1/s-1"}


def test_what_is_gone_is_told_from_what_is_refused(server: str) -> None:
    assert external_links.answer(f"{server}/200") == "ok"
    assert external_links.answer(f"{server}/403") == "refused (403)"
    assert external_links.answer(f"{server}/404") == "answers 404"
    assert external_links.answer("http://127.0.0.1:9/").startswith("cannot be reached")
