"""What the classifier is worth on laboratories that it never saw.

    python -m benchmarks.classification.manifests --out runs/robust
    python -m benchmarks.classification rows
    python -m benchmarks.classification ladder --seeds 0 1 2
    python -m benchmarks.classification single-source --rows erm-bn recipe --seeds 0 1 2
    python -m benchmarks.classification protocol --seeds 0 1 2
    python -m benchmarks.classification table
    python -m benchmarks.classification bundle --out models/robust

Run from the repository's top, one thread a process (OMP_NUM_THREADS=1). Ladder, single-source and protocol may be
started any number of times side by side and stopped at any moment: each run is done once, and leaves one file under
benchmarks/results. The manifests are those that benchmarks/robust.toml names.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .ladder import RESULTS, ROOT, WORK, read_ladder, run_ladder, run_transfers
from .shipped import make_bundle, run_protocol


def main() -> None:
    """Run one of the benchmarks."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.classification",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    places = argparse.ArgumentParser(add_help=False)
    places.add_argument("--results", type=Path, default=RESULTS, help="folder of the results")
    places.add_argument("--work", type=Path, default=WORK, help="folder of checkpoints and logits")
    device = argparse.ArgumentParser(add_help=False)
    device.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    seeds = argparse.ArgumentParser(add_help=False)
    seeds.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    rows = argparse.ArgumentParser(add_help=False)
    rows.add_argument("--rows", nargs="+", default=[], help="rows of ladder.toml (default: all)")
    domains = argparse.ArgumentParser(add_help=False)
    domains.add_argument("--domains", nargs="+", default=[], help="to leave out (default: all four)")
    running = [places, device, seeds]

    commands.add_parser("rows", help="what each row changes")
    commands.add_parser("ladder", parents=[*running, rows, domains], help="each row, on each domain left out")
    single = commands.add_parser(
        "single-source", parents=[*running, rows], help="pbc to raabin, raabin to bccd"
    )
    single.add_argument("--steps", type=int, help="another number of steps than that of the ladder")
    commands.add_parser(
        "protocol", parents=[*running, domains], help="the recipe as it is shipped, on each domain left out"
    )
    commands.add_parser(
        "table", parents=[places], help="tables and figures of what there is, and docs/classification.md"
    )
    bundle = commands.add_parser(
        "bundle", parents=[places, device], help="the shipped model, with the temperature of the protocol"
    )
    bundle.add_argument("--out", type=Path, default=ROOT / "models" / "robust")
    bundle.add_argument("--without", default="", metavar="DOMAIN", help="leave one out, for other benchmarks")
    arguments = parser.parse_args()

    if arguments.command == "rows":
        for row in read_ladder().rows:
            print(f"{row.name:<16} {row.title:<46} after {row.after or 'the base'}: {dict(row.change)}")
        return
    where = (arguments.results, arguments.work)
    if arguments.command == "ladder":
        run_ladder(arguments.rows, arguments.domains, arguments.seeds, *where, arguments.device)
    elif arguments.command == "single-source":
        run_transfers(arguments.rows, arguments.seeds, *where, arguments.device, arguments.steps)
    elif arguments.command == "protocol":
        run_protocol(arguments.domains, arguments.seeds, *where, arguments.device)
    elif arguments.command == "bundle":
        make_bundle(arguments.out, arguments.without, *where, arguments.device)
    else:
        from .report import write

        write(*where)


if __name__ == "__main__":
    main()
