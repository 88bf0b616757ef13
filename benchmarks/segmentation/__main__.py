"""What the segmentation is worth, on the marked fields of the development images.

    python -m benchmarks.segmentation accuracy --even
    python -m benchmarks.segmentation accuracy --even --fields 40 --domains bccd,chula --pictures FOLDER
    python -m benchmarks.segmentation robustness --even --only gamma light

Run from the repository's top. The groups (slides, else fields) of a source are sorted; --even and --odd take every
second one. Development looks at the even groups only. --fields N takes N fields per source, evenly spread and always
the same ones. Tables go to stdout as Markdown, the same figures with --json FILE; one thread is enough
(OMP_NUM_THREADS=1). The images are those of NAPARI_WBC_DATA (default: ../shared/data beside the checkout).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from . import accuracy, crops, drawn, pair, peers, readings, red_cells, report, robustness, speed
from .fields import DOMAINS, chosen_fields
from .tables import write_json


def main() -> None:
    """Run one of the benchmarks."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.segmentation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    common = argparse.ArgumentParser(add_help=False)
    half = common.add_mutually_exclusive_group(required=True)
    for name in ("even", "odd", "all"):
        half.add_argument(f"--{name}", dest="half", action="store_const", const=name)
    common.add_argument("--domains", default=",".join(DOMAINS), help="separated by commas")
    common.add_argument(
        "--fields", type=int, metavar="N", help="at most N fields per source, evenly spread (robustness: 40)"
    )
    common.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, too")

    one = commands.add_parser("accuracy", parents=[common], help="detection and outlines against the marks")
    one.add_argument("--pictures", type=Path, help="folder for pictures of fields with something wrong")

    one.add_argument("--same-slide", action="store_true", help="one slide model for the fields of a group")

    two = commands.add_parser("robustness", parents=[common], help="what disturbances cost")
    two.add_argument("--only", nargs="+", metavar="PART", help="disturbances whose name holds one of these")

    three = commands.add_parser("peers", parents=[common], help="other methods on the same images")
    three.add_argument("--choose-cytoplasm", action="store_true", help="what width suits each of them")

    four = commands.add_parser("red-cells", parents=[common], help="false finds where only red cells are")
    four.add_argument("--drawn-px", type=int, default=4000, help="side of the drawn smears; 0: none")
    five = commands.add_parser("pair", parents=[common], help="finder and classifier together")
    five.add_argument("--model", default="robust")
    six = commands.add_parser(
        "disputes", parents=[common], help="pictures of what marks and finds disagree on"
    )
    six.add_argument(
        "--sheet", type=Path, required=True, metavar="PNG", help="a table with its name lies beside it"
    )

    eight = commands.add_parser("crops", help="windows of 25 µm with one cell each")
    which = eight.add_mutually_exclusive_group(required=True)
    for name in ("even", "odd"):
        which.add_argument(f"--{name}", dest="half", action="store_const", const=name)
    eight.add_argument("--per-class", type=int, default=60, help="at most so many cells per source and class")
    eight.add_argument("--same-slide", action="store_true", help="one slide model for the windows of a group")
    eight.add_argument("--list", action="store_true", help="name the windows in which nothing was found")
    commands.add_parser("drawn", help="nuclei and cells against the truth of drawn smears")
    commands.add_parser("speed", help="megapixels and cells per second of one core")
    seven = commands.add_parser(
        "report", help="all of the above for docs/segmentation.md; 20 minutes on one core"
    )
    which = seven.add_mutually_exclusive_group(required=True)
    for name in ("even", "odd"):
        which.add_argument(f"--{name}", dest="half", action="store_const", const=name)
    seven.add_argument("--fields", type=int, metavar="N", help="at most N fields per source: a rehearsal")
    seven.add_argument(
        "--only", nargs="+", metavar="NAME", help="some of accuracy, robustness, red-cells, pair, ..."
    )

    arguments = parser.parse_args()
    if arguments.command == "report":
        report.run(arguments.half, arguments.only, arguments.fields)
        return
    if arguments.command == "crops":
        found = crops.measure(crops.chosen_crops(arguments.half, arguments.per_class), arguments.same_slide)
        print(crops.table(crops.summary(found)))
        if arguments.list:
            print(found[~found["found"]].to_csv(index=False))
        return
    if arguments.command == "drawn":
        print(drawn.table(drawn.measure()))
        return
    if arguments.command == "speed":
        print(speed.table(speed.measure()))
        return
    if arguments.command == "robustness" and arguments.fields is None:
        arguments.fields = 40
    fields = chosen_fields(arguments.half, tuple(arguments.domains.split(",")), arguments.fields)
    about = {"command": arguments.command, "half": arguments.half, "fields_per_source": arguments.fields}
    if arguments.command == "accuracy":
        scores = accuracy.measure(fields, arguments.pictures, arguments.same_slide)
        figures = accuracy.summary(scores)
        print(accuracy.table(figures))
        content = {**figures, "fields": scores.to_dict("records")}
    elif arguments.command == "peers":
        if arguments.choose_cytoplasm:
            print(peers.choose_cytoplasm(fields))
            return
        scores = peers.measure(fields)
        methods = peers.summary(scores)
        print(peers.table(methods))
        content = {"methods": methods}
    elif arguments.command == "red-cells":
        areas = red_cells.measure(fields, arguments.drawn_px)
        rates = red_cells.summary(areas)
        print(red_cells.table(rates))
        content = {"areas": rates, "places": [p for places in areas["places"] for p in places]}
    elif arguments.command == "pair":
        pairs = pair.summary(pair.measure(fields, arguments.model))
        print(pair.table(pairs))
        content = {"model": arguments.model, "sources": pairs}
    elif arguments.command == "disputes":
        listed = {field.path: field for field in fields}
        scores = accuracy.measure(listed.values())
        scales = {path: field.um_per_px for path, field in listed.items()}
        disputed = readings.disputes_of(scores, readings.Readings(), scales)
        readings.sheet(disputed, listed, arguments.sheet)
        return
    else:
        scores = robustness.measure(fields, arguments.only)
        losses = robustness.summary(scores)
        print(robustness.table(losses))
        content = {"disturbances": losses}
    if arguments.json:
        write_json(arguments.json, about | content)


if __name__ == "__main__":
    main()
