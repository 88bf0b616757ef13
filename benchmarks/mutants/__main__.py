"""Whether the tests notice a fault.

    python -m benchmarks.mutants numbers
    python -m benchmarks.mutants pages --sample 60
    python -m benchmarks.mutants tiles --seed 2

Needs ``pip install mutmut``. Run from the repository's top.
"""

from __future__ import annotations

import argparse

from .mutate import run
from .targets import TARGETS


def main() -> None:
    """Mutate a target."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mutants",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--sample", type=int, default=100, help="how many mutants, drawn at random")
    parser.add_argument("--seed", type=int, default=1, help="of the draw")
    chosen = parser.parse_args()
    result = run(chosen.target, chosen.sample, chosen.seed)
    low, high = 100 * result["ci_low"], 100 * result["ci_high"]
    print(
        f"{chosen.target}: {100 * result['score']:.1f} % noticed ({low:.1f}-{high:.1f} %), {result['tried']} tried"
    )


if __name__ == "__main__":
    main()
