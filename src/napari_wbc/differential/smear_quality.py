"""On what kind of smear the leukocytes lie: thick, thin, out of focus. It is said; nothing is left out for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from napari_wbc.cell_table import REGION
from napari_wbc.differential.wording import cells_text, whole_text

#: A good region: cells cover 25 to 60 % of it, and what hangs together has the median area of three red cells at most.
THIN_BELOW, THICK_ABOVE = 0.25, 0.60
CROWDED_ABOVE = 3.0
#: Edges of red cells that rise by less of their contrast per µm are out of focus: a blur of 0.5 µm (sigma) or more.
BLURRED_BELOW = 0.70

#: What can be wrong with a region, and how a sentence says so.
FAULTS: Mapping[str, str] = {
    "thick": "where it is thick or crowded",
    "thin": "where it is thin",
    "out_of_focus": "out of focus",
}


def region_faults(cells: pd.DataFrame) -> pd.DataFrame:
    """Tell what is wrong with regions.

    Parameters
    ----------
    cells : pandas.DataFrame
        With the columns ``region_foreground_fraction``, ``region_crowding`` and ``region_sharpness``; NaN where they
        are not known.

    Returns
    -------
    pandas.DataFrame of bool
        Columns ``thick``, ``thin``, ``out_of_focus``, with the index of ``cells``. A region may be two of them.

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"region_foreground_fraction": [0.7], "region_crowding": [9.0], "region_sharpness": [1.1]}
    >>> region_faults(pd.DataFrame(row)).iloc[0].tolist()
    [True, False, False]
    """
    covered = cells["region_foreground_fraction"]
    return pd.DataFrame(
        {
            "thick": (covered > THICK_ABOVE) | (cells["region_crowding"] > CROWDED_ABOVE),
            "thin": covered < THIN_BELOW,
            "out_of_focus": cells["region_sharpness"] < BLURRED_BELOW,
        }
    )


def count_by_region(cells: pd.DataFrame) -> dict[str, Any] | None:
    """Count cells by the quality of their regions.

    Parameters
    ----------
    cells : pandas.DataFrame
        The leukocytes that are counted.

    Returns
    -------
    dict or None
        ``cells`` whose region was measured, of them ``good`` and each of ``FAULTS``, and the limits; None where the
        table tells nothing about regions.
    """
    if not set(REGION).issubset(cells.columns):
        return None
    measured = cells[cells["region_foreground_fraction"].notna()]
    if measured.empty:
        return None
    faults = region_faults(measured)
    return {
        "cells": len(measured),
        "good": int((~faults.any(axis=1)).sum()),
        **{name: int(faults[name].sum()) for name in FAULTS},
        "limits": {
            "foreground_fraction": [THIN_BELOW, THICK_ABOVE],
            "crowding": CROWDED_ABOVE,
            "sharpness": BLURRED_BELOW,
        },
    }


def region_sentence(regions: Mapping[str, Any] | None) -> str:
    """Say where the leukocytes lie; nothing where it is not known.

    Examples
    --------
    >>> region_sentence({"cells": 120, "good": 110, "thick": 8, "thin": 0, "out_of_focus": 3})
    'Smear: 110 of 120 leukocytes in good regions; 8 where it is thick or crowded, 3 out of focus. All are counted.'
    """
    if regions is None:
        return ""
    text = (
        f"Smear: {whole_text(regions['good'])} of {cells_text(regions['cells'], 'leukocyte')} in good regions"
    )
    faults = [f"{whole_text(regions[name])} {where}" for name, where in FAULTS.items() if regions[name]]
    return f"{text}; {', '.join(faults)}. All are counted." if faults else f"{text}."
