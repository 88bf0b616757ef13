"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any


def new_command(
    commands: Any, name: str, *, summary: str, description: str, example: str
) -> argparse.ArgumentParser:
    """Add a command with its description and its example."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=f"example:\n{example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def add_run(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]) -> None:
    """Set the function of a command, and the options that every command has."""
    group = parser.add_argument_group("messages")
    group.add_argument("--quiet", action="store_true", help="print errors only")
    group.add_argument(
        "--progress", action="store_true", help="draw progress also where stderr is no terminal"
    )
    group.add_argument("--debug", action="store_true", help="show warnings and the traceback of an error")
    parser.set_defaults(run=run)


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add ``--model`` and ``--device``."""
    parser.add_argument(
        "--model", default="robust", metavar="M", help="name or folder of a model bundle (default: robust)"
    )
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where the classifier runs (default: auto)",
    )


def add_scale(parser: argparse.ArgumentParser) -> None:
    """Add ``--um-per-px``."""
    parser.add_argument(
        "--um-per-px",
        type=um_per_px,
        metavar="X",
        help="µm per pixel of the full resolution (default: from the file, else from the size of the red cells)",
    )


def add_slide_model(place: Any) -> None:
    """Add ``--slide-model`` to a command or a group of options."""
    place.add_argument(
        "--slide-model",
        metavar="FILE",
        help="run.json of another field of the same slide: its stain and scale are taken (default: learned from "
        "the image)",
    )


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add ``--workers`` and ``--scheduler``."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--workers",
        type=positive,
        default=1,
        metavar="N",
        help="processes on this computer that look for cells (default: 1)",
    )
    where.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="a dask scheduler whose workers look for cells, for example tcp://localhost:8786",
    )


def check_scheduler(args: argparse.Namespace) -> None:
    """Make sure that the scheduler answers, where one is named."""
    if args.scheduler is not None:
        from napari_wbc.execution import cluster

        cluster.check_scheduler(args.scheduler)


def um_per_px(text: str) -> float:
    """Read a scale, in µm per px."""
    from napari_wbc.slides.scale import MAX_UM_PER_PX, MIN_UM_PER_PX

    value = _number(text)
    if not MIN_UM_PER_PX <= value <= MAX_UM_PER_PX:
        raise argparse.ArgumentTypeError(
            f"{text} µm per px is no scale of a smear image; give a number from {MIN_UM_PER_PX} to {MAX_UM_PER_PX} "
            "(a 100x objective has about 0.05 to 0.1)"
        )
    return value


def positive(text: str) -> int:
    """Read a whole number of at least 1."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return value


def seed(text: str) -> int:
    """Read a whole number from 0 to 4,294,967,295, which every generator of random numbers takes."""
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value < 1 << 32:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to {(1 << 32) - 1}")
    return value


def wbc_count(text: str) -> float:
    """Read a white cell count in 10^9 per litre (or in full, as 7.2e9); gives cells per litre."""
    value = _number(text)
    if 0 < value < 10_000:
        value *= 1e9
    if not 1e7 <= value <= 1e13:
        raise argparse.ArgumentTypeError(
            f"{text} is no white cell count; give 10^9 per litre, for example 7.2"
        )
    return value


def size(text: str) -> tuple[int, int]:
    """Read ``WIDTHxHEIGHT`` in px; gives (height, width)."""
    width, separator, height = text.lower().partition("x")
    try:
        sides = int(height), int(width)
    except ValueError:
        sides = (0, 0)
    if not separator or min(sides) < 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no size; give WIDTHxHEIGHT in px, for example 4000x3000"
        )
    return sides


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
