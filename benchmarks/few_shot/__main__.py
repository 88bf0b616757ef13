"""How many labels a laboratory needs: models trained without a domain, adapted to it.

    python -m benchmarks.classification bundle --without raabin --out runs/trust/without-raabin    (and the others)
    python -m benchmarks.classification.trust without-class erythroblast --out runs/trust/without-erythroblast
    python -m benchmarks.few_shot prepare
    python -m benchmarks.few_shot instant
    python -m benchmarks.few_shot refine --targets raabin --labels "100 in all" --draws 3
    python -m benchmarks.few_shot acquisition                                       (new-class, guard)

Labels and test cells share no slide, field or near-duplicate cluster. Run from the repository's top, one thread a
process (OMP_NUM_THREADS=1).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from . import acquisition, baselines, curves, guard, instant, new_class, refined
from .cells import DOMAINS, ROOT, RUNS, WORK, prepare, targets
from .tables import report, side_by_side, written

RESULTS = ROOT / "benchmarks" / "results" / "few_shot"
_ABOUT = (
    "Models trained without the target domain, on the other three; labels and test cells of the target share no slide "
    "(raabin, chula), field (bccd) or near-duplicate cluster (pbc). Mean ± standard deviation over the draws of both. "
    "Five classes, a prediction outside them is wrong; *7 classes* adds immature granulocytes and erythroblasts, which "
    "a model without pbc has never seen. In chula a slide holds one class, so by slide some classes are not learned or "
    "not tested; *by cell* splits the same cells one by one. The three basophils of bccd are left out."
)
_FURTHER = {
    "acquisition": (acquisition.main, "which cells to label: our order against chance"),
    "new-class": (new_class.main, "a class that the source lacks comes back; minutes"),
    "guard": (guard.main, "bad labels and foreign images; minutes"),
}


def main() -> None:
    """Run one of the benchmarks."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.few_shot",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    places = argparse.ArgumentParser(add_help=False)
    places.add_argument(
        "--work", type=Path, default=WORK, help="folder of models with replay and of embeddings"
    )
    preparing = commands.add_parser("prepare", parents=[places], help="replay, crops and embeddings")
    preparing.add_argument("--models", type=Path, default=RUNS / "trust", help="folder of without-<domain>")
    commands.add_parser("instant", parents=[places], help="the instant mode, on cached embeddings")
    refining = commands.add_parser("refine", parents=[places], help="the refine mode; minutes for each draw")
    refining.add_argument("--targets", nargs="+", default=[], help="by default all")
    refining.add_argument("--labels", nargs="+", default=["100 in all"])
    refining.add_argument("--draws", type=int, default=5)
    others = commands.add_parser(
        "baselines", parents=[places], help="all weights trained on the labels alone"
    )
    others.add_argument("--targets", nargs="+", default=[], help="by default all")
    others.add_argument("--labels", default="100 in all")
    others.add_argument("--draws", type=int, default=3)
    for name, (_, about) in _FURTHER.items():
        commands.add_parser(name, parents=[places], help=about)
    commands.add_parser(
        "summary",
        parents=[places],
        help="all methods side by side, and accuracy against the number of labels",
    )
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if args.command == "prepare":
        for domain in DOMAINS:
            prepare(domain, args.models, args.work)
        new_class.prepare(args.models, args.work)
    elif args.command in _FURTHER:
        _FURTHER[args.command][0](args.work, RESULTS)
    elif args.command == "instant":
        rows, choices = [], {}
        for target in targets(args.work):
            rows += instant.run(target)
            choices[target.name] = instant.choose_pull(target)
            print(target.name, {k: round(v, 4) for k, v in choices[target.name].items()}, flush=True)
        instant.write(rows, RESULTS / "instant.json")
        instant.write(
            [{"target": t} | {f"{k:g}": v for k, v in of.items()} for t, of in choices.items()],
            RESULTS / "instant-pull.json",
        )
        (RESULTS / "instant.md").write_text(report(written(RESULTS / "instant.json"), "Instant mode", _ABOUT))
    elif args.command == "summary":
        files = [RESULTS / f"{name}.json" for name in ("instant", "baselines", "refine")]
        (RESULTS / "summary.md").write_text(
            f"# 100 labels\n\n{_ABOUT}\n\n{side_by_side(files, '100 in all')}\n\n"
            f"# 50 labels per class\n\n{side_by_side(files, '50 per class')}\n"
        )
        curves.draw(pd.concat([written(file) for file in files if file.is_file()]))
    elif args.command == "baselines":
        file = RESULTS / "baselines.json"
        baselines.run(targets(args.work), args.targets, args.labels, args.draws, file)
        (RESULTS / "baselines.md").write_text(report(written(file), "All weights, labels alone", _ABOUT))
    else:
        refined.run(targets(args.work), args.targets, args.labels, args.draws, RESULTS / "refine.json")
        (RESULTS / "refine.md").write_text(report(written(RESULTS / "refine.json"), "Refine mode", _ABOUT))


if __name__ == "__main__":
    main()
