"""The packages that napari-wbc needs, and those of its extras: are they there, new enough, and can be loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from napari_wbc.installation.check import Check
from napari_wbc.version import __version__

NAME = "napari-wbc"
#: What each extra is for, in the order in which they are named.
EXTRAS = {
    "all": "the viewer",
    "wsi": "slides of NDPI, MRXS, SCN, BIF and DICOM",
    "fast": "compiled loops and ONNX Runtime",
    "distributed": "counting on a dask cluster",
    "exchange": "DICOM and Parquet files",
    "pdf": "the report as PDF",
    "train": "figures of a training",
}
#: Modules that are not called as their packages.
_MODULES = {"openslide-python": "openslide", "pillow": "PIL", "pyyaml": "yaml", "scikit-image": "skimage"}
#: Loading these opens connections to a display; the viewer has a check of its own.
_NOT_LOADED = frozenset({"napari"})
#: Those of the line; the JSON file has all.
_KEY_PACKAGES = (
    "numpy",
    "scipy",
    "scikit-image",
    "pandas",
    "torch",
    "torchvision",
    "tifffile",
    "zarr",
    "dask",
)


@dataclass(frozen=True, slots=True)
class Found:
    """One required package.

    Attributes
    ----------
    name : str
        Of the package.
    version : str or None
        That is installed; None where it is missing.
    problem : str
        Why it cannot be used; empty where it can.
    """

    name: str
    version: str | None
    problem: str


def check_packages() -> Iterator[Check]:
    """Check the package itself, what it needs, and its extras.

    Yields
    ------
    Check
        napari-wbc, packages, and one for each of ``EXTRAS``.
    """
    home = Path(__file__).resolve().parents[1]
    try:
        wanted = [Requirement(line) for line in requires(NAME) or []]
    except PackageNotFoundError:
        text = f"{__version__} in {home}, not installed; install it: pip install -e ."
        yield Check(NAME, "note", text, {"version": __version__, "folder": str(home)})
        return
    yield Check(NAME, "ok", f"{__version__} in {home}", {"version": __version__, "folder": str(home)})
    yield _check_base([look_for(r) for r in requirements_of(wanted)])
    known = set(metadata(NAME).get_all("Provides-Extra") or [])
    for extra, purpose in EXTRAS.items():
        if extra in known:
            yield _check_extra(extra, purpose, [look_for(r) for r in requirements_of(wanted, extra)])


def requirements_of(wanted: Iterable[Requirement], extra: str = "") -> list[Requirement]:
    """Give what the package needs on this system, or what an extra adds to it.

    Examples
    --------
    >>> lines = ["numpy>=1.25", 'numba>=0.59; extra == "fast"', 'napari-wbc[fast]; extra == "all"']
    >>> [str(r) for r in requirements_of(map(Requirement, lines), "fast")]
    ['numba>=0.59; extra == "fast"']
    """
    others = [r for r in wanted if canonicalize_name(r.name) != NAME]
    if not extra:
        return [r for r in others if _applies(r, "")]
    found = [r for r in others if _applies(r, extra) and not _applies(r, "")]
    if extra == "all":
        # Metadata may list what ``all`` takes from the other extras as its own.
        elsewhere = {r.name for name in EXTRAS if name != "all" for r in requirements_of(others, name)}
        found = [r for r in found if r.name not in elsewhere]
    return found


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def look_for(requirement: Requirement) -> Found:
    """Look for a package: is it there, new enough, and can it be loaded.

    Examples
    --------
    >>> look_for(Requirement("numpy>=999")).problem.endswith("does not fit >=999")
    True
    >>> look_for(Requirement("no-such-package"))
    Found(name='no-such-package', version=None, problem='no-such-package is missing')
    """
    name = requirement.name
    try:
        there = version(name)
    except PackageNotFoundError:
        return Found(name, None, f"{name} is missing")
    if not requirement.specifier.contains(there, prereleases=True):
        return Found(name, there, f"{name} {there} does not fit {requirement.specifier}")
    if name in _NOT_LOADED:
        return Found(name, there, "")
    try:
        import_module(_MODULES.get(canonicalize_name(name), name.replace("-", "_")))
    except Exception as error:  # noqa: BLE001 - a broken package may raise anything, and that is the finding
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return Found(name, there, f"{name} {there} cannot be loaded ({reason})")
    return Found(name, there, "")


def _check_base(found: list[Found]) -> Check:
    problems = [f.problem for f in found if f.problem]
    details = {f.name: f.version for f in found}
    if problems:
        return Check(
            "packages", "failed", f"{'; '.join(problems)}; mend: pip install --upgrade {NAME}", details
        )
    key = ", ".join(f"{f.name} {f.version}" for f in found if f.name in _KEY_PACKAGES)
    return Check("packages", "ok", f"all {len(found)} there: {key}, ...", details)


def _check_extra(extra: str, purpose: str, found: list[Found]) -> Check:
    problems = [f.problem for f in found if f.problem]
    details = {f.name: f.version for f in found}
    if problems:
        text = f'{purpose}: {"; ".join(problems)}; to have it: pip install "{NAME}[{extra}]"'
        return Check(f"extra {extra}", "note", text, details)
    return Check(f"extra {extra}", "ok", ", ".join(f"{f.name} {f.version}" for f in found), details)
