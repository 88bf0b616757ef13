"""What the numbers of a differential are worth.

    python -m benchmarks.classification bundle --without raabin --out runs/trust/without-raabin    (and the others)
    python -m benchmarks.classification.trust fit runs/trust/fitted/without-raabin --folds ...     (and the others)
    python -m benchmarks.differential say --folds runs/trust/fitted/without-{bccd,chula,pbc,raabin}
    python -m benchmarks.differential confusion [--into models/robust]
    python -m benchmarks.differential {nominal,slides,fields,smears,tables}

``say`` keeps what models say of cells that they were not trained on; ``confusion`` and ``slides`` start from that.
``nominal`` measures the intervals alone, ``fields`` counts real fields with the shipped model and with those that never
saw the laboratory, ``smears`` counts drawn smears, ``tables`` writes the tables of docs/differential.md. Run from the
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

from .agreement import agreement_of_slides
from .fields import real_fields
from .nominal import nominal
from .sayings import DOMAINS, RESULTS, ROOT, RUNS, confusion_of, kept, say
from .slides import coverage, known_slides, unseen_slides
from .smears import drawn_smears
from .tables import write_tables


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
    common.add_argument("--work", type=Path, default=RUNS / "differential", help="folder of what is kept")
    common.add_argument("--model", type=Path, default=ROOT / "models" / "robust", help="the shipped bundle")
    saying = commands.add_parser("say", parents=[common], help="run models over cells that they never saw")
    saying.add_argument(
        "--folds", nargs="+", type=Path, required=True, help="bundles without a laboratory each"
    )
    saying.add_argument("--config", type=Path, default=ROOT / "benchmarks" / "robust.toml")
    counting = commands.add_parser("confusion", parents=[common], help="what models make of known cells")
    counting.add_argument("--into", type=Path, help="bundle that gets it as its entry confusion")
    commands.add_parser("nominal", help="coverage of the intervals alone")
    commands.add_parser(
        "slides", parents=[common], help="slides of known composition, drawn from labelled cells"
    )
    fields = commands.add_parser("fields", parents=[common], help="real fields beside the published labels")
    fields.add_argument(
        "--folds", type=Path, default=RUNS / "trust" / "fitted", help="folder of without-<laboratory>"
    )
    commands.add_parser("smears", parents=[common], help="drawn smears of known composition")
    commands.add_parser("tables", help="tables of docs/differential.md")
    arguments = parser.parse_args()
    if arguments.command == "say":
        say(arguments.folds, arguments.model, TrainingConfig.from_toml(arguments.config), arguments.work)
    elif arguments.command == "confusion":
        add_confusion(arguments.work, arguments.into)
    elif arguments.command == "nominal":
        write("nominal", nominal())
    elif arguments.command == "slides":
        drawn = [*unseen_slides(arguments.work), *known_slides(arguments.work)]
        write("slides", {"coverage": coverage(drawn), "agreement": agreement_of_slides(drawn)})
    elif arguments.command == "fields":
        write("fields", list(real_fields(load_model(arguments.model), arguments.folds, arguments.work)))
    elif arguments.command == "smears":
        write("smears", drawn_smears(load_model(arguments.model)))
    else:
        write_tables()


if __name__ == "__main__":
    main()
