"""Readers that are Python throughout, fuzzed by what their code does with an input (atheris, not installed with this).

pip install atheris
python -m benchmarks.fuzz.coverage_guided --seconds 60 --out benchmarks/results/fuzz/coverage_guided.json
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

NAMES = (
    "profile",
    "sample sheet",
    "columns of an analyser",
    "training recipe",
    "lab adapter",
    "changes.jsonl",
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=60, help="of each target")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", help="within one process: the target")
    args = parser.parse_args()
    if args.only:
        _fuzz(args.only, args.seconds)
        return
    results = []
    for name in NAMES:
        command = [sys.executable, "-m", "benchmarks.fuzz.coverage_guided", "--only", name]
        run = subprocess.run(
            [*command, "--seconds", str(args.seconds)], capture_output=True, text=True, check=False
        )
        told = [line for line in run.stdout.splitlines() if line.startswith("{")]
        found = json.loads(told[-1]) if told else {"target": name, "failed": run.stderr[-2000:]}
        print(found, flush=True)
        results.append(found)
        if args.out:
            args.out.parent.mkdir(parents=True, exist_ok=True)
            args.out.write_text(
                json.dumps({"seconds_each": args.seconds, "targets": results}, indent=1) + "\n",
                encoding="utf-8",
            )


def _fuzz(name: str, seconds: int) -> None:
    import atheris

    with atheris.instrument_imports(include=["napari_wbc", "yaml"]):
        from benchmarks.fuzz.outcome import FAILURES, outcome
        from benchmarks.fuzz.targets import TARGETS
    target = next(t for t in TARGETS if t.name == name)
    folder = Path(tempfile.mkdtemp())
    corpus = Path(tempfile.mkdtemp())
    for number, seed in enumerate(target.seeds(folder)):
        (corpus / str(number)).write_bytes(seed)
    outcomes: Counter[str] = Counter()
    failures: Counter[str] = Counter()

    def one(content: bytes) -> None:
        kind, where = outcome(target, content, folder, limit_s=0)
        outcomes[kind] += 1
        if kind in FAILURES:
            failures[f"{kind}: {where}"] += 1
        # Libfuzzer ends the process without another word.
        print(json.dumps({"target": name, "outcomes": outcomes, "failures": failures}), flush=True)

    atheris.Setup(
        [sys.argv[0], str(corpus), f"-max_total_time={seconds}", "-timeout=60", "-verbosity=0"], one
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
