"""What the numbers of a differential are worth.

    python -m benchmarks.classification bundle --without raabin --out runs/trust/without-raabin    (and the others)
    python -m benchmarks.classification.trust fit runs/trust/fitted/without-raabin --folds ...     (and the others)
    python -m benchmarks.differential say --folds runs/trust/fitted/without-{bccd,chula,pbc,raabin}
    python -m benchmarks.differential confusion [--into models/robust]

``say`` keeps what models say of cells that they were not trained on; the others start from that. Run from the
repository's top, one thread a process (OMP_NUM_THREADS=1).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from napari_wbc.classification.bundle import load_model, save_bundle
from napari_wbc.classification.replay import REPLAY_FILE, replay_content
from napari_wbc.execution.atomic import atomic_path
from napari_wbc.training.config import TrainingConfig

from .sayings import DOMAINS, RESULTS, ROOT, RUNS, confusion_of, kept, say


def write(name: str, result: Any) -> None:
    """Write raw figures as JSON."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    with atomic_path(RESULTS / f"{name}.json") as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def add_confusion(work: Path, into: Path | None) -> None:
    """Write the confusion, and put it into a bundle; its weights and its card stay."""
    confusion = confusion_of([kept(work, f"unseen-{d}") for d in DOMAINS], kept(work, "held-out")).to_dict()
    write("confusion", confusion)
    if into is not None:
        model = load_model(into)
        replay = replay_content(model)
        further = {REPLAY_FILE: replay} if replay is not None else {}
        info = {**model.info, "confusion": confusion}
        print(save_bundle(model.folder, model.tensors, info, model.card, further=further))


def main() -> None:
    """Run one of the benchmarks."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.differential",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--work", type=Path, default=RUNS / "differential", help="folder of what models said")
    saying = commands.add_parser("say", parents=[common], help="run models over cells that they never saw")
    saying.add_argument(
        "--folds", nargs="+", type=Path, required=True, help="bundles without a laboratory each"
    )
    saying.add_argument("--model", type=Path, default=ROOT / "models" / "robust", help="the shipped bundle")
    saying.add_argument("--config", type=Path, default=ROOT / "benchmarks" / "robust.toml")
    counting = commands.add_parser("confusion", parents=[common], help="what models make of known cells")
    counting.add_argument("--into", type=Path, help="bundle that gets it as its entry confusion")
    arguments = parser.parse_args()
    if arguments.command == "say":
        say(arguments.folds, arguments.model, TrainingConfig.from_toml(arguments.config), arguments.work)
    else:
        add_confusion(arguments.work, arguments.into)


if __name__ == "__main__":
    main()
