"""The main job on real fields and on a synthetic smear, as Markdown tables.

    python benchmarks/main_job.py fields --domain bccd
    python benchmarks/main_job.py fields --domain bccd --model runs/robust/without-bccd-0
    python benchmarks/main_job.py synthetic --size 4000x3000
    python benchmarks/main_job.py start

``fields`` counts every field of a domain of the development images (NAPARI_WBC_DATA, default ../shared/data beside the
checkout) and compares cells with the marked boxes, classes with the published labels. ``synthetic`` compares with the
truth of a drawn smear, which says nothing about accuracy on real ones. ``start`` times a cold import and ``--help``.
Whole slides: slide_growth.py.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.segmentation.fields import IMAGES, evenly
from benchmarks.segmentation.matching import intersection_over_union

import napari_wbc as wbc
from napari_wbc.leukocytes import UNIDENTIFIED, class_of, coarse_class
from napari_wbc.slides.synthetic import SmearParameters, write_sample
from napari_wbc.training.evaluation.tables import markdown_table

COMMAND = str(Path(sys.executable).with_name("napari-wbc"))
NOT_COUNTED = ("artifact", "platelet")


def box_matches(
    cells: pd.DataFrame, boxes: np.ndarray
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Pairs (box, cell) with IoU of at least 0.5, and pairs with the nucleus' centre in the box; one to one."""
    if cells.empty or not len(boxes):
        return [], []
    found = cells[["bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1"]].to_numpy(float)
    centres = cells[["y_px", "x_px"]].to_numpy(float)
    iou = intersection_over_union(boxes, found)
    inside = ((centres[None] >= boxes[:, None, :2]) & (centres[None] < boxes[:, None, 2:])).all(axis=2)
    pairs = []
    for score in (np.where(iou >= 0.5, iou, 0), inside + 0.5 * iou * inside):
        rows, columns = linear_sum_assignment(-score)
        pairs.append([(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if score[r, c] > 0])
    return pairs[0], pairs[1]


def fields(domain: str, model_name: str, device: str, limit: int | None) -> None:
    """Count every field of a domain."""
    model = wbc.load_model(model_name)
    table = pd.read_csv(IMAGES / "fields.csv", keep_default_na=False)
    table = table[table["domain"] == domain]
    if limit:
        table = table.iloc[evenly(len(table), limit)]
    boxes = pd.read_csv(IMAGES / "boxes.csv", keep_default_na=False)
    boxes = boxes[boxes["kind"] == "wbc"]
    labels = pd.read_csv(IMAGES / "cells.csv", keep_default_na=False)
    labels = labels[labels["domain"] == domain]
    per_field = labels.groupby("group")["label"].agg(list).to_dict()
    marked = by_iou = by_centre = candidates = false_before = false_after = lost = 0
    seconds, agreement = [], []
    for row in table.itertuples():
        start = time.perf_counter()
        result = wbc.count(IMAGES / row.path, model, um_per_px=float(row.um_per_px), device=device)
        seconds.append(time.perf_counter() - start)
        here = boxes[boxes["path"] == row.path]
        truth = here[["y0", "x0", "y1", "x1"]].to_numpy(float)
        good, centred = box_matches(result.cells, truth)
        cell_of = dict(centred)
        marked += len(truth)
        candidates += len(result.cells)
        by_iou += len(good)
        by_centre += len(centred)
        extra = result.cells.drop(index=list(cell_of.values()))
        false_before += len(extra)
        false_after += int((~extra["label"].isin(NOT_COUNTED)).sum())
        lost += int(result.cells.loc[list(cell_of.values()), "label"].isin(NOT_COUNTED).sum())
        known = list(here["label"])
        if not any(known) and len(truth) == 1 and len(per_field.get(row.group, [])) == 1:
            # The label belongs to the field; only where it has one cell it is clear to which.
            known = per_field[row.group]
        for box, label in enumerate(known):
            if label and box in cell_of:
                cell = result.cells.loc[cell_of[box]]
                agreement.append((label, coarse_class(cell["label"]), coarse_class(cell["model_label"])))
    n = len(table)
    print(f"model {model.name} ({model.sha256[:12]}), {domain}, {n} fields\n")
    print(
        markdown_table(
            [
                {
                    "domain": domain,
                    "fields": n,
                    "marked WBC": marked,
                    "found, IoU 0.5": by_iou / marked,
                    "found, centre in box": by_centre / marked,
                    "not marked, per field": false_before / n,
                    "the same after classification": false_after / n,
                    "marked WBC called artifact or platelet": lost,
                    "seconds per field (median)": float(np.median(seconds)),
                    "peak memory, MB": peak_memory(),
                }
            ]
        )
    )
    if agreement:
        known, label, best = (np.array(column) for column in zip(*agreement, strict=True))
        sure = label != UNIDENTIFIED
        f1 = [
            2 * ((best == k) & (known == k)).sum() / ((best == k).sum() + (known == k).sum())
            for k in np.unique(known)
        ]
        print(
            f"\n{len(known)} cells with a known class: {np.mean(best == known):.3f} agree (most likely class), "
            f"macro-F1 {np.mean(f1):.3f}; {np.mean(~sure):.3f} stay unidentified, "
            f"{np.mean(label[sure] == known[sure]):.3f} of the others agree\n"
        )
        print(pd.crosstab(pd.Series(known, name="label"), pd.Series(label, name="counted as")).to_string())


def synthetic(size: tuple[int, int], seed: int, model_name: str) -> None:
    """Count a synthetic smear and compare with its truth."""
    model = wbc.load_model(model_name)
    with tempfile.TemporaryDirectory() as folder:
        path = write_sample(
            Path(folder) / "smear.png", SmearParameters(width=size[0], height=size[1], seed=seed)
        )
        truth = pd.read_csv(path.with_name("smear.truth.csv"))
        start = time.perf_counter()
        result = wbc.count(path, model)
        seconds = time.perf_counter() - start
    boxes = truth[["bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1"]].to_numpy(float)
    good, centred = box_matches(result.cells, boxes)
    pairs = [(truth["label"].iloc[b], result.cells.loc[c]) for b, c in centred]
    agree = [coarse_class(t) == coarse_class(c["model_label"]) for t, c in pairs]
    extra = result.cells.drop(index=[c for _, c in centred])
    print(
        markdown_table(
            [
                {
                    "synthetic smear": f"{size[0]} x {size[1]} px",
                    "leukocytes drawn": len(truth),
                    "found, IoU 0.5": len(good) / len(truth),
                    "found, centre in box": len(centred) / len(truth),
                    "false, before classification": len(extra),
                    "false, after it": int((~extra["label"].isin(NOT_COUNTED)).sum()),
                    "class agrees": float(np.mean(agree)),
                    "unidentified": float(np.mean([c["label"] == UNIDENTIFIED for _, c in pairs])),
                    "um_per_px": f"{result.scale.um_per_px:.4f} ({result.scale.origin})",
                    "seconds": seconds,
                }
            ]
        )
    )
    drawn = truth[[class_of(x).kind == "leukocyte" for x in truth["label"]]]["label"].map(coarse_class)
    counted = result.cells[[class_of(x).kind == "leukocyte" for x in result.cells["label"]]]["label"].map(
        coarse_class
    )
    share = pd.DataFrame(
        {"drawn %": drawn.value_counts(normalize=True), "counted %": counted.value_counts(normalize=True)}
    )
    print("\n" + (share.fillna(0) * 100).round(1).to_string())


def start() -> None:
    """Time a cold import and the help of the command line (best of five; the file cache is warm)."""
    rows = []
    for name, command in {
        "import napari_wbc": [sys.executable, "-c", "import napari_wbc"],
        "napari-wbc --help": [COMMAND, "--help"],
    }.items():
        times = []
        for _ in range(5):
            begin = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - begin)
        rows.append({"command": name, "seconds, best of 5": min(times), "worst": max(times)})
    print(markdown_table(rows))


def peak_memory() -> int:
    """Peak resident memory of this process, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["fields", "synthetic", "start"])
    parser.add_argument("--domain", default="bccd")
    parser.add_argument("--model", default="robust")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--limit", type=int, help="at most so many fields, evenly spread")
    parser.add_argument("--size", default="4000x3000", help="WIDTHxHEIGHT in px")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.what == "fields":
        fields(arguments.domain, arguments.model, arguments.device, arguments.limit)
    elif arguments.what == "synthetic":
        width, height = (int(v) for v in arguments.size.split("x"))
        synthetic((width, height), arguments.seed, arguments.model)
    else:
        start()


if __name__ == "__main__":
    main()
