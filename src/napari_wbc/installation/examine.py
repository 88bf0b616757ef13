"""All checks in their order, and what is kept of them for a report of a fault."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from napari_wbc.differential import RESEARCH_USE
from napari_wbc.errors import one_line
from napari_wbc.installation.check import Check
from napari_wbc.installation.machine import check_gpu, check_machine, check_python
from napari_wbc.installation.models import check_models
from napari_wbc.installation.packages import check_packages
from napari_wbc.installation.self_test import REPORT, run_self_test
from napari_wbc.installation.viewer import check_viewer

SCHEMA_VERSION = 1


def examine() -> Iterator[Check]:
    """Look at everything, part by part; takes about ten seconds.

    Yields
    ------
    Check
        As soon as it is known. Where packages are missing, what needs them is left out.
    """
    yield check_python()
    packages = list(check_packages())
    yield from packages
    if any(check.status == "failed" for check in packages):
        return
    yield check_machine()
    gpu = check_gpu()
    yield gpu
    models = list(check_models())
    yield from models
    yield check_viewer()
    # A model of the user's own that is broken does not keep the bundled one from being tried.
    if all(check.status == "ok" for check in models if check.name in ("models", "model robust")):
        yield from _self_test("cpu")
        if gpu.details["cuda"] and gpu.status == "ok":
            yield from _self_test("cuda")


def _self_test(device: str) -> Iterator[Check]:
    try:
        yield from run_self_test(device)
    except Exception as error:  # noqa: BLE001 - that a count fails here, for whatever reason, is the finding
        yield Check(f"self-test ({device})", "failed", f"the count failed: {one_line(error)}; {REPORT}")


def record(checks: Iterable[Check]) -> dict[str, Any]:
    """Put together what the JSON file holds; the home folder, which names its owner, is written as ``~``.

    Examples
    --------
    >>> said = record([Check("viewer", "note", "no display", {"folder": str(Path.home() / "models")})])
    >>> said["works"], Path(said["checks"][0]["details"]["folder"]).parts
    (True, ('~', 'models'))
    """
    found = list(checks)
    return {
        "schema_version": SCHEMA_VERSION,
        "program": "napari-wbc",
        "research_use": RESEARCH_USE,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "works": works(found),
        "checks": [
            _without_home({"name": c.name, "status": c.status, "text": c.text, "details": dict(c.details)})
            for c in found
        ],
    }


def works(checks: Iterable[Check]) -> bool:
    """Tell whether no check failed."""
    return all(check.status != "failed" for check in checks)


def summary(checks: Sequence[Check]) -> str:
    """Say how it ended, in one line.

    Examples
    --------
    >>> summary([Check("Python", "ok", ""), Check("viewer", "failed", "")])
    '1 of 2 checks failed'
    """
    failed = sum(check.status == "failed" for check in checks)
    if failed:
        return f"{failed} of {len(checks)} checks failed"
    return f"{len(checks)} checks, none failed: this installation works"


def _without_home(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_home(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_home(inner) for inner in value]
    # Without a home folder, or with one that is the root of all, there is no name in any path.
    home = os.path.expanduser("~")  # noqa: PTH111 - the method of Path raises an error where there is none
    hidden = isinstance(value, str) and home not in ("~", Path(home).anchor)
    return value.replace(home, "~") if hidden else value
