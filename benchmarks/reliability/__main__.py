"""Faults on purpose: what is killed, filled up, cut off or changed on the way, and whether anything is lost.

    python -m benchmarks.reliability kill --what count --times 40
    python -m benchmarks.reliability kill --what count-folder      (count-again, count-workers, train, fine-tune)
    python -m benchmarks.reliability kill --what worker            (dask-worker, dask-scheduler, review)
    python -m benchmarks.reliability disk --what count             (count-folder, train, fine-tune)
    python -m benchmarks.reliability together --what count         (count-folder, train, fine-tune, review)
    python -m benchmarks.reliability cut --times 20                (read-error, changed, worker-memory, memory)
    python -m benchmarks.reliability soak --fields 1000 --real 40
    python -m benchmarks.reliability table

Every blow is drawn with ``--seed``. Run from the repository's top, one thread a process (OMP_NUM_THREADS=1), on Linux;
a disk is filled by root only, a read error needs strace.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from . import changed, disk, kill, memory, reads, soak, together
from .outcome import Outcome, table

_COMMANDS = ("count", "count-folder", "count-again", "count-workers", "train", "fine-tune")
_ON_ITS_OWN = {
    "cut": (reads.cut_off, "a slide that is cut off in the middle of a count"),
    "read-error": (reads.failing_disk, "a read that the system answers with EIO"),
    "changed": (changed.change_image, "an image that is changed while it is counted"),
    "memory": (partial(memory.starve, worker=False), "a process that gets no more memory"),
    "worker-memory": (partial(memory.starve, worker=True), "a worker that gets no more memory"),
}


def main() -> int:
    """Run one of the campaigns."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reliability",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--work", type=Path, default=Path("build/reliability"), help="scratch folder")
    parser.add_argument("--seed", type=int, default=0)
    campaigns = parser.add_subparsers(dest="campaign", required=True)
    for name, what, words in (
        (
            "kill",
            (*_COMMANDS, "worker", "dask-worker", "dask-scheduler", "review"),
            "kill -9 at random points",
        ),
        ("disk", _COMMANDS, "a disk that is full at random points"),
        ("together", (*_COMMANDS, "review"), "two processes on the same output"),
    ):
        campaign = campaigns.add_parser(name, help=words)
        campaign.add_argument("--what", choices=what, required=True)
        campaign.add_argument("--times", type=int, default=40)
    for name, (_, words) in _ON_ITS_OWN.items():
        campaigns.add_parser(name, help=words).add_argument("--times", type=int, default=40)
    soaking = campaigns.add_parser("soak", help="memory over many fields in one process")
    soaking.add_argument("--fields", type=int, default=1000)
    soaking.add_argument("--real", type=int, default=40, help="real fields, of which every tenth is one")
    campaigns.add_parser("table", help="print what was kept of all campaigns")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if args.campaign == "table":
        print(table())
        return 0
    if args.campaign == "soak":
        return soak.soak(args.work, args.fields, args.real)
    outcome = _outcome(args)
    what = [args.what] if "what" in args else []
    outcome.command = " ".join(
        [
            "python -m benchmarks.reliability",
            f"--seed {args.seed}",
            args.campaign,
            *(f"--what {x}" for x in what),
        ]
    )
    outcome.command += f" --times {args.times}"
    place = outcome.write("_".join([args.campaign, *what]).replace("-", "_"))
    print(f"{outcome.injected} injected, {len(outcome.broken)} broken -> {place}")
    return 1 if outcome.broken else 0


def _outcome(args: argparse.Namespace) -> Outcome:
    of = (args.work, args.times, args.seed)
    if args.campaign in _ON_ITS_OWN:
        return _ON_ITS_OWN[args.campaign][0](*of)
    match args.campaign, args.what:
        case "kill", "worker":
            return kill.kill_workers(*of)
        case "kill", "dask-worker" | "dask-scheduler" as what:
            return kill.kill_dask(*of, scheduler=what == "dask-scheduler")
        case "kill", "review":
            return kill.kill_review(*of)
        case "kill", what:
            return kill.kill_command(what, *of)
        case "disk", what:
            return disk.fill_disk(what, *of)
        case _, "review":
            return together.two_reviews(*of)
        case _, what:
            return together.side_by_side(what, *of)


if __name__ == "__main__":
    sys.exit(main())
