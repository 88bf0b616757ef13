"""``napari-wbc doctor``: what is installed, and whether it counts a smear with a known answer."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from napari_wbc.cli import options
from napari_wbc.cli.terminal import DONE, FAILED, before_the_work, say

_EXAMPLE = """\
  napari-wbc doctor
  napari-wbc doctor --json doctor.json
      writes the same to a file, for a report of a fault
"""


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = options.new_command(
        commands,
        "doctor",
        summary="check the installation",
        description="Check the installation: versions, what is missing and how to get it, GPU, models, viewer; then "
        "draw a smear, count it, and compare with what was drawn. One line for each check: ok, note (something "
        "optional is not there) or failed. Exit status 1 if a check failed.",
        example=_EXAMPLE,
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the findings as JSON")
    options.add_run(parser, run)


def run(args: argparse.Namespace) -> int:
    """Check the installation."""
    from napari_wbc.cli.places import writable_file, write_json
    from napari_wbc.installation.examine import examine, record, summary, works

    if args.json is not None:
        with before_the_work():
            writable_file(args.json)
    found = []
    for check in examine():
        found.append(check)
        if check.status == "failed" or not args.quiet:
            say(str(check))
    if args.json is not None:
        write_json(record(found), args.json)
    if not args.quiet:
        say(summary(found))
    return DONE if works(found) else FAILED
