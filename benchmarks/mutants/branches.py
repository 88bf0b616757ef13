"""Lines and branches of the core that its tests reach, by package.

    python -m benchmarks.mutants.branches                       (the whole core: about 15 minutes on a quiet core)
    python -m benchmarks.mutants.branches tests/differential    (one folder of tests, for the package of that name)

Writes ``benchmarks/results/coverage.json``; packages that were measured before and not now keep their figures. What
runs in other processes (workers, command lines) is not seen. Run from the repository's top.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from .mutate import ROOT

RESULT = ROOT / "benchmarks" / "results" / "coverage.json"
_KINDS = ("num_statements", "covered_lines", "num_branches", "covered_branches")


def measure(tests: list[str]) -> dict[str, Any]:
    """Run tests, and sum up by package."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        environment = {key: value for key, value in os.environ.items() if key != "DISPLAY"}
        environment |= {"COVERAGE_FILE": str(Path(folder) / "data"), "OMP_NUM_THREADS": "1"}
        what = ["--cov=napari_wbc", "--cov-branch", f"--cov-report=json:{report}"]
        plain = ["-q", "-p", "no:napari", "-p", "no:pytest-qt", "--ignore=tests/gui"]
        command = [sys.executable, "-m", "pytest", *plain, *what, *tests]
        done = subprocess.run(command, cwd=ROOT, env=environment)
        if done.returncode:
            raise SystemExit("tests failed: nothing was kept")
        files = json.loads(report.read_text(encoding="utf-8"))["files"]
    packages: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_KINDS, 0))
    missing: dict[str, list[str]] = {}
    for name, file in files.items():
        parts = Path(name).parts
        package = parts[parts.index("napari_wbc") + 1].removesuffix(".py")
        if package == "gui" or (tests != ["tests"] and f"tests/{package}" not in tests):
            continue
        for kind in _KINDS:
            packages[package][kind] += file["summary"][kind]
        if file["missing_branches"]:
            inside = "/".join(parts[parts.index("napari_wbc") + 1 :])
            missing[inside] = [f"{start}->{end}" for start, end in file["missing_branches"]]
    return {
        package: {
            "tests": tests,
            **figures,
            "percent": round(
                100
                * (figures["covered_lines"] + figures["covered_branches"])
                / max(1, figures["num_statements"] + figures["num_branches"]),
                1,
            ),
            "missing_branches": {
                name: arcs
                for name, arcs in missing.items()
                if name.split("/")[0].removesuffix(".py") == package
            },
        }
        for package, figures in sorted(packages.items())
    }


def main() -> None:
    """Measure, and keep the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mutants.branches",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("tests", nargs="*", default=["tests"])
    found = measure(parser.parse_args().tests)
    kept = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.is_file() else {}
    RESULT.write_text(json.dumps(kept | found, indent=1) + "\n", encoding="utf-8")
    for package, figures in found.items():
        print(
            f"{package}: {figures['percent']} % of lines and branches, "
            f"{figures['covered_branches']} of {figures['num_branches']} branches"
        )


if __name__ == "__main__":
    main()
