"""Change the code in one place at a time (mutmut) and see whether a test fails."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

from napari_wbc.differential.intervals import wilson

from .targets import TARGETS, Target

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "mutation"
SCRATCH = ROOT / "build" / "mutants"
#: A mutant that needs that many times as long as its tests do, and a little more, hangs: that is noticed, too.
_TIMES, _MORE_S = 3.0, 3.0
_PYTEST = ("-p", "no:napari", "-p", "no:pytest-qt", "-p", "no:cacheprovider", "--hypothesis-seed=0")
#: Exit codes that mutmut keeps for a mutant.
_OUTCOMES = {0: "survived", 1: "killed", 3: "killed", 5: "no tests", 33: "no tests"}


def run(name: str, sample: int, seed: int) -> dict[str, Any]:
    """Try that many mutants of a target, drawn at random.

    Results go to ``benchmarks/results/mutation/NAME-SEED.json``, with the change of every mutant that no test noticed.
    """
    folder = _scratch(name, TARGETS[name])
    # mutmut has no command that only makes the mutants: asked for none of them, it makes all and stops there.
    _mutmut(folder, ["none"], expect_failure=True)
    names = sorted(_exit_codes(folder))
    chosen = sorted(random.Random(seed).sample(names, min(sample, len(names))))
    _mutmut(folder, chosen)
    return _keep(f"{name}-{seed}", folder, chosen, {"mutants": len(names), "seed": seed})


def _scratch(name: str, target: Target) -> Path:
    """A folder beside the code for the copies that mutmut changes."""
    folder = SCRATCH / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for shared in ("src", "tests", "models"):
        (folder / shared).symlink_to(ROOT / shared, target_is_directory=True)
    left_out = [part for test in target.left_out for part in ("--deselect", test)]
    options = {
        "source_paths": ["src"],
        "only_mutate": list(target.files),
        "also_copy": ["models"],
        "pytest_add_cli_args": [*_PYTEST, *left_out],
        "pytest_add_cli_args_test_selection": list(target.tests),
        "timeout_multiplier": _TIMES,
        "timeout_constant": _MORE_S,
    }
    settings = "".join(f"{key} = {json.dumps(value)}\n" for key, value in options.items())
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (folder / "pyproject.toml").write_text(f"{project}\n[tool.mutmut]\n{settings}", encoding="utf-8")
    return folder


def _mutmut(folder: Path, names: list[str], *, expect_failure: bool = False) -> None:
    """Run mutmut in one process; its log stays in the folder."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "DISPLAY")}
    program = Path(sys.executable).with_name("mutmut")
    with (folder / "mutmut.log").open("w", encoding="utf-8") as log:
        done = subprocess.run(
            [program, "run", "--max-children", "1", *names],
            cwd=folder,
            env=environment | {"OMP_NUM_THREADS": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    made = any((folder / "mutants").rglob("*.meta")) and (folder / "mutants" / "mutmut-stats.json").is_file()
    if not made or (done.returncode and not expect_failure):
        raise SystemExit(f"mutmut failed: see {folder / 'mutmut.log'}")


def _exit_codes(folder: Path) -> dict[str, int | None]:
    codes: dict[str, int | None] = {}
    for path in sorted((folder / "mutants").rglob("*.meta")):
        codes |= json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
    return codes


def _keep(name: str, folder: Path, chosen: list[str], facts: dict[str, Any]) -> dict[str, Any]:
    codes = _exit_codes(folder)
    # What ends in a signal ran out of time, or brought the interpreter down.
    outcome = {mutant: _OUTCOMES.get(codes[mutant] or 0, "timeout") for mutant in chosen}
    files = {}
    for mutant in chosen:
        file = mutant.rpartition(".")[0].removeprefix("napari_wbc.")
        files.setdefault(file, Counter())[outcome[mutant]] += 1
    total = Counter(outcome.values())
    noticed = total["killed"] + total["timeout"]
    low, high = wilson(noticed, len(chosen))
    result = facts | {
        "mutmut": version("mutmut"),
        "tried": len(chosen),
        **{kind: total[kind] for kind in ("killed", "timeout", "survived", "no tests")},
        "score": noticed / len(chosen),
        "ci_low": low,
        "ci_high": high,
        "files": {file: dict(counts) for file, counts in sorted(files.items())},
        "survivors": [
            {"name": mutant, "outcome": outcome[mutant], "change": _change(folder, mutant)}
            for mutant in chosen
            if outcome[mutant] in ("survived", "no tests")
        ],
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(
        json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return result


def _change(folder: Path, mutant: str) -> list[str]:
    """Lines that the mutant takes away and puts in."""
    program = Path(sys.executable).with_name("mutmut")
    shown = subprocess.run([program, "show", mutant], cwd=folder, capture_output=True, text=True, check=True)
    lines = shown.stdout.splitlines()
    return [
        line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---") and line[1:].strip()
    ]
