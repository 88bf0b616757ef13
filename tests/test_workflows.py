"""What the workflow files promise: pinned actions, the Python versions of the metadata, one place that may publish."""

from __future__ import annotations

import re
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
    }
    assert all(workflow["permissions"] == {"contents": "read"} for workflow in WORKFLOWS.values())
    assert set(WORKFLOWS["release.yml"]["jobs"]["publish"]["needs"]) == {"build", "try", "parts"}
