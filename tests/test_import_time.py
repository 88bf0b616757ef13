"""What loads when: modules are asserted, not seconds, so that a busy machine fails no test."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = (
    "torch",
    "torchvision",
    "napari",
    "qtpy",
    "PyQt6",
    "magicgui",
    "skimage",
    "scipy",
    "pandas",
    "zarr",
    "dask",
    "tifffile",
    "numba",
)


def loaded_by(code: str) -> set[str]:
    """Give the top-level modules that a fresh process has loaded after some code."""
    report = (
        "\nimport json, sys; print('\\n' + json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_import_loads_nothing_heavy() -> None:
    assert loaded_by("import napari_wbc; dir(napari_wbc); napari_wbc.__version__").isdisjoint(HEAVY)


@pytest.mark.parametrize(
    "argv", [["--help"], ["--version"], ["count", "--help"], ["models", "list", "--help"]]
)
def test_help_loads_nothing_heavy(argv: list[str]) -> None:
    assert loaded_by(f"from napari_wbc.cli import main; assert main({argv!r}) == 0").isdisjoint(HEAVY)


def test_segmentation_and_differential_load_no_torch() -> None:
    code = "import napari_wbc.segmentation, napari_wbc.differential.count, napari_wbc.slides, napari_wbc.pipeline"
    assert loaded_by(code).isdisjoint({"torch", "torchvision", "napari", "qtpy", "numba"})


def test_public_names_exist() -> None:
    import napari_wbc

    assert [name for name in napari_wbc.__all__ if not hasattr(napari_wbc, name)] == []
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = napari_wbc.nothing
