"""All tables of docs/segmentation.md in one run: Markdown and JSON under results/, and the page filled in."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.pages import fill

from . import accuracy, crops, drawn, figures, goals, pair, peers, red_cells, robustness, speed
from .fields import DOMAINS, ROOT, Field, chosen_fields
from .tables import RESULTS, revision, write_json

PAGE = ROOT / "docs" / "segmentation.md"
#: Fields per source where every field is seen many times.
MANY_TIMES = 60
#: Bundles of ``python -m benchmarks.classification bundle --without``, by the source whose laboratory they never saw.
UNSEEN_MODELS = {
    "bccd": "without-bccd-0",
    "chula": "without-chula-0",
    "txl_pbc": "without-pbc-0",
    "txl_raabin": "without-raabin-0",
}


def run(half: str, only: list[str] | None, most: int | None = None) -> None:
    """Run the benchmarks one after the other, write each as soon as it is done, then fill the page.

    ``most`` fields per source make a rehearsal of it.
    """

    def fields(per_domain: int | None = most) -> Iterator[Field]:
        return chosen_fields(half, DOMAINS, min(per_domain or 10**6, most or 10**6))

    revision()  # before the results change the tree
    steps: dict[str, Callable[[], tuple[str, dict[str, Any]]]] = {
        "accuracy": lambda: _accuracy(half, most),
        "crops": lambda: _crops(half, min(60, most or 60)),
        "robustness": lambda: _robustness(fields(MANY_TIMES)),
        "red-cells": lambda: _red_cells(fields()),
        "pair": lambda: _pair(half, most, ROOT / "runs" / "robust"),
        "peers": lambda: _peers(fields(MANY_TIMES)),
        "drawn": _drawn,
        "speed": _speed,
    }
    for name, step in steps.items():
        if only and name not in only:
            continue
        start = time.process_time()
        text, content = step()
        seconds = time.process_time() - start
        about = {"speed": "Even groups of bccd", "drawn": "Drawn smears"}.get(name, f"{half.title()} groups")
        about += f", at most {most} fields per source (a rehearsal)" if most else ""
        about += f", revision {revision()}, {seconds / 60:.1f} min of CPU time."
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.md").write_text(f"{text}\n\n{about}\n")
        write_json(RESULTS / f"{name}.json", {"half": half, "cpu_seconds": seconds, **content})
        print(f"{name}: {seconds:.0f} s of CPU time", file=sys.stderr, flush=True)
    (RESULTS / "goals.md").write_text(f"{goals.table(RESULTS)}\n")
    fill(PAGE, RESULTS)
    figures.draw_all(RESULTS, ROOT / "docs" / "images")


def _accuracy(half: str, most: int | None) -> tuple[str, dict[str, Any]]:
    scores = accuracy.measure(chosen_fields(half, DOMAINS, most))
    result = accuracy.summary(scores)
    wrong = scores[(scores["marked"] != scores["by_iou"]) | (scores["found"] != scores["by_centre"])]
    columns = ["path", "missed_boxes", "loose_boxes", "unmarked_centres"]
    # chula is the only source that names its slides.
    shared = accuracy.summary(accuracy.measure(chosen_fields(half, ("chula",), most), same_slide=True))
    text = f"{accuracy.table(result)}\n\nchula with one slide model for all fields of a slide:\n\n"
    return text + accuracy.table(shared), {
        **result,
        "chula_one_model_per_slide": shared["domains"]["chula"],
        "disagreements": wrong[columns].to_dict("records"),
    }


def _crops(half: str, per_class: int) -> tuple[str, dict[str, Any]]:
    cells = crops.chosen_crops(half, per_class)
    own, pooled = crops.summary(crops.measure(cells)), crops.summary(crops.measure(cells, same_slide=True))
    text = f"Each window with a slide model of its own:\n\n{crops.table(own)}\n\n"
    text += f"One slide model for the windows of a group (of twelve or more):\n\n{crops.table(pooled)}"
    return text, {
        "per_class": per_class,
        "classes": own,
        "recall": crops.by_source(own),
        "classes_same_slide": pooled,
        "recall_same_slide": crops.by_source(pooled),
    }


def _robustness(fields: Iterator[Field]) -> tuple[str, dict[str, Any]]:
    losses = robustness.summary(robustness.measure(fields))
    return robustness.table(losses), {"fields_per_source": MANY_TIMES, "disturbances": losses}


def _red_cells(fields: Iterator[Field]) -> tuple[str, dict[str, Any]]:
    areas = red_cells.measure(fields)
    rates = red_cells.summary(areas)
    return red_cells.table(rates), {"areas": rates, "places": [p for ps in areas["places"] for p in ps]}


def _pair(half: str, most: int | None, bundles: Path) -> tuple[str, dict[str, Any]]:
    """The bundled model on all sources; models that never saw a laboratory on that one, where such were trained."""
    bundled = pair.summary(pair.measure(chosen_fields(half, DOMAINS, most), "robust"))
    text = "Bundled model, trained on these cells:\n\n" + pair.table(bundled)
    unseen = {}
    for domain, left_out in UNSEEN_MODELS.items():
        if (bundles / left_out).is_dir():
            here = chosen_fields(half, (domain,), most)
            unseen[domain] = pair.summary(pair.measure(here, str(bundles / left_out)))[domain]
    if unseen:
        text += "\n\nModels that never saw the laboratory:\n\n" + pair.table(unseen)
    return text, {"model": "robust", "sources": bundled, "unseen": unseen}


def _peers(fields: Iterator[Field]) -> tuple[str, dict[str, Any]]:
    methods = peers.summary(peers.measure(fields))
    return peers.table(methods), {"fields_per_source": MANY_TIMES, "methods": methods}


def _drawn() -> tuple[str, dict[str, Any]]:
    rows = drawn.measure()
    return drawn.table(rows), {"stains": rows}


def _speed() -> tuple[str, dict[str, Any]]:
    result = speed.measure()
    return speed.table(result), result
