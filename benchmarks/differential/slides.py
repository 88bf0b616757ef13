"""Slides of known composition, drawn from labelled cells that the model was not trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.confusion import LEAST_CELLS, Confusion
from napari_wbc.differential.count import differential
from napari_wbc.leukocytes import coarse_class

from .compositions import COMPOSITIONS, five_classes, rows_of
from .sayings import DOMAINS, Sayings, confusion_of, kept

CELLS = 200
SLIDES = 100


def unseen_slides(work: Path) -> list[dict[str, Any]]:
    """Draw slides of each laboratory that a model was trained without; the confusion is that of the other ones."""
    said = {d: kept(work, f"unseen-{d}") for d in DOMAINS}
    known = kept(work, "held-out")
    found = []
    for domain, sayings in said.items():
        coarse = np.array([coarse_class(str(x)) for x in sayings.truth])
        scarce = tuple(c for c in set(coarse) if (coarse == c).sum() < LEAST_CELLS)
        confusion = confusion_of(
            [s for d, s in said.items() if d != domain], known.rows(known.domain != domain)
        )
        # The fine classes are those of pbc alone: without them, nothing is known of bands where pbc is the target.
        if domain == "pbc":
            confusion = confusion_of([s for d, s in said.items() if d != domain], known)
        for name, composition in COMPOSITIONS.items():
            shares = five_classes(composition, scarce)
            found += drawn_slides(sayings, coarse, shares, confusion, f"{domain}, never seen", name)
    return found


def known_slides(work: Path) -> list[dict[str, Any]]:
    """Draw slides from held-out cells of a laboratory that the shipped model knows, all classes; one half of them
    makes the slides, the other one the confusion of the fine classes."""
    known = kept(work, "held-out")
    known = known.rows(known.domain == "pbc")
    half = np.random.default_rng(0).random(len(known.truth)) < 0.5
    confusion = confusion_of([kept(work, f"unseen-{d}") for d in DOMAINS], known.rows(half))
    slides = known.rows(~half)
    return [
        slide
        for name, composition in COMPOSITIONS.items()
        for slide in drawn_slides(slides, slides.truth, composition, confusion, "pbc, known", name)
    ]


def drawn_slides(
    sayings: Sayings,
    truth: NDArray[np.str_],
    composition: Mapping[str, float],
    confusion: Confusion,
    laboratory: str,
    blood: str,
) -> list[dict[str, Any]]:
    """Draw slides of 200 leukocytes and count them."""
    random = np.random.default_rng(crc32(f"{laboratory} {blood}".encode()))
    names, shares = list(composition), np.array(list(composition.values()))
    pools = [np.flatnonzero(truth == name) for name in names]
    found = []
    for _ in range(SLIDES):
        numbers = random.multinomial(CELLS, shares / shares.sum())
        rows = np.concatenate([random.choice(p, n) for p, n in zip(pools, numbers, strict=True)]).astype(int)
        cells = pd.DataFrame(sayings.probabilities[rows], columns=[f"p_{c}" for c in sayings.classes])
        cells.insert(0, "label", sayings.said[rows])
        counted = differential(cells, confusion=confusion)
        found.append(
            {
                "laboratory": laboratory,
                "blood": blood,
                "true": {k: 100 * v / shares.sum() for k, v in rows_of(composition).items()},
                # What a perfect reader of the same cells would state.
                "drawn": {
                    k: 100 * v / CELLS
                    for k, v in rows_of(dict(zip(names, numbers.tolist(), strict=True))).items()
                },
                "rows": {
                    str(r["class"]): [r["percent"], r["ci_low"], r["ci_high"]]
                    for r in counted.table[counted.table["in_denominator"] == 1].to_dict("records")
                },
                "propagated": {k: list(v) for k, v in counted.propagated.intervals.items()},
                "by_probabilities": {k: list(v) for k, v in counted.propagated.by_probabilities.items()},
                "by_confusion": {k: list(v) for k, v in counted.propagated.by_confusion.items()},
                "unidentified": counted.unidentified,
            }
        )
    return found


KINDS = ("sampling", "by_probabilities", "by_confusion", "propagated")


def coverage(slides: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give the share of slides whose intervals hold the true share, and their mean width, by laboratory and blood."""
    table = []
    for (laboratory, blood), group in _groups(slides):
        for name in group[0]["true"]:
            row: dict[str, Any] = {"laboratory": laboratory, "blood": blood, "class": name}
            row["true"] = group[0]["true"][name]
            row["counted"] = float(np.mean([s["rows"].get(name, [0.0])[0] for s in group]))
            for kind in KINDS:
                limits = [_limits(s, kind, name) for s in group]
                row[kind] = float(np.mean([low <= row["true"] <= high for low, high in limits]))
                row[f"{kind}_width"] = float(np.mean([high - low for low, high in limits]))
            table.append(row)
    return table


def _limits(slide: Mapping[str, Any], kind: str, name: str) -> tuple[float, float]:
    if kind == "sampling":
        low, high = slide["rows"].get(name, [0.0, 0.0, 0.0])[1:]
    else:
        low, high = slide[kind].get(name, (0.0, 0.0))
    return low, high


def _groups(slides: Sequence[Mapping[str, Any]]) -> list[tuple[tuple[str, str], list[Mapping[str, Any]]]]:
    keys = dict.fromkeys((s["laboratory"], s["blood"]) for s in slides)
    return [(key, [s for s in slides if (s["laboratory"], s["blood"]) == key]) for key in keys]
