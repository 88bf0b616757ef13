"""The page of the command line, written from the parsers of the program."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from napari_wbc.cli.main import build_parser

PLACE = "reference/command-line.md"
_HEAD = """\
# Command line

This page is written from the program's own parsers: it is what `napari-wbc COMMAND --help` prints.
"""
# Columns of a terminal for the lines of usage.
_WIDTH = 100


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page."""
    files.append(File.generated(config, PLACE, content=page()))
    return files


def page() -> str:
    """Write the page."""
    parser = build_parser()
    parts = [_HEAD, _code(parser.epilog or "")]
    for command, summary in _commands(parser):
        parts += _section(command, summary, level=2)
    return "\n\n".join(parts) + "\n"


def _commands(parser: argparse.ArgumentParser) -> Iterator[tuple[argparse.ArgumentParser, str]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            summaries = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, command in action.choices.items():
                yield command, summaries.get(name, "")


def _section(parser: argparse.ArgumentParser, summary: str, level: int) -> list[str]:
    parts = [f"{'#' * level} {parser.prog}", _sentence(parser.description or summary)]
    parts.append(_code(_usage(parser)))
    for group in parser._action_groups:
        rows = [
            row
            for action in group._group_actions
            for row in _row(action)
            if "--help" not in action.option_strings
        ]
        if rows:
            # Options that belong to everything (messages) stand in a group of their own, with its title.
            title = group.title if group.title not in (None, "options", "positional arguments") else "meaning"
            what = "argument" if not group._group_actions[0].option_strings else "option"
            parts.append("\n".join([f"| {what} | {title} |", "|---|---|", *rows]))
    if parser.epilog:
        parts.append(_code(parser.epilog))
    for command, of_command in _commands(parser):
        parts += _section(command, of_command, level + 1)
    return parts


def _usage(parser: argparse.ArgumentParser) -> str:
    formatter = argparse.HelpFormatter(parser.prog, width=_WIDTH)
    formatter.add_usage(parser.usage, parser._actions, parser._mutually_exclusive_groups, prefix="")
    return formatter.format_help()


def _row(action: argparse.Action) -> Iterator[str]:
    if isinstance(action, argparse._SubParsersAction) or action.help == argparse.SUPPRESS:
        return
    formatter = argparse.HelpFormatter("", width=_WIDTH)
    named = formatter._format_action_invocation(action)
    said = formatter._expand_help(action) if action.help else ""
    required = "required; " if action.option_strings and action.required else ""
    yield f"| `{_cell(named)}` | {required}{_cell(said)} |"


def _cell(text: str) -> str:
    """Escape what a table or HTML would take for its own."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;").strip()


def _sentence(text: str) -> str:
    text = _cell(text)
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!")) else f"{text}."


def _code(text: str) -> str:
    return f"```text\n{text.strip(chr(10)).rstrip()}\n```"
