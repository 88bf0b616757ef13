"""No package that everybody needs is under a copyleft licence; the command that looks for them sees one."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / ".ci" / "licences.py"
_spec = spec_from_file_location("licences", SCRIPT)
assert _spec is not None
assert _spec.loader is not None
licences = module_from_spec(_spec)
_spec.loader.exec_module(licences)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def test_the_base_set_is_permissive() -> None:
    done = run()
    assert done.returncode == 0, done.stderr
    for name in ("numpy", "torch", "markupsafe", "zarr"):
        assert f"| {name} | " in done.stdout
    assert "pyqt" not in done.stdout
    assert "napari" not in done.stdout


def test_a_copyleft_package_in_the_base_set_is_an_error(tmp_path: Path) -> None:
    # jinja2 needs markupsafe; one that says it is under the GPL lies before the real one.
    info = tmp_path / "markupsafe-99.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: markupsafe\nVersion: 99.0\nLicense-Expression: GPL-3.0-only\n"
    )
    done = run(PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["markupsafe: GPL-3.0-only; this cannot be in the base set"]


@pytest.mark.parametrize(
    ("licence", "copyleft"),
    [
        ("MIT", False),
        ("BSD License", False),
        ("MPL-2.0 AND MIT", False),
        ("Mozilla Public License 2.0 (MPL 2.0)", False),
        ("Apache-2.0 WITH LLVM-exception AND BSD-2-Clause", False),
        ("BSD-3-Clause AND GPL-3.0-or-later WITH GCC-exception-3.1", False),
        ("MIT OR GPL-2.0-only", False),
        ("GPL-3.0-only", True),
        ("LGPL v3", True),
        ("AGPL-3.0-or-later", True),
        ("GNU Lesser General Public License v2 or later (LGPLv2+)", True),
        ("MIT AND LGPL-2.1-only", True),
        ("GPL-2.0-only AND (MIT OR BSD-3-Clause)", True),
        ("GPL-2.0-only OR AGPL-3.0-only", True),
    ],
)
def test_what_counts_as_copyleft(licence: str, copyleft: bool) -> None:
    assert licences.is_copyleft(licence) is copyleft


def test_requirements_of_requirements_and_of_extras_are_followed() -> None:
    found = licences.closure(["dask[array]>=1", "pywin32; sys_platform == 'no-such-system'"])
    # toolz is what dask needs itself, numpy what its extra adds.
    assert {"dask", "toolz", "numpy"} <= set(found)
    assert "pywin32" not in found
