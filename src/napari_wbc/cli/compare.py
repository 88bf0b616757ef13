"""``napari-wbc compare``: two models, two readers, or an analyser against either, on the same slides."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from napari_wbc.cli import options
from napari_wbc.cli.terminal import DONE, BadUsage, before_the_work, error_line, say

_EXAMPLE = """\
  napari-wbc compare analyser.csv results --out comparison
      an analyser's table against a folder of napari-wbc count: slide by slide, NEUT%, LYMPH%, ... by their names
  napari-wbc compare old_model new_model --images slides --out comparison
      the same slides under two versions of a model: which cells changed, with their pictures
  napari-wbc compare reader_1.csv results --second-reader reader_2.csv --out comparison
      two readers with 200 cells each (CLSI H20-A2) against each other, and the count against both together
  napari-wbc compare smear.wbcreview smear.wbcreview
      what a review changed: the labels of the model against those of the person
"""


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = options.new_command(
        commands,
        "compare",
        summary="compare two counts of the same slides",
        description="Compare two models, two readers, or an analyser with either, on the same slides. A and B are each "
        "a folder of results of napari-wbc count (or a folder of such), a review (*.wbcreview), cells.csv, "
        "differential.csv, or a CSV table with one row per slide. A is what B is held against.",
        example=_EXAMPLE,
    )
    parser.add_argument("first", metavar="A", type=Path, help="what B is held against")
    parser.add_argument("second", metavar="B", type=Path, help="the count in question")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for comparison.html, comparison.json and three CSV tables (default: print the main figures only)",
    )
    parser.add_argument("--names", nargs=2, metavar=("A", "B"), help="what to call the two")
    parser.add_argument(
        "--columns",
        type=Path,
        metavar="YAML",
        help='what columns of a table by slide mean where their names do not tell, one line each: "NE %%": neutrophil '
        "(or slide, cells, ignore)",
    )
    parser.add_argument(
        "--slides",
        type=Path,
        metavar="CSV",
        help="columns image,slide: adds up images that are fields of one slide",
    )
    parser.add_argument(
        "--second-reader",
        type=Path,
        metavar="A2",
        help="a second reader of the slides of A, as in CLSI H20-A2",
    )
    parser.add_argument(
        "--profile",
        metavar="FILE",
        help="the lab's profile, YAML: rows, reference intervals, limits (default: adult peripheral blood)",
    )
    parser.add_argument(
        "--images",
        nargs="+",
        default=[],
        type=Path,
        metavar="PATH",
        help="images, or folders of them, for pictures of the cells that changed",
    )
    parser.add_argument(
        "--tolerance",
        type=_micrometres,
        default=5.0,
        metavar="UM",
        help="cells further apart than this, in µm, are not the same one (default: 5)",
    )
    options.add_scale(parser)
    options.add_run(parser, run)


def run(args: argparse.Namespace) -> int:
    """Compare, write and print."""
    from napari_wbc.cli.places import writable_folder
    from napari_wbc.comparison import compare
    from napari_wbc.comparison.analyser import read_columns
    from napari_wbc.comparison.sides import read_slide_names
    from napari_wbc.exchange.patient_names import patient_name_warning

    with before_the_work():
        missing = [path for path in args.images if not path.exists()]
        if missing:
            raise BadUsage(f"{missing[0]}: no such file or folder; give the place of the images")
        comparison = compare(
            args.first,
            args.second,
            profile=args.profile,
            columns=None if args.columns is None else read_columns(args.columns),
            titles=None if args.names is None else tuple(args.names),
            slide_of=None if args.slides is None else read_slide_names(args.slides),
            second_reader=args.second_reader,
            tolerance_um=args.tolerance,
            um_per_px=args.um_per_px,
        )
        if args.out is not None:
            writable_folder(args.out)
    if not args.quiet:
        say(comparison.to_text())
        warning = patient_name_warning([comparison.slide_name(key) for key, _ in comparison.slides])
        if warning:
            error_line(warning)
    if args.out is not None:
        from napari_wbc.comparison.pictures import changed_pictures, images_by_key
        from napari_wbc.comparison.record import write_json, write_tables
        from napari_wbc.comparison.report import write_report

        pictures = changed_pictures(comparison, images_by_key(comparison, args.images))
        write_json(comparison, args.out / "comparison.json")
        write_tables(comparison, args.out)
        write_report(args.out / "comparison.html", comparison, pictures)
        if not args.quiet:
            say(f"-> {args.out / 'comparison.html'}")
    return DONE


def _micrometres(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 50:
        raise argparse.ArgumentTypeError(f"{text!r} is no distance between cells; give µm, for example 5")
    return value
