"""``napari-wbc evaluate``: a model on labelled images, or a recipe on laboratories that it never saw."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_wbc.cli import options
from napari_wbc.cli.terminal import DONE, BadUsage, Bars, before_the_work, say, wants_progress

if TYPE_CHECKING:
    from napari_wbc.execution.progress import Progress
    from napari_wbc.training.evaluation.protocol import Run

_EXAMPLE = """\
  napari-wbc evaluate --model robust --manifest cells.csv --out evaluation
      metrics.json and metrics.md: macro-F1, accuracy, calibration and F1 by class of every domain
  napari-wbc evaluate --leave-one-domain-out recipe.toml --seeds 3 --domains pbc raabin --out protocol
      trains without each domain and tests on it; a stopped run goes on when the command is given again
"""


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = options.new_command(
        commands,
        "evaluate",
        summary="measure a model, or a recipe with one domain left out",
        description="Measure a model on labelled images, or a recipe on each domain that it was not trained on.",
        example=_EXAMPLE,
    )
    options.add_model(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--manifest",
        nargs="+",
        type=Path,
        metavar="CSV",
        help="labelled images to test --model on: path,domain,label,um_per_px",
    )
    what.add_argument(
        "--leave-one-domain-out",
        type=Path,
        metavar="TOML",
        help="recipe to train without each domain in turn",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of the results")
    parser.add_argument(
        "--seeds",
        type=options.positive,
        default=3,
        metavar="N",
        help="trainings for each domain (default: 3)",
    )
    parser.add_argument(
        "--domains", nargs="+", default=[], metavar="D", help="domains to leave out (default: each of them)"
    )
    parser.add_argument(
        "--most-cells",
        type=options.positive,
        default=2000,
        metavar="N",
        help="cells of a domain left out that are tested, always the same ones (default: 2000)",
    )
    parser.add_argument(
        "--figures", action="store_true", help="draw reliability, risk by coverage and confusion as SVG"
    )
    options.add_run(parser, run)


def run(args: argparse.Namespace) -> int:
    """Measure, write and print."""
    from napari_wbc.classification.predict import choose_device
    from napari_wbc.cli.places import writable_folder, write_text

    with before_the_work():
        writable_folder(args.out)
        choose_device(args.device)
        if args.figures:
            from napari_wbc.training.evaluation.figures import new_figure

            new_figure(1, 1)
    text = _recipe(args) if args.leave_one_domain_out else _model(args)
    write_text(text, args.out / "metrics.md")
    if not args.quiet:
        say(f"{text}\n-> {args.out}")
    return DONE


def _model(args: argparse.Namespace) -> str:
    import pandas as pd

    from napari_wbc.classification.bundle import load_model
    from napari_wbc.cli.places import write_json
    from napari_wbc.training.evaluation.model_report import evaluate_model, model_page
    from napari_wbc.training.manifests import read_manifest

    with before_the_work():
        model = load_model(args.model)
        rows = pd.concat([read_manifest(m) for m in args.manifest], ignore_index=True)
        if rows.empty:
            raise BadUsage(f"{args.manifest[0]}: no image is listed; add rows path,domain,label,um_per_px")
    with Bars(wants_progress(asked=args.progress, quiet=args.quiet)) as bars:
        measured = evaluate_model(model, rows, device=args.device, progress=bars)
    write_json(measured, args.out / "metrics.json")
    if args.figures:
        import numpy as np

        from napari_wbc.training.evaluation import figures

        of_domain = {d: m["coarse"] for d, m in measured["domains"].items() if "coarse" in m}
        _draw(args.out, of_domain)
        for domain, m in of_domain.items():
            figures.save_figure(
                figures.confusion_figure(np.array(m["counts"]), m["names"]),
                args.out / f"confusion-{domain}.svg",
            )
    return model_page(measured)


def _recipe(args: argparse.Namespace) -> str:
    from napari_wbc.classification.predict import choose_device
    from napari_wbc.training.config import TrainingConfig
    from napari_wbc.training.evaluation import figures, summary
    from napari_wbc.training.evaluation.out_of_fold import calibrated
    from napari_wbc.training.evaluation.protocol import leave_one_domain_out

    with before_the_work():
        config = TrainingConfig.from_toml(args.leave_one_domain_out)
    with Bars(wants_progress(asked=args.progress, quiet=args.quiet)) as bars:
        results = leave_one_domain_out(
            config,
            args.out,
            domains=args.domains,
            seeds=args.seeds,
            most_cells=args.most_cells,
            device=choose_device(args.device),
            progress=_named(bars),
        )
    files = {(r.target, r.seed): args.out / "work" / f"{r.target}-{r.seed}.npz" for r in results}
    calibration = calibrated({k: f for k, f in files.items() if f.is_file()}, config)
    if args.figures:
        first = {
            r.target: calibration.get((r.target, r.seed), {}).get("unseen", r.unseen) for r in results[::-1]
        }
        _draw(args.out, first)
        figures.save_figure(
            figures.confusion_figure(summary.total_counts(results), results[0].names),
            args.out / "confusion.svg",
        )
    return summary.page(results, calibration)


def _draw(out: Path, measured: dict[str, Any]) -> None:
    from napari_wbc.training.evaluation import figures

    figures.save_figure(
        figures.reliability_figure({k: m["reliability"] for k, m in measured.items()}),
        out / "reliability.svg",
    )
    figures.save_figure(
        figures.risk_coverage_figure({k: m["risk_coverage"] for k, m in measured.items()}),
        out / "risk_coverage.svg",
    )


def _named(bars: Bars) -> Callable[[Run], Callable[[Progress], None]]:
    """Put the name of the run before the stage of each progress event."""
    from dataclasses import replace

    return lambda run: lambda p: bars(replace(p, stage=f"{run.name}: {p.stage}"))
