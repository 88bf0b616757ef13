"""What one run of the protocol leaves: a small JSON file with metrics and the counts of each group, no images."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_wbc.errors import InputError
from napari_wbc.execution.atomic import atomic_path
from napari_wbc.training.evaluation.metrics import Comparison
from napari_wbc.training.evaluation.reliability import reliability, risk_coverage

_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class RunResult:
    """A network that was trained without a domain, tested on it.

    Attributes
    ----------
    target : str
        The domain that it was tested on and never saw.
    seed : int
        Of the training.
    settings : dict
        All that decides the result: the training configuration, and how many cells were tested.
    about : dict
        Cells trained on, CPU time, versions: nothing that is compared.
    names : tuple of str
        The classes that are compared.
    counts : numpy.ndarray of int, shape (groups, k, k + 1)
        Label against prediction in each group of the target; the last column are predictions outside.
    unseen : dict
        Metrics, reliability and risk by coverage on the target.
    in_domain : dict
        The same metrics on held-out groups of each domain that was trained on.
    """

    target: str
    seed: int
    settings: dict[str, Any]
    about: dict[str, Any]
    names: tuple[str, ...]
    counts: NDArray[np.int64]
    unseen: dict[str, Any]
    in_domain: dict[str, Any]

    @property
    def total(self) -> NDArray[np.int64]:
        """Label against prediction of all cells, shape ``(k, k + 1)``."""
        return np.asarray(self.counts.sum(axis=0))

    def to_dict(self) -> dict[str, Any]:
        """Give plain values for JSON."""
        return {
            "schema": _SCHEMA,
            "target": self.target,
            "seed": self.seed,
            "settings": self.settings,
            "about": self.about,
            "unseen": self.unseen,
            "in_domain": self.in_domain,
            "classes": list(self.names),
            # Most groups are one cell: "lp" (digits of label and prediction) says them in two letters each.
            "groups": " ".join(_group_text(group) for group in self.counts),
        }

    def save(self, path: Path) -> None:
        """Write the file in one go."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            # One line for each part: hundreds of these files are committed.
            lines = ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in self.to_dict().items())
            temporary.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


def _group_text(counts: NDArray[np.int64]) -> str:
    return "+".join(
        f"{t}{p}" + (f"x{counts[t, p]}" if counts[t, p] > 1 else "") for t, p in np.argwhere(counts > 0)
    )


def _group_counts(text: str, k: int) -> NDArray[np.int64]:
    groups = text.split()
    counts = np.zeros((len(groups), k, k + 1), np.int64)
    for i, group in enumerate(groups):
        for part in group.split("+"):
            pair, _, times = part.partition("x")
            counts[i, int(pair[0]), int(pair[1])] = int(times or 1)
    return counts


def read_result(path: Path) -> RunResult:
    """Read the file of one run.

    Raises
    ------
    InputError
        It is none, or of another version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != _SCHEMA:
            raise InputError(
                f"{path} is of schema {content['schema']}, this version reads {_SCHEMA}; remove it to run it again"
            )
        names = tuple(content["classes"])
        return RunResult(
            target=content["target"],
            seed=content["seed"],
            settings=content["settings"],
            about=content["about"],
            names=names,
            counts=_group_counts(str(content["groups"]), len(names)),
            unseen=content["unseen"],
            in_domain=content["in_domain"],
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError) as error:
        raise InputError(
            f"{path} cannot be read as the result of a run ({type(error).__name__}: {error}); remove it to run it again"
        ) from None


def read_results(folder: Path) -> list[RunResult]:
    """Read all runs of a folder, sorted by target and seed."""
    found = [read_result(f) for f in folder.glob("*-[0-9]*.json")]
    return sorted(found, key=lambda r: (r.target, r.seed))


def counts_by_run(results: Sequence[RunResult]) -> dict[tuple[str, int], NDArray[np.int64]]:
    """Give the counts of each group by target and seed, for the intervals."""
    return {(r.target, r.seed): r.counts for r in results}


def measures_of(comparison: Comparison) -> dict[str, Any]:
    """Give metrics, reliability and risk by coverage of tested cells as plain values."""
    return {
        "metrics": comparison.metrics().to_dict(),
        "reliability": reliability(comparison.confidence, comparison.correct).to_dict(),
        "risk_coverage": risk_coverage(comparison.confidence, comparison.correct).to_dict(),
    }


def first_difference(stored: Mapping[str, Any], wanted: Mapping[str, Any], place: str = "") -> str:
    """Name the first stored setting that is not as wanted, or give an empty text.

    Settings that the stored result does not know were added since, with a default that changes nothing.
    """
    for key, value in stored.items():
        name = f"{place}.{key}" if place else key
        if isinstance(value, Mapping) and isinstance(wanted.get(key), Mapping):
            found = first_difference(value, wanted[key], name)
            if found:
                return found
        elif key not in wanted or wanted[key] != value:
            return name
    return ""
