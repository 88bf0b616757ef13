"""What the verdict makes of bad labels and of images that are no cells: refused, warned of, never silently worse."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from napari_wbc.adaptation.adapt import adapt
from napari_wbc.adaptation.cells import LabelledCells, joined
from napari_wbc.adaptation.recipe import Recipe
from napari_wbc.errors import InputError
from napari_wbc.slides.crops import CROP_PX
from napari_wbc.training.evaluation.metrics import FIVE_CLASSES
from napari_wbc.training.evaluation.tables import markdown_table

from .adapted import measured, some_of
from .cells import Target, draw, halves, targets
from .instant import Figures, head_of, write
from .tables import written

TARGET, LABELS, DRAWS = "raabin", 100, 1
HEAD, WHOLE = "head", "default recipe"
#: Photographs that come with scikit-image, one for each class.
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "hubble_deep_field")
_ABOUT = (
    "100 labelled cells of raabin as they come, for a model trained without raabin; the last layer fitted (*head*), or "
    "the default recipe. Before and after: accuracy and balanced accuracy on up to 600 cells of slides that were not "
    "labelled, *after* also where the model was refused and cannot be used; *guard*: points of accuracy lost on cells "
    "of the training laboratories."
)
#: Takes cells right as they are, and gives what a user might hand in.
Spoil = Callable[[LabelledCells, np.random.Generator], LabelledCells]


def right(cells: LabelledCells, _: np.random.Generator) -> LabelledCells:
    """Leave them alone."""
    return cells


def some_wrong(share: float) -> Spoil:
    """Give a share of the cells another label, drawn from the others."""

    def spoil(cells: LabelledCells, random: np.random.Generator) -> LabelledCells:
        labels = cells.labels.copy()
        for i in random.permutation(len(cells))[: round(share * len(cells))]:
            labels[i] = random.choice(cells.labels[cells.labels != cells.labels[i]])
        return relabelled(cells, labels)

    return spoil


def shuffled(cells: LabelledCells, random: np.random.Generator) -> LabelledCells:
    """Deal all labels out anew."""
    return relabelled(cells, random.permutation(cells.labels))


def one_class(beside: int) -> Spoil:
    """Keep the most frequent class, and so many cells of the next one."""

    def spoil(cells: LabelledCells, _: np.random.Generator) -> LabelledCells:
        first, second = list(cells.counts())[:2]
        return cells.rows(
            np.concatenate(
                [np.flatnonzero(cells.labels == first), np.flatnonzero(cells.labels == second)[:beside]]
            )
        )

    return spoil


def two_labels(cells: LabelledCells, _: np.random.Generator) -> LabelledCells:
    """Keep two cells of two classes."""
    return cells.rows(
        np.array([0, np.flatnonzero(cells.labels != cells.labels[0])[0]], np.intp),
    )


def twice(share: float) -> Spoil:
    """Take every cell twice, the copy saved anew as JPEG; a share of the copies bears another label."""

    def spoil(cells: LabelledCells, random: np.random.Generator) -> LabelledCells:
        copies = some_wrong(share)(cells, random)
        crops = np.stack([_saved_again(crop) for crop in cells.crops])
        names = np.char.add(cells.names, " copy")
        return joined([cells, LabelledCells(crops, copies.labels, cells.slides, names)])

    return spoil


def photographs(by_image: bool) -> Spoil:
    """Cut windows out of photographs: a class for each photograph, or labels by chance."""

    def spoil(cells: LabelledCells, random: np.random.Generator) -> LabelledCells:
        from skimage import data

        images = [getattr(data, name)() for name in PHOTOGRAPHS]
        number = np.arange(len(cells)) % len(images)
        crops = []
        for image in (images[i] for i in number):
            y, x = (int(random.integers(side - CROP_PX + 1)) for side in image.shape[:2])
            crops.append(image[y : y + CROP_PX, x : x + CROP_PX])
        labels = np.array(FIVE_CLASSES)[number]
        return _foreign(np.stack(crops), labels if by_image else random.permutation(labels))

    return spoil


def noise(cells: LabelledCells, random: np.random.Generator) -> LabelledCells:
    """Draw every pixel, and the labels, by chance."""
    crops = random.integers(0, 256, (len(cells), CROP_PX, CROP_PX, 3), dtype=np.uint8)
    return _foreign(crops, random.permutation(np.array(FIVE_CLASSES)[np.arange(len(cells)) % 5]))


CASES: dict[str, Spoil] = {
    "right labels": right,
    "20 % wrong": some_wrong(0.2),
    "all shuffled": shuffled,
    "one class only": one_class(0),
    "one class and four of another": one_class(4),
    "two labels in all": two_labels,
    "every cell twice": twice(0.0),
    "every cell twice, a fifth with another label": twice(0.2),
    "photographs, a class for each": photographs(by_image=True),
    "photographs, labels by chance": photographs(by_image=False),
    "noise, labels by chance": noise,
}
#: What is done with which recipe.
RUNS = [(case, HEAD) for case in CASES] + [("20 % wrong", WHOLE)]


def relabelled(cells: LabelledCells, labels: NDArray[np.str_]) -> LabelledCells:
    """Give the cells other labels."""
    return LabelledCells(cells.crops, labels, cells.slides, cells.names, cells.sources)


def judged_row(target: Target, case: str, recipe: str, seed: int) -> dict[str, Any]:
    """Hand in the cells of a case and keep what is said of them."""
    pool, test = halves(target, seed)
    rows = draw(target, pool, f"{LABELS} in all", seed)
    cells = LabelledCells(
        np.asarray(target.crops[rows]), target.labels[rows], target.groups[rows], np.array([str(i) for i in rows])
    )  # fmt: skip
    truth = dict(zip(cells.names, cells.labels, strict=True))
    cells = CASES[case](cells, np.random.default_rng([seed, 17]))
    wrong = {
        str(n) for n, label in zip(cells.names, cells.labels, strict=True) if truth.get(n, label) != label
    }
    row: dict[str, Any] = {"case": case, "recipe": recipe, "draw": seed, "cells": len(cells)}
    test = some_of(test, seed)
    before = Figures(target)(target.model, head_of(target.model), test)
    row |= {"accuracy_before": before["accuracy"], "balanced_before": before["balanced_accuracy"]}
    try:
        adapted = adapt(target.model, cells, recipe=Recipe(steps=0) if recipe == HEAD else None, device="cpu")
    except InputError as error:
        return row | {"verdict": "refused", "reasons": [str(error)], "warnings": [], "suspects": 0}
    verdict, after = adapted.verdict, measured(adapted, target, test)
    assert verdict.guard is not None
    return row | {
        "verdict": said(verdict.accepted, verdict.warnings),
        "accuracy_after": after.accuracy,
        "balanced_after": after.balanced_accuracy,
        "guard_lost": verdict.guard.lost,
        "point": adapted.stated["adaptation"]["point"],
        "reasons": list(verdict.reasons),
        "warnings": list(verdict.warnings),
        "advice": list(verdict.advice),
        "suspects": len(verdict.suspects),
        "wrong": len(wrong),
        "wrong_named": len(wrong & set(verdict.suspects)),
    }


def said(accepted: bool, warnings: object) -> str:
    """Put the verdict in a word or two.

    Examples
    --------
    >>> said(True, ["look again"]), said(True, []), said(False, [])
    ('accepted, warned', 'accepted', 'refused')
    """
    return ("accepted, warned" if warnings else "accepted") if accepted else "refused"


def main(work: Path, results: Path) -> None:
    """Go through all cases, draw by draw; what is there already is not done again."""
    file = results / "guard.json"
    rows: list[dict[str, Any]] = json.loads(file.read_text()) if file.is_file() else []
    target = next(t for t in targets(work) if t.name == TARGET)
    for seed in range(DRAWS):
        for case, recipe in RUNS:
            if (recipe == WHOLE and seed) or any(
                (row["case"], row["recipe"], row["draw"]) == (case, recipe, seed) for row in rows
            ):
                continue
            rows.append(judged_row(target, case, recipe, seed))
            print({k: v for k, v in rows[-1].items() if k != "advice"}, flush=True)
            write(rows, file)
    (results / "guard.md").write_text(report(written(file)))


def report(rows: pd.DataFrame) -> str:
    """Give the table, and the words of the first draw, as Markdown."""
    lines, words = [], []
    for (case, recipe), part in rows.groupby(["case", "recipe"], sort=False):
        name = str(case) if recipe == HEAD else f"{case}, {recipe}"
        verdicts = {str(v): int((part["verdict"] == v).sum()) for v in part["verdict"].unique()}
        line: dict[str, object] = {
            "what was handed in": name,
            "verdict": "; ".join(v if n == len(part) else f"{v} ({n} of {len(part)})" for v, n in verdicts.items()),
        }  # fmt: skip
        for title, column in (("accuracy, %", "accuracy"), ("balanced accuracy, %", "balanced")):
            line[f"{title}: before"] = _mean(part[f"{column}_before"])
            line[f"{title}: after"] = _mean(part[f"{column}_after"])
        line["guard, points lost"] = _mean(part["guard_lost"])
        wrong, named, all_named = (int(part[c].fillna(0).sum()) for c in ("wrong", "wrong_named", "suspects"))
        line["wrong labels named"] = f"{named} of {wrong}, among {all_named}" if wrong else ""
        lines.append(line)
        words += [f"**{name}**", ""]
        first = part.iloc[0]
        words += [f"- refused: {text}" for text in first["reasons"]]
        words += [f"- warned: {text}" for text in first["warnings"]] + [""]
    return "\n".join(
        [
            "# Bad labels and foreign images", "", _ABOUT, "",
            markdown_table(lines), "", "## What is said", "", *words,
        ]
    )  # fmt: skip


def _mean(values: pd.Series) -> str:
    return "" if values.isna().all() else f"{100 * values.mean():.1f}"


def _foreign(crops: NDArray[np.uint8], labels: NDArray[np.str_]) -> LabelledCells:
    names = np.array([f"image {i}" for i in range(len(labels))])
    return LabelledCells(crops, labels, names, names)


def _saved_again(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    kept = io.BytesIO()
    Image.fromarray(crop).save(kept, "JPEG", quality=90)
    return np.asarray(Image.open(kept))
