"""Every suite of asv still runs: on tiny inputs, each measurement once, what it measures left aside."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "asv"
SUITES = ("classification", "overlay", "segmentation", "start", "table", "whole")
#: In place of the constants of the suites.
TINY: dict[str, dict[str, Any]] = {
    "classification": {"CELLS": [4], "SIDE": 500},
    "overlay": {"CELLS": [5], "SIDE": 200, "MANY": 3},
    "segmentation": {"SIDE": 500},
    "table": {"ROWS": [20]},
    "whole": {"SIZE": (400, 500)},
}
_KINDS = ("time_", "peakmem_")


def classes(suite: str) -> list[type]:
    module = import_module(f"benchmarks.asv.{suite}")
    own = [c for _, c in inspect.getmembers(module, inspect.isclass) if c.__module__ == module.__name__]
    return [c for c in own if any(name.startswith(_KINDS) for name in vars(c))]


def measurements(of: type) -> Iterator[str]:
    yield from (name for name in vars(of) if name.startswith(_KINDS))


def test_all_suites_are_known() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")}
    assert files - {"__init__", "chance_cells"} == set(SUITES)
    assert all(classes(suite) for suite in SUITES)


@pytest.mark.parametrize("suite", SUITES)
def test_the_suite_runs(suite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if suite == "overlay":
        pytest.importorskip("napari")
    module = import_module(f"benchmarks.asv.{suite}")
    tiny = TINY.get(suite, {})
    for name, value in tiny.items():
        assert hasattr(module, name)
        monkeypatch.setattr(module, name, value)
    for of in classes(suite):
        # The first value of the first parameter; numbers are tiny ones.
        parameters = [tiny.get("CELLS", tiny.get("ROWS", of.params))[0]] if hasattr(of, "params") else []
        one = of()
        if hasattr(one, "setup"):
            one.setup(*parameters)
        for name in measurements(of):
            getattr(one, name)(*parameters)
        if hasattr(one, "teardown"):
            one.teardown(*parameters)
