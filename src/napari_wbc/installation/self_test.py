"""A smear with a known answer: it is drawn, counted and compared with what was drawn.

That the program works as it should on this machine; it says nothing about accuracy on real smears.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from napari_wbc.installation.check import Check

if TYPE_CHECKING:
    from napari_wbc.differential.count import Differential

#: A smear whose answer is clear: 49 leukocytes, none of them cut by the border in a way that hides it.
SEED = 1
_NEAR_UM = 3.0
#: What a machine may differ by: the last digits of sums, never one cell in twenty.
LEAST_FOUND = 0.95
MOST_UNDRAWN = 0.05
LEAST_RIGHT = 0.9
MOST_UNIDENTIFIED = 0.25
REPORT = "this installation does not count as it should: please report it, with the file of --json"


def run_self_test(device: str = "cpu") -> tuple[Check, Check]:
    """Draw a smear, count it, and compare the cells and the differential with what was drawn.

    Parameters
    ----------
    device : {"cpu", "cuda"}
        Where the classifier runs.

    Returns
    -------
    cells, differential : Check
        See :func:`check_cells` and :func:`check_differential`.
    """
    from napari_wbc.pipeline import count
    from napari_wbc.slides import open_slide
    from napari_wbc.slides.synthetic import SyntheticSmear, default_sample

    image, parameters = default_sample(SEED)
    truth = SyntheticSmear(parameters).truth()
    result = count(
        open_slide(image, name="self-test"), um_per_px=parameters.um_per_px, model="robust", device=device
    )
    cells = result.cells
    return (
        check_cells(truth, cells, parameters.um_per_px, device),
        check_differential(truth, cells, result.differential, parameters.um_per_px, device),
    )


def check_cells(truth: pd.DataFrame, cells: pd.DataFrame, um_per_px: float, device: str = "cpu") -> Check:
    """Compare where cells were found with where they were drawn.

    Parameters
    ----------
    truth, cells : pandas.DataFrame
        With ``y_px`` and ``x_px``, the centres of the nuclei, px.
    um_per_px : float
        Scale; a cell is found where a centre lies within 3 µm of the drawn one.
    device : str
        For the name of the check.

    Returns
    -------
    Check
        Failed where less than 95 % were found, or more than 5 % of those found were not drawn.
    """
    found = len(_pairs(truth, cells, um_per_px))
    undrawn = len(cells) - found
    details = {"drawn": len(truth), "found": found, "not_drawn": undrawn}
    text = f"{found} of {len(truth)} drawn leukocytes found, {undrawn} found that were not drawn"
    if found < LEAST_FOUND * len(truth) or undrawn > MOST_UNDRAWN * len(truth):
        return Check(_name("cells", device), "failed", f"{text}; {REPORT}", details)
    return Check(_name("cells", device), "ok", text, details)


def check_differential(
    truth: pd.DataFrame,
    cells: pd.DataFrame,
    differential: Differential,
    um_per_px: float,
    device: str = "cpu",
) -> Check:
    """Compare the differential with that of the drawn cells.

    Parameters
    ----------
    truth, cells : pandas.DataFrame
        With ``y_px``, ``x_px`` and ``label``.
    differential : Differential
        Of the cells that were found.
    um_per_px : float
        Scale.
    device : str
        For the name of the check.

    Returns
    -------
    Check
        Failed where of the identified cells less than 90 % are in the right row, where more than a quarter is
        unidentified, or where the drawn share of a row lies outside of its 95 % interval.
    """
    from napari_wbc.leukocytes import UNIDENTIFIED

    row_of = differential.profile.row_of
    pairs = _pairs(truth, cells, um_per_px)
    drawn = truth["label"].map(row_of)
    labels = cells["label"].map(row_of)
    said = [(drawn.iloc[i], labels.iloc[j]) for i, j in pairs if labels.iloc[j] != UNIDENTIFIED]
    right = sum(a == b for a, b in said)
    unidentified = int((labels == UNIDENTIFIED).sum())
    shares = 100 * drawn.value_counts(normalize=True)
    inside = differential.table[differential.table["in_denominator"] == 1]
    rows = {
        str(name): [float(value) for value in values]
        for name, *values in inside[["class", "percent", "ci_low", "ci_high"]].itertuples(index=False)
    }
    drawn_of = {name: float(shares.get(name, 0.0)) for name in (*rows, *set(shares.index).difference(rows))}
    outside = [n for n, share in drawn_of.items() if n not in rows or not rows[n][1] <= share <= rows[n][2]]
    percents = {n: {"drawn": round(drawn_of[n], 1), "found": percent} for n, (percent, _, _) in rows.items()}
    details = {"identified": len(said), "right": right, "unidentified": unidentified, "percent": percents}
    text = (
        f"{right} of {len(said)} identified cells in the right row, {unidentified} unidentified; "
        + ", ".join(
            f"{n} {p['found']:g} % (drawn {p['drawn']:g})" for n, p in percents.items() if any(p.values())
        )
    )
    name = _name("differential", device)
    if right < LEAST_RIGHT * max(len(said), 1) or unidentified > MOST_UNIDENTIFIED * len(cells) or outside:
        return Check(name, "failed", f"{text}; {REPORT}", details)
    return Check(name, "ok", text, details)


def _name(what: str, device: str) -> str:
    return f"{what} ({device})"


def _pairs(truth: pd.DataFrame, cells: pd.DataFrame, um_per_px: float) -> list[list[int]]:
    from napari_wbc.comparison.matching import match_cells

    centres = ["y_px", "x_px"]
    pairs: list[list[int]] = match_cells(truth[centres], cells[centres], _NEAR_UM / um_per_px).tolist()
    return pairs
