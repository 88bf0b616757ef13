"""Real fields: the count of all fields of a laboratory beside the published labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.segmentation.fields import IMAGES

import napari_wbc as wbc
from napari_wbc.classification.bundle import Model
from napari_wbc.confusion import Confusion
from napari_wbc.differential.count import Differential, differential

DOMAINS = ("bccd", "chula")
#: Sets of fields that take the place of slides: a field shows one leukocyte or two.
SETS = 12
CLASSES = ("neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil")


def labels_of(domain: str) -> pd.DataFrame:
    """Give the fields of a laboratory, and the published label of each leukocyte that has one, by field."""
    fields = pd.read_csv(IMAGES / "fields.csv", keep_default_na=False)
    fields = fields[fields["domain"] == domain]
    boxes = pd.read_csv(IMAGES / "boxes.csv", keep_default_na=False)
    boxes = boxes[(boxes["kind"] == "wbc") & (boxes["label"] != "")]
    by_box = boxes.groupby("path")["label"].agg(list).to_dict()
    cells = pd.read_csv(IMAGES / "cells.csv", keep_default_na=False)
    by_field = cells[cells["domain"] == domain].groupby("group")["label"].agg(list).to_dict()
    # Where boxes carry no class, the labels of the cells that were cut from a field are known by its name.
    named = [by_box.get(f.path) or by_field.get(f.group, []) for f in fields.itertuples()]
    return pd.DataFrame(
        {"path": fields["path"], "um_per_px": fields["um_per_px"].astype(float), "labels": named}
    )


def count_fields(domain: str, model: Model, file: Path) -> pd.DataFrame:
    """Count every field; what is needed of the cells is kept in ``file`` for the next time."""
    if not file.is_file():
        tables = []
        for field in labels_of(domain).itertuples():
            cells = wbc.count(IMAGES / field.path, model, um_per_px=field.um_per_px, device="cpu").cells
            kept = ["label", "model_label", "status", "flags", *(f"p_{c}" for c in model.classes)]
            tables.append(cells[kept].assign(path=field.path))
        file.parent.mkdir(parents=True, exist_ok=True)
        pd.concat(tables, ignore_index=True).to_csv(file, index=False)
    return pd.read_csv(file, keep_default_na=False)


def confusion_without(domain: str, shipped: Model) -> Confusion | None:
    """Give the confusion of the shipped model but for what was measured on a laboratory."""
    whole = Confusion.of(shipped.info)
    if whole is None:
        return None
    return Confusion(
        whole.said,
        {lab: rows for lab, rows in whole.unseen.items() if lab != domain},
        {lab: rows for lab, rows in whole.held_out.items() if lab != domain},
    )


def real_fields(shipped: Model, folds: Path, work: Path) -> Iterator[dict[str, Any]]:
    """Count the fields of each laboratory with the shipped model and with the one that never saw it."""
    for domain in DOMAINS:
        fields = labels_of(domain)
        for title, model in (
            ("never saw it", wbc.load_model(folds / f"without-{domain}")),
            ("shipped", shipped),
        ):
            cells = count_fields(domain, model, work / f"fields-{domain}-{model.name}.csv")
            confusion = confusion_without(domain, shipped)
            of_set = np.random.default_rng(0).permutation(len(fields)) % SETS
            yield {
                "domain": domain,
                "model": title,
                "model_sha256": model.sha256,
                "fields": len(fields),
                "all": _compared(fields, cells, confusion),
                "sets": [_compared(fields[of_set == k], cells, confusion) for k in range(SETS)],
            }


def _compared(fields: pd.DataFrame, cells: pd.DataFrame, confusion: Confusion | None) -> dict[str, Any]:
    truth = pd.Series([label for labels in fields["labels"] for label in labels]).value_counts()
    counted = differential(cells[cells["path"].isin(fields["path"])], confusion=confusion)
    return {"labels": {str(k): int(v) for k, v in truth.items()}, **stated(counted)}


def stated(counted: Differential) -> dict[str, Any]:
    """Give what a differential states, in few words."""
    inside = counted.table[counted.table["in_denominator"] == 1]
    rows: Mapping[str, Any] = {
        str(r["class"]): [r["count"], r["percent"], r["ci_low"], r["ci_high"]]
        for r in inside.to_dict("records")
    }
    return {
        "leukocytes": counted.denominator,
        "unidentified": counted.unidentified,
        "rows": dict(rows),
        "propagated": {k: list(v) for k, v in counted.propagated.intervals.items()},
        "alarm": bool(counted.alarms),
    }
