"""What people install: wheel, source distribution, editable install and plain checkout."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path

import pandas as pd
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
_LEFT_BEHIND = shutil.ignore_patterns(
    ".git", ".venv*", "*_cache", ".import_linter_cache", "__pycache__", "_version.py", "demo", "results", "runs",
    "build", "dist", "artifacts", "*.egg-info",
)  # fmt: skip


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a command; give what it printed."""
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV") and "GIT" not in k}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=clean | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


def copy_tree(to: Path) -> Path:
    """Copy the project as somebody gets it who downloads an archive of it: without git."""
    shutil.copytree(ROOT, to, ignore=_LEFT_BEHIND, symlinks=True)
    return to


def new_environment(folder: Path) -> Path:
    """Make an environment that has all requirements but not napari-wbc; give its python.

    It sees the packages of this environment through a path, on which no editable install takes effect.
    """
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder))
    (site / "requirements.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def pip_install(python: Path, *what: str | Path) -> None:
    quick = ("--no-deps", "--no-build-isolation", "--no-index", "--ignore-installed", "--quiet")
    run(sys.executable, "-m", "pip", "--python", python, "install", *quick, *what, cwd=python.parent)


def where_is_robust(python: Path, cwd: Path, **environment: str) -> tuple[Path, Path]:
    """Give the folder of the package and that of the bundled model, as another process finds them."""
    code = (
        "import napari_wbc, pathlib; from napari_wbc.classification.bundle import load_model;"
        "print(pathlib.Path(napari_wbc.__file__).resolve().parent); print(load_model('robust').folder.resolve())"
    )
    package, model = run(python, "-c", code, cwd=cwd, **environment).splitlines()
    return Path(package), Path(model)


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = copy_tree(tmp_path_factory.mktemp("archive") / "napari-wbc")
    out = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", out, tree, cwd=tree)
    return next(out.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built from the source distribution, which in turn was built without git."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.unpack_archive(sdist, folder)
    tree = next(folder.iterdir())
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, tree, cwd=tree)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed_wheel(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    python = new_environment(tmp_path_factory.mktemp("environment") / "wheel")
    pip_install(python, wheel)
    return python


def test_wheel_holds_what_the_package_needs(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    wanted = [
        "napari_wbc/py.typed",
        "napari_wbc/napari.yaml",
        "napari_wbc/_version.py",
        "napari_wbc/exchange/schemas/differential.schema.json",
        "napari_wbc/differential/profiles/adult_peripheral_blood.yaml",
        *(f"napari_wbc/models/robust/{name}" for name in ("model.safetensors", "model.json", "CARD.md")),
    ]
    assert [name for name in wanted if name not in names] == []
    strangers = [n for n in names if not n.startswith("napari_wbc/") and ".dist-info/" not in n]
    assert strangers == []


def test_a_tree_without_git_has_the_fallback_version(wheel: Path) -> None:
    assert wheel.name.startswith("napari_wbc-0.1.0.dev0-")


def test_the_version_is_the_git_tag(tmp_path: Path) -> None:
    tree = copy_tree(tmp_path / "napari-wbc")
    git = (
        "git",
        "-c",
        "user.name=Nobody",
        "-c",
        "user.email=nobody@example.org",
        "-c",
        "commit.gpgsign=false",
    )
    run(*git, "init", "--quiet", cwd=tree)
    run(*git, "add", "pyproject.toml", cwd=tree)
    run(*git, "commit", "--quiet", "--no-verify", "-m", "x", cwd=tree)
    run(*git, "tag", "v1.2.3", cwd=tree)
    assert run(sys.executable, "-m", "hatchling", "version", cwd=tree) == "1.2.3"


def test_metadata_keeps_qt_out_of_the_base(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    metadata = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    fields = HeaderParser().parsestr(archive.read(metadata).decode())
    base = [r.lower() for r in fields.get_all("Requires-Dist", []) if "extra ==" not in r]
    assert not [r for r in base if r.startswith(("napari", "pyqt", "pyside", "qtpy", "superqt"))]
    assert not [r for r in base if "<" in r], "no upper caps"
    assert set(fields.get_all("Provides-Extra", [])) >= {"all", "wsi", "distributed", "fast", "test", "docs"}


def test_manifest_of_the_wheel_is_valid(installed_wheel: Path, tmp_path: Path) -> None:
    environment = {"QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path)}
    run(installed_wheel, "-m", "npe2", "validate", "--imports", "napari-wbc", cwd=tmp_path, **environment)


def test_model_is_found_from_a_wheel(installed_wheel: Path, tmp_path: Path) -> None:
    package, model = where_is_robust(installed_wheel, tmp_path)
    assert package.is_relative_to(installed_wheel.parents[1].resolve())
    assert model == package / "models" / "robust"


def test_model_is_found_from_an_editable_install(tmp_path: Path) -> None:
    tree = copy_tree(tmp_path / "tree")
    python = new_environment(tmp_path / "environment")
    pip_install(python, "--editable", tree)
    package, model = where_is_robust(python, tmp_path)
    assert package == tree / "src" / "napari_wbc"
    assert model == tree / "models" / "robust", "an editable install must not carry a copy"


def test_model_is_found_from_a_plain_checkout(tmp_path: Path) -> None:
    tree = copy_tree(tmp_path / "tree")
    python = new_environment(tmp_path / "environment")
    package, model = where_is_robust(python, tmp_path, PYTHONPATH=str(tree / "src"))
    assert package == tree / "src" / "napari_wbc"
    assert model == tree / "models" / "robust"


def test_the_command_works_from_the_wheel(installed_wheel: Path, tmp_path: Path) -> None:
    command = installed_wheel.parent / "napari-wbc"
    assert run(command, "--version", cwd=tmp_path) == "napari-wbc 0.1.0.dev0"
    assert "robust" in run(command, "models", "list", cwd=tmp_path)


def test_a_count_from_the_wheel(installed_wheel: Path, tmp_path: Path) -> None:
    command = installed_wheel.parent / "napari-wbc"
    run(command, "sample", "--out", "smear.png", "--size", "900x700", "--seed", "3", cwd=tmp_path)
    said = run(command, "count", "smear.png", "--out", "results", "--um-per-px", "0.1", cwd=tmp_path)
    assert "leukocytes counted" in said
    results = tmp_path / "results" / "smear"
    assert "research use only" in (results / "report.html").read_text(encoding="utf-8")
    record = json.loads((results / "run.json").read_text(encoding="utf-8"))
    assert record["version"] == "0.1.0.dev0"
    # The drawing is the same everywhere: its leukocytes, less those that the border cuts.
    truth = pd.read_csv(tmp_path / "smear.truth.csv")
    assert 0 < (~truth["touches_border"]).sum() <= record["cells"] <= len(truth)


def test_a_wheel_that_is_built_from_an_sdist_has_its_version(tmp_path: Path) -> None:
    tree = copy_tree(tmp_path / "napari-wbc")
    # What hatch-vcs goes by where there is no git: the metadata of the source distribution.
    (tree / "PKG-INFO").write_text("Metadata-Version: 2.4\nName: napari-wbc\nVersion: 4.5.6\n")
    assert run(sys.executable, "-m", "hatchling", "version", cwd=tree) == "4.5.6"


def test_the_metadata_say_what_the_napari_hub_shows(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    metadata = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    fields = HeaderParser().parsestr(archive.read(metadata).decode())
    # The hub takes all of it from here and from the manifest: https://napari.org/stable/plugins/
    assert "Framework :: napari" in fields.get_all("Classifier", [])
    assert fields["Summary"]
    assert fields["License-Expression"] == "BSD-3-Clause"
    assert fields["Description-Content-Type"] == "text/markdown"
    assert len(fields.get_payload()) > 1000


def imported(folder: Path) -> Iterator[str]:
    """Give the first names of the modules that a folder imports, itself and Python's own left out."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                yield node.module.partition(".")[0]


def test_what_is_imported_is_required_and_the_other_way_round() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    called = {"pillow": "PIL", "pyyaml": "yaml", "scikit-image": "skimage", "openslide-python": "openslide"}
    # Promised by what we require: jinja2, highdicom, and napari for its plugins.
    promised = {"markupsafe", "pydicom", "app_model", "npe2", "psygnal", "qtpy", "superqt", "vispy"}

    def modules(lines: list[str]) -> set[str]:
        return {called.get(name, name) for name in (Requirement(line).name for line in lines)}

    base = modules(project["dependencies"])
    extras = {name: modules(lines) for name, lines in project["optional-dependencies"].items()}
    ours = extras["wsi"] | extras["distributed"] | extras["exchange"] | extras["pdf"] | extras["fast"]
    ours |= extras["train"] | extras["all"]
    found = set(imported(ROOT / "src" / "napari_wbc")) - set(sys.stdlib_module_names) - {"napari_wbc"}
    assert base - found == set(), "required, but never imported"
    assert found - base - ours - promised == set(), "imported, but not required"


def test_the_manifest_at_the_top_is_that_of_the_package() -> None:
    assert (ROOT / "napari.yaml").samefile(ROOT / "src" / "napari_wbc" / "napari.yaml")
