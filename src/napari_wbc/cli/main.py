"""``napari-wbc``: finds the command, runs it, and turns errors into one plain line and an exit status."""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

from napari_wbc.cli import (
    classify,
    compare,
    contact_sheet,
    count,
    doctor,
    evaluate,
    fine_tune,
    manifest,
    models,
    sample,
    segment,
    train,
)
from napari_wbc.cli.terminal import DONE, FAILED, INTERRUPTED, USAGE, BadUsage, error_line, report_error

_EPILOG = """\
examples:
  napari-wbc sample --out smear.png                draw a synthetic smear
  napari-wbc count smear.png --out results         find, classify and count its leukocytes
  napari-wbc COMMAND --help                        the options of a command, with an example

exit status: 0 done, 1 some inputs failed (each is named, the rest is finished), 2 bad usage

For research use only. Not for use in diagnostic procedures.
"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the whole usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"napari-wbc: {message}; see {self.prog} --help\n")


class _ShowVersion(argparse.Action):
    """Prints the version; it is read only when asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002 - argparse's name
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from napari_wbc import __version__

        print(f"napari-wbc {__version__}")
        parser.exit(DONE)


def build_parser() -> argparse.ArgumentParser:
    """Make the parser of all commands; it imports nothing heavy.

    Returns
    -------
    argparse.ArgumentParser
        Its result has ``run``, the function of the command.
    """
    parser = _Parser(
        prog="napari-wbc",
        description="Find, classify and count the leukocytes of blood smears.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_ShowVersion, help="print the version")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (
        count,
        sample,
        segment,
        classify,
        manifest,
        contact_sheet,
        train,
        evaluate,
        fine_tune,
        compare,
        models,
        doctor,
    ):
        command.add_to(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments after the program's name; those of the process else.

    Returns
    -------
    int
        0 done, 1 some inputs failed, 2 bad usage, 130 interrupted.
    """
    try:
        args = build_parser().parse_args(argv)
    except SystemExit as exit_:
        return int(exit_.code or 0)
    if not args.debug:
        # What libraries grumble about (odd tags of a file, say) would drown the one line that matters.
        warnings.simplefilter("ignore")
        logging.basicConfig(level=logging.CRITICAL)
    try:
        return int(args.run(args))
    except KeyboardInterrupt:
        error_line("interrupted; what was finished is complete, nothing half-written is left")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (``| head``); that is no error of ours.
        sys.stderr.close()
        return FAILED
    except Exception as error:  # noqa: BLE001 - the last line of defence between a user and a traceback
        report_error(error, debug=args.debug)
        return USAGE if isinstance(error, BadUsage) else FAILED
