"""The protocol: train without a domain, test on it; each run leaves one file, so that a stopped series goes on."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax

from napari_wbc.errors import InputError
from napari_wbc.execution.atomic import atomic_path
from napari_wbc.execution.progress import CancelToken, ProgressCallback
from napari_wbc.leukocytes import coarse_class
from napari_wbc.training.config import TrainingConfig
from napari_wbc.training.evaluation.bootstrap import group_counts
from napari_wbc.training.evaluation.metrics import FIVE_CLASSES, compare
from napari_wbc.training.evaluation.results import RunResult, first_difference, measures_of, read_result
from napari_wbc.training.manifests import CropRows, label_members, load_crops
from napari_wbc.training.outputs import model_outputs
from napari_wbc.training.priors import class_priors, log_prior
from napari_wbc.training.selection import select
from napari_wbc.training.soup import fit_soup
from napari_wbc.training.train import held_out, read_manifests

#: Cells of the target that a run is tested on, at most: enough for the third digit of a macro-F1, in seconds.
MOST_CELLS = 2000


@dataclass(frozen=True, slots=True)
class LabelledCells:
    """All labelled cells at hand.

    Attributes
    ----------
    rows : pandas.DataFrame
        With ``path``, ``domain``, ``label`` and ``group``.
    crops : numpy.ndarray of uint8, shape (n, side, side, 3)
        One per row; memory-mapped, so that several runs share it.
    """

    rows: pd.DataFrame
    crops: NDArray[np.uint8]

    @property
    def domains(self) -> list[str]:
        """The domains, sorted."""
        return sorted(self.rows["domain"].unique())

    def fingerprint(self) -> str:
        """Give a hash of which cells there are and what they are labelled, wherever their files lie."""
        names = [Path(p).name for p in self.rows["path"]]
        lines = sorted(
            " ".join(cell) for cell in zip(self.rows["domain"], self.rows["label"], names, strict=True)
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def labelled_cells(config: TrainingConfig, work_dir: str | Path) -> LabelledCells:
    """Read the manifests of a configuration and all of their crops."""
    rows = read_manifests(replace(config, leave_out=()))
    return LabelledCells(rows, load_crops(rows, work_dir))


@dataclass(frozen=True, slots=True)
class Run:
    """One training and its test.

    Attributes
    ----------
    config : TrainingConfig
        The recipe, with its seed; a selection leaves out domains that are trained on, never the target.
    target : str
        The domain to test on.
    sources : tuple of str
        The domains to train on; all others by default.
    most_cells : int
        Cells of the target to test on, always the same ones.
    """

    config: TrainingConfig
    target: str
    sources: tuple[str, ...] = ()
    most_cells: int = MOST_CELLS

    @property
    def name(self) -> str:
        """Name of its files."""
        return f"{self.target}-{self.config.seed}"

    def without_target(self, domains: Sequence[str]) -> TrainingConfig:
        """Give the configuration of the training.

        Raises
        ------
        InputError
            A domain is not in the manifests, or the target is a source.
        """
        unknown = sorted({self.target, *self.sources} - set(domains))
        if unknown:
            raise InputError(f"the manifests hold no domain {unknown[0]!r}; they have {', '.join(domains)}")
        if self.target in self.sources:
            raise InputError(f"{self.target} cannot be trained on and be the domain never seen")
        sources = set(self.sources or domains) - {self.target} - set(self.config.leave_out)
        if not sources:
            raise InputError(
                f"nothing is left to train on when {self.target} is left out; add a second domain"
            )
        return replace(self.config, leave_out=tuple(sorted(set(domains) - sources)))


def perform(
    run: Run,
    cells: LabelledCells,
    out: str | Path,
    *,
    work_dir: str | Path | None = None,
    device: str = "cpu",
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> RunResult:
    """Train and test, unless it was done already.

    Parameters
    ----------
    run : Run
        What to train on, and what to test on.
    cells : LabelledCells
        From :func:`labelled_cells`.
    out : str or Path
        Folder of the result ``<target>-<seed>.json``.
    work_dir : str or Path, optional
        Folder of the checkpoint, and of the logits ``<target>-<seed>.npz``; ``work`` in ``out`` by default.
    device : {"cpu", "cuda"}
        Where to train.
    progress, cancel : optional
        A callback and a token to stop; a stopped run goes on where it was.

    Returns
    -------
    RunResult

    Raises
    ------
    InputError
        A result is there that was made with other settings.
    """
    out, work = Path(out), Path(work_dir or Path(out) / "work")
    config = run.without_target(cells.domains)
    training = {k: v for k, v in config.to_dict().items() if k != "init_note"}
    settings = {"cells": cells.fingerprint(), "most_cells": run.most_cells, "training": training}
    # Compared as JSON gives it back: a tuple comes back as a list.
    settings = json.loads(json.dumps(settings))
    file = out / f"{run.name}.json"
    if file.is_file():
        stored = read_result(file)
        # Settings that came later are at their defaults in an older result: those change nothing.
        filled_up = TrainingConfig().changed(stored.settings["training"]).to_dict()
        older = json.loads(json.dumps({k: v for k, v in filled_up.items() if k != "init_note"}))
        other = first_difference(stored.settings | {"training": older}, settings)
        if other:
            raise InputError(
                f"{file} was made with other {other}; remove it to run it again, or give another folder"
            )
        return stored
    work.mkdir(parents=True, exist_ok=True)
    known = _known_rows(cells.rows, config)
    rows = cells.rows.iloc[known].assign(label=_labels_for(cells.rows["label"].iloc[known], config.classes))
    test = held_out(rows.reset_index(drop=True), config)
    fitted = known[~test]
    start = time.process_time()
    learned = rows[~test].reset_index(drop=True), CropRows(cells.crops, fitted)
    chosen: dict[str, Any] = {}
    if config.selection.every:
        choice = select(
            config, *learned, work_dir=work, name=run.name, device=device, progress=progress, cancel=cancel
        )
        config, chosen = choice.config, {"selection": choice.to_dict()}
    network = fit_soup(
        config, *learned, work_dir=work, name=run.name, device=device, progress=progress, cancel=cancel
    )
    trained = time.process_time() - start
    domain = cells.rows["domain"].to_numpy(str)
    unseen = _sample(cells.rows, np.flatnonzero(domain == run.target), run.most_cells)
    held = known[test]
    seen = [_sample(cells.rows, held[domain[held] == d], run.most_cells) for d in cells.domains]
    tests = np.concatenate([unseen, *seen])
    logits, _ = model_outputs(network, CropRows(cells.crops, tests), config, cancel=cancel)
    probabilities = softmax(logits + log_prior(class_priors(config)), axis=1)
    part = cells.rows.iloc[tests]
    with atomic_path(work / f"{run.name}.npz") as temporary, temporary.open("wb") as npz:
        np.savez_compressed(
            npz, logits=logits, domain=part["domain"].to_numpy(str), label=part["label"].to_numpy(str)
        )
    comparison = compare(
        probabilities[: len(unseen)], config.classes, list(part["label"][: len(unseen)]), names=FIVE_CLASSES
    )
    in_domain = {}
    for name in cells.domains:
        here = np.flatnonzero(domain[tests] == name)
        if name != run.target and len(here):
            labels = list(part["label"].iloc[here])
            in_domain[name] = measures_of(
                compare(probabilities[here], config.classes, labels, names=FIVE_CLASSES)
            )
    result = RunResult(
        target=run.target,
        seed=config.seed,
        settings=settings,
        about={
            **chosen,
            "training_cells": len(fitted),
            "training_cpu_seconds": round(trained, 1),
            "test_cpu_seconds": round(time.process_time() - start - trained, 1),
        },
        names=FIVE_CLASSES,
        counts=group_counts(comparison, list(part["group"][: len(unseen)])),
        unseen=measures_of(comparison),
        in_domain=in_domain,
    )
    result.save(file)
    for state in work.glob(f"{run.name}-*.checkpoint.pt"):
        state.unlink()
    return result


def leave_one_domain_out(
    config: TrainingConfig,
    out: str | Path,
    *,
    domains: Sequence[str] = (),
    seeds: int = 3,
    most_cells: int = MOST_CELLS,
    work_dir: str | Path | None = None,
    device: str = "cpu",
    progress: Callable[[Run], ProgressCallback] | None = None,
    cancel: CancelToken | None = None,
) -> list[RunResult]:
    """Leave each domain out in turn, with several seeds.

    Parameters
    ----------
    config : TrainingConfig
        The recipe; its seed is the first one.
    out : str or Path
        Folder of the results.
    domains : sequence of str, optional
        To leave out; all with a manifest row of the five classes by default.
    seeds : int, optional
        Number of seeds.
    most_cells, work_dir, device, cancel : optional
        As in :class:`Run` and :func:`perform`.
    progress : callable, optional
        Takes a run and gives the callback for it.

    Returns
    -------
    list of RunResult
    """
    cells = labelled_cells(config, work_dir or Path(out) / "work")
    targets = list(domains) or [d for d in cells.domains if d not in config.leave_out]
    runs = [
        # The members of a soup have seeds of their own, which no other run should share.
        Run(replace(config, seed=config.seed + s * config.soup.members), target, most_cells=most_cells)
        for s in range(seeds)
        for target in targets
    ]
    for run in runs:
        run.without_target(cells.domains)
    return [
        perform(
            run, cells, out, work_dir=work_dir, device=device,
            progress=progress(run) if progress is not None else None, cancel=cancel,
        )
        for run in runs
    ]  # fmt: skip


def _labels_for(labels: pd.Series[str], classes: Sequence[str]) -> list[str]:
    """Give labels that a model with these classes can be trained on: the coarse one where it lacks the fine one."""
    members = label_members(list(labels), classes)
    return [x if row.any() else coarse_class(x) for x, row in zip(labels, members, strict=True)]


def _known_rows(rows: pd.DataFrame, config: TrainingConfig) -> NDArray[np.intp]:
    """Choose the rows of the sources whose label the model can learn."""
    members = label_members(_labels_for(rows["label"], config.classes), config.classes)
    return np.flatnonzero(members.any(axis=1) & ~rows["domain"].isin(config.leave_out).to_numpy())


def _sample(rows: pd.DataFrame, among: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """Choose cells of the five classes at random, the same ones on any computer and for any recipe."""
    five = np.array([coarse_class(x) in FIVE_CLASSES for x in rows["label"].iloc[among]], bool)
    chosen = among[five]
    names = [Path(p).name for p in rows["path"].iloc[chosen]]
    keys = [
        hashlib.sha256(f"{d}/{n}".encode()).digest()
        for d, n in zip(rows["domain"].iloc[chosen], names, strict=True)
    ]
    order = sorted(range(len(chosen)), key=lambda i: keys[i])[:most]
    return np.asarray(chosen[np.sort(np.array(order, np.intp))])
