"""What the classifier is worth on laboratories that it never saw.

    python -m benchmarks.classification rows
    python -m benchmarks.classification ladder --seeds 0 1 2
    python -m benchmarks.classification single-source --rows erm-bn recipe --seeds 0 1 2
    python -m benchmarks.classification table

Run from the repository's top, one thread a process (OMP_NUM_THREADS=1). The ladder may be started any number of times
side by side and stopped at any moment: each run is done once, and leaves one file under benchmarks/results. The
manifests are those that benchmarks/robust.toml names.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .ladder import RESULTS, WORK, read_ladder, run_ladder, run_transfers


def main() -> None:
    """Run one of the benchmarks."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.classification",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--rows", nargs="+", default=[], help="rows of ladder.toml (default: all)")
    common.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    common.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    common.add_argument("--results", type=Path, default=RESULTS, help="folder of the results")
    common.add_argument("--work", type=Path, default=WORK, help="folder of checkpoints and logits")
    commands.add_parser("rows", help="what each row changes")
    ladder = commands.add_parser("ladder", parents=[common], help="leave each domain out, for each row")
    ladder.add_argument("--domains", nargs="+", default=[], help="to leave out (default: all four)")
    single = commands.add_parser("single-source", parents=[common], help="pbc to raabin, raabin to bccd")
    single.add_argument("--steps", type=int, help="another number of steps than that of the ladder")
    table = commands.add_parser(
        "table", help="tables and figures of what there is, and docs/classification.md"
    )
    table.add_argument("--results", type=Path, default=RESULTS)
    table.add_argument("--work", type=Path, default=WORK)
    arguments = parser.parse_args()

    if arguments.command == "rows":
        for row in read_ladder().rows:
            print(f"{row.name:<16} {row.title:<40} after {row.after or 'the base'}: {dict(row.change)}")
    elif arguments.command == "ladder":
        run_ladder(
            arguments.rows,
            arguments.domains,
            arguments.seeds,
            arguments.results,
            arguments.work,
            arguments.device,
        )
    elif arguments.command == "single-source":
        run_transfers(
            arguments.rows,
            arguments.seeds,
            arguments.results,
            arguments.work,
            arguments.device,
            arguments.steps,
        )
    else:
        from .report import write

        write(arguments.results, arguments.work)


if __name__ == "__main__":
    main()
