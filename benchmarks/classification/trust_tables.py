"""Tables of what ``python -m benchmarks.classification.trust measure`` found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_wbc.training.evaluation.tables import markdown_table


def trust_tables(folder: Path) -> dict[str, str]:
    """Give the tables ``novelty`` and ``abstention``; none where nothing was measured."""
    measured = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    if not measured:
        return {}
    return {"novelty": _novelty(measured), "abstention": _abstention(measured)}


def _novelty(measured: Mapping[str, Mapping[str, Any]]) -> str:
    lines: list[dict[str, Any]] = []
    for name, found in measured.items():
        scores, cells = found["novelty_auroc"], found["cells"]
        lines.append(
            {
                "model": name.replace("-", " "),
                "known cells": cells["known"],
                "class left out": _of(scores, cells, "class "),
                "domain left out": _of(scores, cells, "domain "),
                "artifacts and platelets": _of(scores, cells, "artifact or platelet"),
                "noise": f"{scores['noise']:.3f}",
                "photographs": f"{scores['photographs']:.3f}",
                "photographs called a cell": f"{found['called_a_cell']['photographs']:.3f}",
            }
        )
    return markdown_table(lines) + (
        "\n\nArea under the receiver operating characteristic of the novelty of a cell: novel ones against held-out "
        "cells of the laboratories and classes that the model knows; in brackets the number of cells. A further "
        "laboratory is not novel in itself: 0.5 would be a model that finds its cells as familiar as those of training."
        "\n\n`python -m benchmarks.classification.trust measure MODEL`, then `table`."
    )


def _abstention(measured: Mapping[str, Mapping[str, Any]]) -> str:
    lines: list[dict[str, Any]] = []
    for name, found in measured.items():
        for domain, says in found["domains"].items():
            alarm = found["alarm_rate"][domain]
            lines.append(
                {
                    "model": name.replace("-", " "),
                    "cells of": domain if domain in found["training_domains"] else f"{domain} (never seen)",
                    "cells": says["cells"],
                    "accuracy": f"{says['accuracy']:.3f}",
                    "at 80 % coverage": f"{says['accuracy_at_80_percent']:.3f}",
                    "unidentified": f"{says['unidentified']:.3f}",
                    "accuracy of the others": _maybe(says["accuracy_of_identified"]),
                    "right, and keep their label": _maybe(says["right_that_keep_their_label"]),
                    "wrong, and refused": _maybe(says["wrong_that_are_refused"]),
                    "wrongly called immature": f"{says['wrongly_called_immature_granulocyte']:.3f}",
                    "slides with an alarm": _maybe(alarm),
                }
            )
    return markdown_table(lines) + (
        "\n\nAll kinds of leukocyte and erythroblasts, every pair of laboratory and class with at most as many cells "
        "as `--most` says, so that rare classes weigh more than in blood. Slides are 100 cells drawn from the "
        "laboratory; of the laboratories that a model knows they are drawn from the held-out cells that the limit of "
        "the alarm was set on, so that no alarm there proves little."
    )


def _of(scores: Mapping[str, float], cells: Mapping[str, int], beginning: str) -> str:
    names: Sequence[str] = [n for n in scores if n.startswith(beginning)]
    return ", ".join(
        f"{n.removeprefix(beginning).lstrip(', ')} {scores[n]:.3f} ({cells[n]})".strip() for n in names
    )


def _maybe(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
