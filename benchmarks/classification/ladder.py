"""The rows of ladder.toml, and running them: any number of processes side by side, each run once."""

from __future__ import annotations

import fcntl
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from napari_wbc.errors import InputError
from napari_wbc.training.config import TrainingConfig
from napari_wbc.training.evaluation.metrics import FIVE_CLASSES
from napari_wbc.training.evaluation.protocol import LabelledCells, Run, labelled_cells, perform

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "classification"
WORK = ROOT / "runs" / "classification"
#: Published transfers from one source, with all cells of the five classes of the target.
TRANSFERS = (("pbc", "raabin"), ("raabin", "bccd"))


@dataclass(frozen=True, slots=True)
class Row:
    """One row: what it is called, what it changes, and the whole configuration."""

    name: str
    title: str
    after: str
    change: Mapping[str, Any]
    config: TrainingConfig


@dataclass(frozen=True, slots=True)
class Ladder:
    """All rows, and how they are tested."""

    rows: tuple[Row, ...]
    reference: str
    domains: tuple[str, ...]
    most_cells: int

    def chosen(self, names: Sequence[str]) -> list[Row]:
        """Rows by name; all of them where none is named."""
        known = {row.name: row for row in self.rows}
        for name in names:
            if name not in known:
                sys.exit(f"ladder.toml has no row {name}; it has {', '.join(known)}")
        return [known[n] for n in names] if names else list(self.rows)


def read_ladder(path: Path = HERE / "ladder.toml") -> Ladder:
    """Read the file; a row may come after any row above it."""
    content = tomllib.loads(path.read_text())
    recipe = TrainingConfig.from_toml(path.parent / content["recipe"])
    # The protocol chooses the target; a number of steps chosen elsewhere is not the common budget.
    # What comes after a run has no part in what the rows are compared by.
    alone = {"soup.members": 1, "head.draws": 0, "second_look.orientations": 1}
    budgeted = recipe.changed({"stop": 0, "selection.every": 0, **alone, **content["budget"]})
    base = budgeted.changed(content["base"])
    rows: dict[str, Row] = {}
    for entry in content["row"]:
        after, change = entry.get("after", ""), entry.get("change", {})
        start = budgeted if entry.get("recipe") else rows[after].config if after else base
        rows[entry["name"]] = Row(entry["name"], entry["title"], after, change, start.changed(change))
    return Ladder(
        tuple(rows.values()), content["reference"], tuple(content["domains"]), content["most_cells"]
    )


def stored_cells(config: TrainingConfig) -> LabelledCells:
    """All cells of the manifests; their crops are kept beside the first one."""
    return labelled_cells(config, Path(config.manifests[0]).parent)


def run_ladder(
    names: Sequence[str], domains: Sequence[str], seeds: Sequence[int], results: Path, work: Path, device: str
) -> None:
    """Run what is missing: first all rows with the first seed, so that a stopped ladder is whole as far as it went."""
    ladder = read_ladder()
    cells = stored_cells(ladder.rows[0].config)
    jobs = [
        (row.name, Run(replace(row.config, seed=seed), target, most_cells=ladder.most_cells))
        for seed in seeds
        for row in ladder.chosen(names)
        for target in domains or ladder.domains
    ]
    perform_all(jobs, cells, results / "ladder", work / "ladder", device)


def run_transfers(
    names: Sequence[str], seeds: Sequence[int], results: Path, work: Path, device: str, steps: int | None
) -> None:
    """Train on one source, with the five classes only, and test on all cells of another one."""
    ladder = read_ladder()
    cells = stored_cells(ladder.rows[0].config)
    jobs = []
    for seed in seeds:
        for source, target in TRANSFERS:
            for row in ladder.chosen(names):
                config = replace(row.config, seed=seed, classes=FIVE_CLASSES, steps=steps or row.config.steps)
                run = Run(config, target, (source,), most_cells=len(cells.rows))
                jobs.append((f"{source}-to-{target}/{row.name}", run))
    perform_all(jobs, cells, results / "single-source", work / "single-source", device)


def perform_all(
    jobs: Sequence[tuple[str, Run]], cells: LabelledCells, results: Path, work: Path, device: str
) -> None:
    """Do the runs that are missing and that no other process is at."""
    for number, (folder, run) in enumerate(jobs, 1):
        with claimed(work / folder / f"{run.name}.lock") as free:
            if not free:
                continue
            title = f"{number}/{len(jobs)} {folder} without {run.target}, seed {run.config.seed}"
            try:
                with tqdm(total=run.config.last_step, desc=title, mininterval=10, disable=None) as bar:
                    result = perform(
                        run, cells, results / folder, work_dir=work / folder, device=device,
                        progress=lambda p, bar=bar: bar.update(p.done - bar.n),
                    )  # fmt: skip
            except InputError as error:
                # A run that diverged, or an old result of other settings: the rest of the ladder can still be run.
                print(f"{title}: {error}", flush=True)
                continue
            metrics = result.unseen["metrics"]
            print(
                f"{title}: macro-F1 {metrics['macro_f1']:.3f}, accuracy {metrics['accuracy']:.3f}", flush=True
            )


@contextmanager
def claimed(lock: Path) -> Iterator[bool]:
    """Whether this process has a run for itself; the lock ends with the process, however it ends."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
