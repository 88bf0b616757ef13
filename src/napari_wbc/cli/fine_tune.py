"""``napari-wbc fine-tune``: labelled cells of a laboratory and a model in, an adapted and judged model out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from napari_wbc.cli import options
from napari_wbc.cli.terminal import (
    DONE,
    FAILED,
    INTERRUPTED,
    Bars,
    before_the_work,
    error_line,
    report_error,
    say,
    wants_progress,
)
from napari_wbc.errors import Cancelled, InputError, WbcError

_EXAMPLE = """\
  napari-wbc fine-tune --model robust --labels ours.csv --out models/our-lab
      ours.csv: path,domain,label,group,um_per_px; group is the slide, so that no slide is learned from and judged on
  napari-wbc fine-tune --labels monday.wbcreview tuesday.wbcreview --out models/our-lab
      the cells that were corrected or accepted in reviews
  napari-wbc count next.svs --model models/our-lab --out results
"""


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = options.new_command(
        commands,
        "fine-tune",
        summary="adapt a model to a laboratory from a few dozen labelled cells",
        description="Adapt a model to labelled cells and judge it: every labelled cell by a model that did not learn "
        "from its slide, and cells of the training laboratories that came with the source. The bundle is written only "
        "if it is better; else the reasons are told, and what would help.",
        example=_EXAMPLE,
    )
    options.add_model(parser)
    parser.add_argument(
        "--labels",
        required=True,
        nargs="+",
        type=Path,
        metavar="PLACE",
        help="manifests (CSV), reviews (*.wbcreview), or folders with a folder of single-cell images per class",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="the bundle to write")
    options.add_scale(parser)
    parser.add_argument(
        "--verdict", type=Path, metavar="FILE", help="also write the verdict as JSON, accepted or not"
    )
    options.add_run(parser, run)


def run(args: argparse.Namespace) -> int:
    """Adapt the model; print the verdict."""
    from napari_wbc.adaptation.adapt import adapt
    from napari_wbc.adaptation.sources import labelled_cells
    from napari_wbc.classification.bundle import INFO_FILE, load_model
    from napari_wbc.classification.predict import choose_device
    from napari_wbc.cli.places import writable_file, writable_folder, write_json
    from napari_wbc.execution.claims import claimed, lock_beside

    with before_the_work():
        model = load_model(args.model)
        choose_device(args.device)
        if args.out.exists() and not (args.out / INFO_FILE).is_file():
            raise InputError(f"{args.out} exists and is no model bundle; choose another place")
        if args.out.resolve() == model.folder.resolve():
            raise InputError(f"{args.out} is the source itself; give another place for the adapted model")
        writable_folder(args.out.absolute().parent)
        if args.verdict is not None:
            writable_file(args.verdict)
    try:
        with (
            claimed(lock_beside(args.out.absolute()), args.out),
            Bars(wants_progress(asked=args.progress, quiet=args.quiet)) as bars,
        ):
            cells = labelled_cells(args.labels, um_per_px=args.um_per_px, progress=bars)
            adapted = adapt(model, cells, device=args.device, progress=bars)
            if args.verdict is not None:
                write_json(adapted.verdict.to_dict(), args.verdict)
            if not args.quiet:
                say(adapted.verdict.text())
            written = adapted.save(args.out)
    except Cancelled:
        error_line("stopped; nothing was written")
        return INTERRUPTED
    except WbcError as error:
        report_error(error, debug=args.debug)
        return FAILED
    if not args.quiet:
        say(f"-> {written.folder}")
    return DONE
