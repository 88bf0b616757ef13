"""How the counted percentages agree with the true ones, over slides: correlation and Bland-Altman."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from napari_wbc.comparison.correlation import lin, pearson
from napari_wbc.comparison.differences import bland_altman


def agreement(true: Sequence[float], counted: Sequence[float]) -> dict[str, Any]:
    """Compare percentages of one class over slides; differences are counted minus true."""
    r, concordance = pearson(true, counted), lin(true, counted)
    differences = bland_altman(true, counted)
    return {
        "slides": differences.n,
        "pearson": [r.value, r.low, r.high],
        "lin": [concordance.value, concordance.low, concordance.high],
        "bias": differences.bias,
        "lower": differences.lower,
        "upper": differences.upper,
    }


def agreement_of_slides(slides: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Compare what was counted with what was drawn, by laboratory and class, over slides of all compositions."""
    table = []
    for laboratory in dict.fromkeys(s["laboratory"] for s in slides):
        group = [s for s in slides if s["laboratory"] == laboratory]
        for name in dict.fromkeys(name for s in group for name in s["drawn"]):
            true = [s["drawn"].get(name, 0.0) for s in group]
            counted = [s["rows"].get(name, [0.0])[0] for s in group]
            table.append({"laboratory": laboratory, "class": name, **agreement(true, counted)})
    return table
