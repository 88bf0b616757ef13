"""The code blocks of the documentation, and how each of them is run."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]
# Everything that a person may begin with, in the order in which it is run.
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
#: Why a block may stay without being run. Nothing else is a reason.
REASONS = (
    "installs software",
    "needs the development images",
    "needs a display",
    "needs a cluster",
    "needs a GPU",
    "needs a large slide",
    "takes minutes",
)
# Commands beside our own that a block may use: what they do stays in the folder.
_SHELL = {"cat", "cp", "head", "ls", "mkdir"}
_MARK = re.compile(r"<!-- (not run|file): (.+?) -->")


@dataclass(frozen=True)
class Block:
    """A code block.

    Attributes
    ----------
    page : Path
        Where it stands.
    line : int
        Its first line there.
    language : str
        ``sh`` for a block that is only indented.
    text : str
        What it says.
    not_run : str
        Why it is not run; empty for a block that is.
    file : str
        The name that the text is saved under, for the blocks behind it; empty for none.
    """

    page: Path
    line: int
    language: str
    text: str
    not_run: str = ""
    file: str = ""

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def commands(self) -> list[list[str]]:
        """Split a block of the shell into its commands; comments are left out."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [words for line in lines if (words := shlex.split(line, comments=True))]


def blocks(page: Path) -> list[Block]:
    """Give the blocks of a page in their order."""
    found, mark = [], {}
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type in ("fence", "code_block"):
            language = token.info.strip() if token.type == "fence" else "sh"
            found.append(
                Block(
                    page,
                    token.map[0] + 1,
                    language,
                    token.content,
                    mark.get("not run", ""),
                    mark.get("file", ""),
                )
            )
        mark = dict(_MARK.findall(token.content)) if token.type == "html_block" else {}
    return found


def run(block: Block, folder: Path, names: dict[str, Any], done: set[str]) -> None:
    """Run a block.

    Parameters
    ----------
    block : Block
        A page's.
    folder : Path
        The working directory of this process; holds the stand-ins.
    names : dict of str to Any
        What the Python blocks of the page have defined so far.
    done : set of str
        Commands that earlier blocks ran; they are not run twice.

    Raises
    ------
    AssertionError
        A command ends with another status than 0, or is none that may be run.
    Exception
        Whatever the Python block raises.
    """
    if block.file:
        (folder / block.file).write_text(block.text, encoding="utf-8")
    if block.language == "python":
        exec(compile("\n" * block.line + block.text, str(block.page), "exec"), names)
    elif block.language == "sh":
        for words in block.commands():
            if shlex.join(words) not in done:
                _command(words, folder)
                done.add(shlex.join(words))


def check(block: Block) -> None:
    """Look at a block that is not run: its commands exist and have the options that it gives."""
    from napari_wbc.cli.main import build_parser

    if block.language == "python":
        compile(block.text, str(block.page), "exec")
        return
    for words in block.commands():
        words = [word for word in words if not re.fullmatch(r"[A-Z_]+=\S+", word)]
        if words[0] == "napari-wbc":
            build_parser().parse_args(words[1:])
        elif words[:2] == ["python", "-m"] and words[2].startswith("benchmarks"):
            module = ROOT / words[2].replace(".", "/")
            assert module.with_suffix(".py").is_file() or (module / "__main__.py").is_file(), words
        elif words[0] == "python":
            assert (ROOT / words[1]).exists(), words


def _command(words: list[str], folder: Path) -> None:
    from napari_wbc.cli.main import main

    words = [path for word in words for path in (_expanded(word, folder) if "*" in word else [word])]
    if words[0] == "napari-wbc":
        status = main(words[1:])
        assert status == 0, f"{shlex.join(words)} ended with {status}"
    else:
        assert words[0] in _SHELL, f"{words[0]} is not run here; mark the block with <!-- not run: reason -->"
        subprocess.run(words, cwd=folder, check=True, capture_output=True)


def _expanded(pattern: str, folder: Path) -> list[str]:
    found = sorted(str(path.relative_to(folder)) for path in folder.glob(pattern))
    assert found, f"nothing is called {pattern}"
    return found
