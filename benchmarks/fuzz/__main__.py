"""Run a campaign: altered inputs by the thousand, in processes that may die of them.

python -m benchmarks.fuzz --of images --inputs 1000 --out benchmarks/results/fuzz/images.json
python -m benchmarks.fuzz --of images --target PNG --seed 7 --inputs 100
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.fuzz.outcome import FAILURES, LIMIT_S, READ, outcome
from benchmarks.fuzz.target import Target, altered
from benchmarks.fuzz.targets import GROUPS, TARGETS

_DIED = "killed the process"
#: Beyond what the process has at its start.
_MEMORY = 3 << 30


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--of", choices=[*GROUPS], help="only these readers")
    parser.add_argument("--inputs", type=int, default=200, help="of each target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", action="append", help="only those whose name holds this")
    parser.add_argument("--out", type=Path, help="JSON with the counts")
    parser.add_argument("--keep", type=Path, help="folder for the inputs that failed")
    args = parser.parse_args()
    named = args.target or [""]
    readers = GROUPS[args.of] if args.of else TARGETS
    chosen = [t for t in readers if any(part in t.name for part in named)]
    results = []
    for target in chosen:
        started = time.monotonic()
        found = campaign(target, args.inputs, args.seed, args.keep)
        results.append(found)
        print(f"{target.name:34} {found['outcomes']} {time.monotonic() - started:.0f} s", flush=True)
        for place, number in found["failures"].items():
            print(f"    {number:4} x {place}", flush=True)
        if args.out:
            args.out.parent.mkdir(parents=True, exist_ok=True)
            told = {
                "inputs_each": args.inputs,
                "seed": args.seed,
                "python": sys.version.split()[0],
                "targets": results,
            }
            args.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def campaign(target: Target, inputs: int, seed: int, keep: Path | None) -> dict[str, Any]:
    """Give a target its inputs; a process that dies or hangs is replaced and its input counted."""
    outcomes: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    first = 0
    context = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as scratch:
        # Before the worker, which shares what the sound files are made of.
        for content in target.seeds(Path(scratch)):
            kind, where = outcome(target, content, Path(scratch), limit_s=120)
            if kind != READ:
                raise SystemExit(f"the sound file of {target.name}: {kind}: {where}")
    while first < inputs:
        ours, theirs = context.Pipe()
        worker = context.Process(target=_work, args=(target, first, inputs, seed, theirs))
        worker.start()
        theirs.close()
        number = first
        try:
            while number < inputs:
                # The alarm within the process does not reach into C.
                if not ours.poll(LIMIT_S + 20):
                    raise EOFError
                kind, where = ours.recv()
                outcomes[kind] += 1
                if kind in FAILURES:
                    failures[f"{kind}: {where}"] += 1
                    _keep(keep, target, number, seed)
                number += 1
        except EOFError:
            worker.join(1)
            outcomes[_DIED] += 1
            failures[f"{_DIED} (input {number}, exit {worker.exitcode})"] += 1
            _keep(keep, target, number, seed)
            number += 1
        worker.kill()
        worker.join()
        ours.close()
        first = number
    return {"target": target.name, "outcomes": dict(outcomes), "failures": dict(failures.most_common())}


def _work(target: Target, first: int, inputs: int, seed: int, report: Connection) -> None:
    with tempfile.TemporaryDirectory() as folder:
        seeds = target.seeds(Path(folder))
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY, -1))
        for number in range(first, inputs):
            report.send(outcome(target, altered(target, seeds, number, seed), Path(folder)))


def _keep(folder: Path | None, target: Target, number: int, seed: int) -> None:
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        content = altered(target, target.seeds(Path(scratch)), number, seed)
    (folder / f"{target.name.replace(' ', '_').replace('/', '_')}-{seed}-{number}").write_bytes(content)


if __name__ == "__main__":
    main()
