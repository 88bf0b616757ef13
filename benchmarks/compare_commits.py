"""This commit against an earlier one: every asv suite with both, and a table of the ratios.

    python -m benchmarks.compare_commits                    the last commit against the one before
    python -m benchmarks.compare_commits v1.2.0             the last commit against a release
    python -m benchmarks.compare_commits --quick            once each; no more than a check that nothing is far off

Both run in this environment with the suites of this checkout; only the package is of the commit. Writes
``benchmarks/results/asv/latest.md`` and ``latest.json``. Only ratios within one run of this command mean something.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "benchmarks" / "results" / "asv"
#: A ratio beyond this is pointed out.
FACTOR = 1.2


def main() -> None:
    """Measure both commits and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base", nargs="?", default="HEAD~1", help="the earlier commit (default: HEAD~1)")
    parser.add_argument("--head", default="HEAD", help="the later commit (default: HEAD)")
    parser.add_argument("--quick", action="store_true", help="run every benchmark once")
    parser.add_argument("--bench", metavar="REGEX", help="only these benchmarks")
    args = parser.parse_args()
    commits = [_git("rev-parse", f"{name}^{{commit}}") for name in (args.base, args.head)]
    _asv("machine", "--yes")
    chosen = [*(["--quick"] if args.quick else []), *(["--bench", args.bench] if args.bench else [])]
    for commit in commits:
        with tempfile.TemporaryDirectory() as folder:
            _unpack(commit, Path(folder))
            _asv("run", "--python=same", "--set-commit-hash", commit, *chosen, package=Path(folder) / "src")
    results = [_results(commit) for commit in commits]
    OUT.mkdir(parents=True, exist_ok=True)
    record = {
        "command": "python -m benchmarks.compare_commits" + (" --quick" if args.quick else ""),
        "quick": args.quick,
        "machine": {
            key: results[1]["params"][key] for key in ("arch", "cpu", "num_cpu", "os", "ram", "python")
        },
        "base": {"commit": commits[0], "results": _values(results[0])},
        "head": {"commit": commits[1], "results": _values(results[1])},
    }
    (OUT / "latest.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    (OUT / "latest.md").write_text(table(record), encoding="utf-8")
    print(table(record))


def table(record: dict[str, Any]) -> str:
    """Give the comparison as Markdown; the slowest first.

    Examples
    --------
    >>> def result(seconds):
    ...     return {"commit": "0" * 40, "results": {"a.time_x": seconds}}
    >>> print(table({"quick": True, "base": result(1.0), "head": result(2.0)}).splitlines()[-1])
    | a.time_x | 1 s | 2 s | **2.00** |
    """
    base, head = record["base"]["results"], record["head"]["results"]
    rows = []
    for name in sorted({*base, *head}):
        before, after = base.get(name), head.get(name)
        ratio = after / before if before and after else None
        rows.append((ratio if ratio is not None else 0.0, name, before, after, ratio))
    lines = [
        f"Commit {record['head']['commit'][:9]} against {record['base']['commit'][:9]}"
        + (", each measured once: ratios within a factor of two are noise." if record["quick"] else "."),
        "",
        "| benchmark | before | after | ratio |",
        "|---|--:|--:|--:|",
    ]
    for _, name, before, after, ratio in sorted(rows, key=lambda row: (-row[0], row[1])):
        shown = "" if ratio is None else f"{ratio:.2f}"
        if ratio is not None and not 1 / FACTOR <= ratio <= FACTOR:
            shown = f"**{shown}**"
        lines.append(f"| {name} | {_text(name, before)} | {_text(name, after)} | {shown} |")
    return "\n".join(lines) + "\n"


def _text(name: str, value: float | None) -> str:
    if value is None:
        return "not measured"
    if "peakmem" in name:
        return f"{value / 1e6:.0f} MB"
    return f"{value:.3g} s" if value >= 1 else f"{1000 * value:.3g} ms"


def _values(result: dict[str, Any]) -> dict[str, float]:
    """Give one number for each benchmark and parameter."""
    columns = result["result_columns"]
    values = {}
    for name, entry in result["results"].items():
        fields = dict(zip(columns, entry, strict=False))
        parameters = fields.get("params") or []
        labels = [f"({value})".replace("'", "") for value in parameters[0]] if parameters else [""]
        for label, value in zip(labels, fields["result"] or [], strict=False):
            if value is not None:
                values[name + label] = float(value)
    return values


def _results(commit: str) -> dict[str, Any]:
    (file,) = (ROOT / ".asv" / "results").glob(f"*/{commit[:8]}-existing*.json")
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def _unpack(commit: str, folder: Path) -> None:
    """Put the package and the models of a commit into a folder; the checkout stays as it is."""
    packed = subprocess.run(
        ["git", "archive", commit, "src", "models"], cwd=ROOT, check=True, capture_output=True
    ).stdout
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")


def _asv(*arguments: str, package: Path | None = None) -> None:
    environment = dict(os.environ)
    if package is not None:
        environment |= {"PYTHONPATH": str(package), "ASV_PYTHONPATH": str(package)}
    done = subprocess.run([sys.executable, "-m", "asv", *arguments], cwd=ROOT, env=environment, check=False)
    # 2: some benchmarks failed, as new ones do with an old commit; the table says which.
    if done.returncode not in (0, 2):
        sys.exit(f"asv {arguments[0]} failed")


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()


if __name__ == "__main__":
    main()
