"""Every code block of the README and of docs/ runs, in one folder with drawn images and in one process."""

from __future__ import annotations

import argparse
import io
import json
import shlex
import tomllib
import traceback
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pandas as pd
import pytest
import yaml
from code_blocks import PAGES, REASONS, Block, blocks, check, run

from napari_wbc.cli.main import build_parser

#: Blocks beside the measurements that stay without being run, at most. A new one needs a reason, and a line here.
MOST_NOT_RUN = 22
_READERS = {"toml": tomllib.loads, "yaml": yaml.safe_load, "json": json.loads}


def documented() -> list[Block]:
    return [block for page in PAGES for block in blocks(page)]


def measures(block: Block) -> bool:
    """Whether a block repeats a measurement; these need images that are not in the repository, or hours."""
    return block.language == "sh" and all(
        "python" in words and any("benchmarks" in word for word in words) for words in block.commands()
    )


def test_every_block_says_what_it_is() -> None:
    known = {"sh", "python", "text", "csv", *_READERS}
    assert [block.place for block in documented() if block.language not in known] == []
    for block in documented():
        if block.language in _READERS:
            _READERS[block.language](block.text)
        elif block.language == "csv":
            assert len(pd.read_csv(io.StringIO(block.text))) > 0, block.place


def test_few_blocks_are_not_run_and_each_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    left_out = [block for block in documented() if block.not_run]
    assert [f"{b.place}: {b.not_run}" for b in left_out if b.not_run not in REASONS] == []
    assert [b.place for b in documented() if measures(b) and not b.not_run] == []
    for block in left_out:
        check(block)
    others = [block for block in left_out if not measures(block)]
    with capsys.disabled():
        counted = ", ".join(
            f"{n} {reason}" for reason, n in Counter(b.not_run for b in left_out).most_common()
        )
        print(f"\ncode blocks of the documentation: {len(documented())}; not run: {counted}")
    assert len(others) <= MOST_NOT_RUN, [block.place for block in others]


def test_the_examples_of_the_help_are_commands_that_exist() -> None:
    parsers = [build_parser()]
    for parser in parsers:
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                parsers += action.choices.values()
        for line in (parser.epilog or "").splitlines():
            if line.startswith("  napari-wbc ") and "COMMAND" not in line:
                build_parser().parse_args(shlex.split(line.split("   ")[0])[1:])


def test_blocks_run_in_the_order_of_their_page(stand_ins: Path) -> None:
    failures, done = [], set()
    for page in PAGES:
        names: dict[str, object] = {"__name__": "__main__"}
        for block in blocks(page):
            if block.not_run:
                continue
            said = io.StringIO()
            try:
                with redirect_stdout(said), redirect_stderr(said):
                    run(block, stand_ins, names, done)
            except BaseException:  # noqa: BLE001 - all that fail are told at once
                failures.append(
                    f"{block.place}\n{block.text}\n{said.getvalue()}\n{traceback.format_exc(limit=-2)}"
                )
    assert not failures, "\n\n".join(failures)
