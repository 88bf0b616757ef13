"""The README's commands are those that exist, and the first of them runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from napari_wbc.cli import main
from napari_wbc.cli.main import build_parser
from napari_wbc.results import FILES

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    named = re.findall(r"^    make (\S+)", README, re.MULTILINE)
    assert named == ["demo", "test"]
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) <= set(targets)


def test_ci_runs_the_second_command() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "set -euo pipefail" in script
    assert re.search(r"^exec make .*\btest$", script, re.MULTILINE)


def test_the_readme_names_every_command_and_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    named = set(re.findall(r"napari-wbc ([a-z-]+)(?: |`)", README))
    there = {name for action in build_parser()._actions for name in (action.choices or {})}
    assert named == there
    texts = []
    for command in sorted(named):
        assert main([command, "--help"]) == 0
        texts.append(capsys.readouterr().out)
        assert f"example:\n  napari-wbc {command}" in texts[-1]
    options = set(re.findall(r"(--[a-z][a-z-]+)", README))
    assert [option for option in sorted(options) if not any(option in text for text in texts)] == []


def test_every_file_of_the_readme_is_written() -> None:
    assert [name for name in FILES if f"`{name}`" not in README] == []


def test_readme_and_parser_name_the_same_program() -> None:
    assert build_parser().prog == "napari-wbc"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_demo_runs_in_this_environment(tmp_path: Path) -> None:
    prefix = Path(sys.prefix)
    demo = tmp_path / "demo"
    # The environment counts as set up: what is tested here are the steps after that.
    done = subprocess.run(
        ["make", "-o", f"{prefix}/.napari-wbc-demo", f"VIRTUAL_ENV={prefix}", f"DEMO={demo}", "demo"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "leukocytes counted" in done.stdout
    assert f"{demo}/results/smear/report.html" in done.stdout
    results = demo / "results" / "smear"
    assert sorted(item.name for item in results.iterdir()) == sorted(FILES)
    found, truth = pd.read_csv(results / "cells.csv"), pd.read_csv(demo / "smear.truth.csv")
    assert len(found) >= 0.8 * len(truth)
