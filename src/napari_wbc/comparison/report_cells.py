"""The cell-by-cell part of a report: the table of counts, and the cells that are called differently."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_wbc.comparison.pictures import PER_PAIR, changed_groups
from napari_wbc.comparison.plain_text import between, number
from napari_wbc.comparison.same_cells import NOT_FOUND, SameCells
from napari_wbc.differential.pages import Picture, jpeg
from napari_wbc.differential.wording import cells_text
from napari_wbc.leukocytes import UNIDENTIFIED, class_of

if TYPE_CHECKING:
    from napari_wbc.comparison.compare import Comparison
    from napari_wbc.comparison.kappa import Kappa
    from napari_wbc.comparison.positives import Proportion


def percent_of(share: Proportion) -> str:
    """Write a share in percent."""
    return "–" if math.isnan(share.value) else f"{100 * share.value:.1f} %"


def share_row(share: Proportion) -> tuple[str, str]:
    """Write a share in percent, and behind it the numbers that it comes from with its interval."""
    if math.isnan(share.value):
        return "–", ""
    return percent_of(share), f"{share.count} of {share.n}; {100 * share.low:.0f} to {100 * share.high:.0f}"


def confusion_rows(cells: SameCells) -> dict[str, Any]:
    """Give the table of counts, shaded by the share of the row."""
    every = (*cells.names, UNIDENTIFIED, NOT_FOUND)
    across = [j for j in range(len(every)) if cells.counts[:, j].sum()]
    rows = []
    for i in (i for i in range(len(every)) if cells.counts[i].sum()):
        total = int(cells.counts[i].sum())
        entries = [
            {
                "count": int(cells.counts[i, j]),
                "shade": round(0.55 * float(cells.counts[i, j]) / total, 3) if total else 0.0,
                "equal": i == j and every[i] in cells.names,
            }
            for j in across
        ]
        name = every[i]
        shares = cells.by_class.get(name)
        rows.append(
            {
                "title": _name(name),
                "colour": class_of(name).colour if name else "",
                "entries": entries,
                "total": total,
                "of_a": None if shares is None else share_row(shares[0]),
                "of_b": None if shares is None else share_row(shares[1]),
            }
        )
    heads = [class_of(every[j]).abbreviation if every[j] else "not found" for j in across]
    return {
        "heads": heads,
        "rows": rows,
        "totals": [int(cells.counts[:, j].sum()) for j in across],
        "alike": share_row(cells.agreement),
        "alike_all": share_row(cells.agreement_all),
        "kappa": _kappa(cells.kappa),
        "weighted": _kappa(cells.weighted_kappa),
        "is_weighted": not math.isclose(cells.kappa.value, cells.weighted_kappa.value),
    }


def _kappa(kappa: Kappa) -> tuple[str, str]:
    return number(kappa.value), "" if math.isnan(kappa.low) else between(kappa.low, kappa.high)


def _name(name: str) -> str:
    return class_of(name).title if name else "Not found by the first"


def changed_rows(comparison: Comparison, pictures: Mapping[int, Picture]) -> list[dict[str, Any]]:
    """Give the confusions, the most frequent first, with the pictures of their cells."""
    groups = []
    for group in changed_groups(comparison):
        shown = group.cells[group.cells.index.isin(list(pictures))].head(PER_PAIR)
        entries = [
            {
                "picture": jpeg(pictures[row], quality=85),
                "slide": comparison.cell_slide_name(cell["slide"]),
                "id": cell["cell_id_b"],
                "confidence": number(cell["confidence_b"]),
            }
            for row, cell in zip(shown.index, shown.to_dict("records"), strict=True)
        ]
        groups.append(
            {
                "first": class_of(group.first).title,
                "second": class_of(group.second).title,
                "count": cells_text(len(group.cells)),
                "pictures": entries,
            }
        )
    return groups
