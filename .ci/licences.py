"""The licences of what napari-wbc needs at run time; an error where one of the base set is copyleft.

    python .ci/licences.py                   the base set, as a Markdown table
    python .ci/licences.py --extra all       with what an extra adds

Reads what is installed in this environment, by pip-licenses. Exit status 1: a package of the base set is under a
copyleft licence that reaches beyond its own files (GPL, LGPL, AGPL, ...), or names no licence and is not known here.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
_COPYLEFT = re.compile(r"\b(A?GPL|LGPL|GNU|EUPL|CECILL|SSPL|OSL|CC-BY-SA|Affero)", re.IGNORECASE)
#: GCC's run-time library may be linked into anything: https://www.gnu.org/licenses/gcc-exception-3.1.html
_EXCEPTED = re.compile(r"WITH\s+(GCC-exception|LLVM-exception|Bootloader-exception)", re.IGNORECASE)
#: Packages whose metadata name no licence, and what their project says.
_KNOWN = {"cuda-toolkit": "NVIDIA (a list of packages, no code)"}


def closure(wanted: Iterable[str]) -> list[str]:
    """Give the installed packages that requirements lead to, their own requirements included.

    Examples
    --------
    >>> "markupsafe" in closure(["jinja2"])
    True
    """
    open_ = [Requirement(line) for line in wanted]
    seen: set[tuple[str, str]] = set()
    while open_:
        requirement = open_.pop()
        name = canonicalize_name(requirement.name)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        for extra in {"", *requirement.extras} - {e for n, e in seen if n == name}:
            try:
                lines = requires(name) or []
            except PackageNotFoundError:
                continue
            seen.add((name, extra))
            for further in map(Requirement, lines):
                if further.marker is None or further.marker.evaluate({"extra": extra}):
                    further.marker = None
                    open_.append(further)
    return sorted({name for name, _ in seen})


def licences(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Give version and licence of installed packages, by pip-licenses."""
    command = [
        sys.executable,
        "-m",
        "piplicenses",
        "--from=all",
        "--with-system",
        "--format=json",
        "--packages",
        *names,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {
        canonicalize_name(entry["Name"]): (entry["Version"], licence_of(entry))
        for entry in json.loads(done.stdout)
    }


def licence_of(entry: Mapping[str, str]) -> str:
    """Choose what a package says most precisely of its licence; empty where it says nothing.

    Examples
    --------
    >>> known = {"Name": "x", "License-Classifier": "MIT License", "License-Metadata": "UNKNOWN"}
    >>> licence_of(known | {"License-Expression": "MIT OR Apache-2.0"})
    'MIT OR Apache-2.0'
    """
    for source in ("License-Expression", "License-Classifier", "License-Metadata"):
        # Some put the whole text of the licence there; its first line names it.
        text = entry.get(source, "UNKNOWN").strip().splitlines()[0]
        if text != "UNKNOWN":
            return text
    return _KNOWN.get(canonicalize_name(entry["Name"]), "")


def is_copyleft(licence: str) -> bool:
    """Tell whether a licence reaches beyond its own files; MPL does not, and of a choice one that does not is taken.

    Examples
    --------
    >>> [is_copyleft(x) for x in ("GPL-3.0-only", "MIT OR GPL-2.0-only", "MPL-2.0 AND MIT", "MIT AND LGPL-2.1-only")]
    [True, False, False, True]
    """

    def binds(part: str) -> bool:
        return bool(_COPYLEFT.search(part)) and not _EXCEPTED.search(part)

    if " AND " in licence:
        # Choices within parts are not untangled: a person looks at those few, and may add them to _KNOWN.
        return any(binds(part) for part in re.split(r" AND | OR ", licence))
    return all(binds(choice) for choice in licence.split(" OR "))


def main(argv: list[str] | None = None) -> int:
    """Print the table; tell what does not belong into the base set."""
    parser = argparse.ArgumentParser(description="Licences of the run-time dependencies, as Markdown.")
    parser.add_argument("--extra", action="append", default=[], help="also what this extra adds")
    args = parser.parse_args(argv)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    base = closure(project["dependencies"])
    wanted = [line for extra in args.extra for line in _lines_of(project, extra)]
    further = sorted(set(closure(wanted)) - set(base))
    found = licences([*base, *further])
    print("| package | version | licence | needed by |\n|---|---|---|---|")
    for names, by in ((base, "base"), (further, "extra")):
        for name in names:
            version, licence = found[name]
            print(f"| {name} | {version} | {licence or 'not stated'} | {by} |")
    wrong = [name for name in base if not found[name][1] or is_copyleft(found[name][1])]
    for name in wrong:
        print(
            f"{name}: {found[name][1] or 'no licence stated'}; this cannot be in the base set",
            file=sys.stderr,
        )
    return 1 if wrong else 0


def _lines_of(project: dict[str, dict[str, list[str]]], extra: str) -> list[str]:
    lines = []
    for line in project["optional-dependencies"][extra]:
        if Requirement(line).name == "napari-wbc":
            lines += [own for inner in sorted(Requirement(line).extras) for own in _lines_of(project, inner)]
        else:
            lines.append(line)
    return lines


if __name__ == "__main__":
    sys.exit(main())
