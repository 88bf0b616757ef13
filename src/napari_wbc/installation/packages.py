"""The packages that napari-wbc needs, and those of its extras: are they there, new enough, and can be loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from napari_wbc.installation.check import Check
from napari_wbc.installation.loading import cannot_be_loaded
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
    known = set(metadata(NAME).get_all("Provides-Extra") or [])
    base = requirements_of(wanted)
    extras = {extra: requirements_of(wanted, extra) for extra in EXTRAS if extra in known}
    found = look_for([*base, *(r for of_extra in extras.values() for r in of_extra)])
    yield _check_base(found[: len(base)])
    begin = len(base)
    for extra, of_extra in extras.items():
        yield _check_extra(extra, EXTRAS[extra], found[begin : begin + len(of_extra)])
        begin += len(of_extra)


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


def look_for(requirements: Sequence[Requirement]) -> list[Found]:
    """Look for packages: are they there, new enough, and can they be loaded.

    Examples
    --------
    >>> [found] = look_for([Requirement("numpy>=999")])
    >>> found.problem.endswith("does not fit >=999")
    True
    >>> look_for([Requirement("no-such-package")])
    [Found(name='no-such-package', version=None, problem='no-such-package is missing')]
    """
    found = [_looked_up(requirement) for requirement in requirements]
    loaded = [f.name for f in found if not f.problem and f.name not in _NOT_LOADED]
    failed = cannot_be_loaded(list(dict.fromkeys(map(_module, loaded))))
    return [
        replace(f, problem=f"{f.name} {f.version} cannot be loaded ({failed[_module(f.name)]})")
        if f.name in loaded and _module(f.name) in failed
        else f
        for f in found
    ]


def _looked_up(requirement: Requirement) -> Found:
    name = requirement.name
    try:
        there = version(name)
    except PackageNotFoundError:
        return Found(name, None, f"{name} is missing")
    fits = requirement.specifier.contains(there, prereleases=True)
    return Found(name, there, "" if fits else f"{name} {there} does not fit {requirement.specifier}")


def _module(name: str) -> str:
    return _MODULES.get(canonicalize_name(name), name.replace("-", "_"))


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
