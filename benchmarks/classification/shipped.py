"""The shipped model: its recipe on each domain left out, then its bundle with the temperature of those runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from napari_wbc.training.config import TrainingConfig
from napari_wbc.training.evaluation.out_of_fold import calibrated, temperature_of_all
from napari_wbc.training.evaluation.protocol import Run
from napari_wbc.training.evaluation.results import read_results
from napari_wbc.training.evaluation.summary import card_rows
from napari_wbc.training.train import train

from .ladder import ROOT, perform_all, read_ladder, stored_cells

RECIPE = ROOT / "benchmarks" / "robust.toml"
FOLDER = "protocol"


def run_protocol(
    domains: Sequence[str], seeds: Sequence[int], results: Path, work: Path, device: str
) -> None:
    """Leave each domain out with the recipe as it is shipped, and test on all of its cells."""
    config = TrainingConfig.from_toml(RECIPE)
    cells = stored_cells(config)
    # The members of a soup have seeds of their own, which no other run should share.
    seeded = [replace(config, seed=config.seed + s * config.soup.members) for s in seeds]
    jobs = [
        (FOLDER, Run(one, target, most_cells=len(cells.rows)))
        for one in seeded
        for target in domains or read_ladder().domains
    ]
    perform_all(jobs, cells, results, work, device)


def make_bundle(out: Path, without: str, results: Path, work: Path, device: str) -> None:
    """Train on all domains (but one, where a benchmark needs that) with the temperature of the runs of the protocol."""
    config = TrainingConfig.from_toml(RECIPE)
    runs = [r for r in read_results(results / FOLDER) if r.target != without]
    files = {(r.target, r.seed): work / FOLDER / f"{r.target}-{r.seed}.npz" for r in runs}
    missing = [str(path) for path in files.values() if not path.is_file()]
    if missing or not runs:
        sys.exit(f"{missing[0] if missing else 'runs of the protocol'}: not here; run the protocol first")
    with tqdm(desc=str(out), mininterval=10, disable=None) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        bundle = train(
            replace(config, leave_out=(without,) if without else ()),
            out,
            temperature=temperature_of_all(files, config),
            leave_one_domain_out=card_rows(runs, calibrated(files, config)),
            work_dir=Path(config.manifests[0]).parent,
            device=device,
            progress=lambda p: show(p.done, p.total),
        )
    print(bundle)
