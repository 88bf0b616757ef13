"""Whether the tests notice a fault.

    python -m benchmarks.mutants run numbers --sample 100 --seed 1
    python -m benchmarks.mutants run pages --sample 100 --seed 1
    python -m benchmarks.mutants run tiles --sample 100 --seed 1
    python -m benchmarks.mutants again numbers      (what survived, against the tests of today)

Needs ``pip install mutmut``. Run from the repository's top.
"""

from __future__ import annotations

import argparse

from .mutate import again, run
from .targets import TARGETS


def main() -> None:
    """Run one of the campaigns."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mutants",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    first = commands.add_parser("run", help="mutate a target")
    first.add_argument("target", choices=TARGETS)
    first.add_argument("--sample", type=int, help="only that many mutants, drawn at random")
    first.add_argument("--seed", type=int, default=1)
    second = commands.add_parser("again", help="try again what survived")
    second.add_argument("target", choices=TARGETS)
    chosen = parser.parse_args()
    result = (
        run(chosen.target, chosen.sample, chosen.seed) if chosen.command == "run" else again(chosen.target)
    )
    low, high = 100 * result["ci_low"], 100 * result["ci_high"]
    print(
        f"{chosen.target}: {100 * result['score']:.1f} % noticed ({low:.1f}-{high:.1f} %), {result['tried']} tried"
    )


if __name__ == "__main__":
    main()
