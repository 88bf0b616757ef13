"""What the workflow files promise: pinned actions, the Python versions of the metadata, one place that may publish."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = {
    path.name: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
}


def steps(workflow: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for job in workflow["jobs"].values():
        yield from job["steps"]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_pinned_to_a_commit(name: str) -> None:
    used = [step["uses"] for step in steps(WORKFLOWS[name]) if "uses" in step]
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action)] == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_text_from_outside_is_put_into_a_command(name: str) -> None:
    # A branch may be called "; rm -rf": such names go through the environment.
    commands = [step["run"] for step in steps(WORKFLOWS[name]) if "run" in step]
    assert [command for command in commands if "${{" in command] == []


def test_every_supported_python_is_tested_on_three_systems() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    prefix = "Programming Language :: Python :: 3."
    stated = {c.removeprefix(prefix[:-2]) for c in project["classifiers"] if c.startswith(prefix)}
    jobs = WORKFLOWS["tests.yml"]["jobs"]
    assert jobs["everything"]["runs-on"] == "ubuntu-latest"
    assert set(jobs["everything"]["strategy"]["matrix"]["python"]) == stated
    assert set(jobs["core"]["strategy"]["matrix"]["os"]) == {"windows-latest", "macos-latest"}
    assert set(jobs["core"]["strategy"]["matrix"]["python"]) == stated
    lowest = project["requires-python"].removeprefix(">=")
    (python,) = (
        s["with"]["python-version"]
        for s in jobs["oldest-versions"]["steps"]
        if "setup-python" in s.get("uses", "")
    )
    assert python == lowest == min(stated)


def test_only_publishing_may_publish() -> None:
    rights = {
        (name, job): permissions
        for name, workflow in WORKFLOWS.items()
        for job, content in workflow["jobs"].items()
        if (permissions := content.get("permissions"))
    }
    assert rights == {
        ("release.yml", "publish"): {"id-token": "write"},
        ("release.yml", "announce"): {"contents": "write"},
        ("tests.yml", "report"): {"issues": "write"},
    }
    assert all(workflow["permissions"] == {"contents": "read"} for workflow in WORKFLOWS.values())
    publish = WORKFLOWS["release.yml"]["jobs"]["publish"]
    assert set(publish["needs"]) == {"build", "try", "parts"}
    # A rehearsal that is started by hand on a tag publishes nothing.
    assert publish["if"] == "github.event_name == 'push' && github.ref_type == 'tag'"


def test_a_push_does_not_end_the_weekly_run() -> None:
    assert "github.event_name" in WORKFLOWS["tests.yml"]["concurrency"]["group"]
    assert WORKFLOWS["release.yml"]["concurrency"]["cancel-in-progress"] is False


@pytest.mark.skipif(os.name == "nt", reason="the step runs on Linux only")
@pytest.mark.parametrize(
    ("open_issue", "done"),
    [("", "issue create --title The weekly run fails --body"), ("17", "issue comment 17 --body")],
)
def test_a_weekly_run_that_fails_is_told_in_one_issue(tmp_path: Path, open_issue: str, done: str) -> None:
    jobs = WORKFLOWS["tests.yml"]["jobs"]
    assert set(jobs["report"]["needs"]) == set(jobs) - {"report"}
    (step,) = jobs["report"]["steps"]
    said = tmp_path / "said.txt"
    gh = tmp_path / "gh"
    gh.write_text(f'#!/bin/sh\n[ "$2" = list ] && echo "{open_issue}"\necho "$@" >> {said}\n')
    gh.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    environment |= {name: text for name, text in step["env"].items() if name in ("TITLE", "BODY")}
    # As a runner starts it.
    subprocess.run(["bash", "-e", "-c", step["run"]], env=environment, check=True)
    asked, told = said.read_text().splitlines()
    assert 'select(.title == "The weekly run fails")' in asked
    assert told.startswith(f"{done} With the newest packages")
