"""The comparison on real fields, and how well its intervals and tests keep their promises.

    python -m benchmarks.comparison fields --unseen runs/trust/without-chula --work runs/comparison
    python -m benchmarks.comparison simulation

``fields`` counts every third field of chula with the bundled model, which was trained on cells of this source, and with
one that was trained without it, and holds both against the published labels and against each other. A slide of chula
holds one class of leukocytes; so that percentages vary as they do between patients, ten fields each are put together to
"samples" of mixtures drawn at random. About three minutes of CPU.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from napari_wbc.batch import BatchFinished, count_images
from napari_wbc.comparison import compare
from napari_wbc.comparison.correlation import lin, pearson, spearman
from napari_wbc.comparison.differences import bland_altman
from napari_wbc.comparison.pictures import changed_pictures, images_by_key
from napari_wbc.comparison.record import to_dict, write_tables
from napari_wbc.comparison.regression import passing_bablok
from napari_wbc.comparison.report import write_report
from napari_wbc.comparison.sides import read_slide_names
from napari_wbc.pipeline import CountOptions

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("NAPARI_WBC_DATA", ROOT.parent / "shared" / "data"))
RESULTS = ROOT / "benchmarks" / "results" / "comparison"
UM_PER_PX = 0.09
EVERY, SAMPLES, PER_SAMPLE, SEED = 3, 14, 10, 0
DRAWS = 2000


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.comparison",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    on_fields = commands.add_parser("fields")
    on_fields.add_argument("--unseen", required=True, help="a bundle that was trained without chula")
    on_fields.add_argument("--work", type=Path, required=True, help="folder for counts and reports")
    commands.add_parser("simulation")
    args = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    if args.command == "fields":
        fields(args.unseen, args.work)
    else:
        simulation()


def fields(unseen: str, work: Path) -> None:
    """Count the fields, write the labels beside them, and compare."""
    listed = pd.read_csv(DATA / "fields.csv")
    paths = listed[listed["domain"] == "chula"]["path"].iloc[::EVERY]
    work.mkdir(parents=True, exist_ok=True)
    labels = published_labels(paths)
    labels.to_csv(work / "labels.csv", index=False)
    samples(labels).to_csv(work / "samples.csv", index=False)
    for name, model in (("bundled", "robust"), ("without_chula", unseen)):
        options = CountOptions(um_per_px=UM_PER_PX, model=model)
        for event in count_images([str(DATA / path) for path in paths], work / name, options, resume=True):
            if isinstance(event, BatchFinished):
                print(name, event)
    slide_of = read_slide_names(work / "samples.csv")
    pairs = {
        "labels_bundled": ("labels.csv", "bundled", ("published labels", "bundled model")),
        "labels_without_chula": ("labels.csv", "without_chula", ("published labels", "model without chula")),
        "models": ("without_chula", "bundled", ("model without chula", "bundled model")),
    }
    for name, (first, second, titles) in pairs.items():
        found = compare(work / first, work / second, slide_of=slide_of, titles=titles, um_per_px=UM_PER_PX)
        print(f"\n{name}\n{found.to_text()}")
        text = json.dumps(to_dict(found), indent=1, ensure_ascii=False)
        (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        folder = work / name
        folder.mkdir(exist_ok=True)
        pictures = changed_pictures(found, images_by_key(found, [DATA / "fields" / "chula"]))
        write_report(folder / "comparison.html", found, pictures)
        write_tables(found, folder)


def published_labels(paths: pd.Series[str]) -> pd.DataFrame:
    """Give the boxes of leukocytes as places with labels."""
    boxes = pd.read_csv(DATA / "boxes.csv")
    boxes = boxes[boxes["path"].isin(set(paths)) & (boxes["kind"] == "wbc")]
    return pd.DataFrame(
        {
            "slide": boxes["path"].map(lambda path: Path(path).stem),
            "x_px": (boxes["x0"] + boxes["x1"]) / 2,
            "y_px": (boxes["y0"] + boxes["y1"]) / 2,
            "label": boxes["label"],
        }
    )


def samples(labels: pd.DataFrame) -> pd.DataFrame:
    """Put fields together to mixtures, each field in one of them."""
    random = np.random.default_rng(SEED)
    of_field = labels.groupby("slide")["label"].first()
    left = {name: list(random.permutation(list(group.index))) for name, group in of_field.groupby(of_field)}
    rows = []
    for number in range(1, SAMPLES + 1):
        wanted = dict(zip(left, random.dirichlet([1.5] * len(left)), strict=True))
        for _ in range(PER_SAMPLE):
            there = [name for name in left if left[name]]
            shares = np.array([wanted[name] for name in there])
            drawn = random.choice(there, p=shares / shares.sum())
            rows.append({"image": left[drawn].pop(), "slide": f"sample {number}"})
    return pd.DataFrame(rows)


def simulation() -> None:
    """Draw two methods with known relation again and again: coverage of 95 % intervals, size of the test at 5 %."""
    results: dict[str, dict[str, float]] = {}
    for n in (20, 40, 100):
        random = np.random.default_rng([SEED, n])
        hits: dict[str, list[bool]] = {}
        for _ in range(DRAWS):
            # A class of 5 to 70 % on n slides, by two methods with an error of 3 % each.
            level = random.uniform(5, 70, n)
            a, b = level + random.normal(0, 3, n), level + random.normal(0, 3, n)
            line, d = passing_bablok(a, b), bland_altman(a, b)
            note(hits, "Passing-Bablok slope", line.slope_low <= 1 <= line.slope_high)
            note(hits, "Passing-Bablok intercept", line.intercept_low <= 0 <= line.intercept_high)
            note(hits, "linearity called wrong at 5 %", line.linearity_p < 0.05)
            note(hits, "Bland-Altman bias", d.bias_low <= 0 <= d.bias_high)
            note(hits, "Bland-Altman upper limit", d.upper_low <= 1.96 * np.sqrt(18) <= d.upper_high)
            a, b = random.multivariate_normal([0, 1], [[4, 4], [4, 5]], n).T
            for name, coefficient, truth in CORRELATIONS:
                found = coefficient(a, b)
                note(hits, name, found.low <= truth <= found.high)
        results[str(n)] = {name: float(np.mean(values)) for name, values in hits.items()}
    (RESULTS / "simulation.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(pd.DataFrame(results).round(3).to_string())


# Of the normal distribution above: correlation 4 / sqrt(20), concordance 8 / (4 + 5 + 1).
CORRELATIONS: tuple[tuple[str, Callable, float], ...] = (
    ("Pearson", pearson, 4 / np.sqrt(20)),
    ("Spearman", spearman, 6 / np.pi * np.arcsin(2 / np.sqrt(20))),
    ("Lin", lin, 0.8),
)


def note(hits: dict[str, list[bool]], name: str, hit: bool) -> None:
    """Note one draw."""
    hits.setdefault(name, []).append(bool(hit))


if __name__ == "__main__":
    main()
