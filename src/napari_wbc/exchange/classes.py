"""The numbers of the classes in training data: the same for every slide that one model has counted."""

from __future__ import annotations

import pandas as pd

from napari_wbc.cell_table import probability_columns
from napari_wbc.leukocytes import CLASSES, in_order


def numbered_classes(cells: pd.DataFrame) -> dict[str, int]:
    """Give every class a number, from 0.

    Parameters
    ----------
    cells : pandas.DataFrame
        The cell table.

    Returns
    -------
    dict of str to int
        First all classes that napari-wbc knows, in its order, so that files of different slides fit together; then
        those of the user's own, of the model and of the table.

    Examples
    --------
    >>> import pandas as pd
    >>> numbers = numbered_classes(pd.DataFrame({"label": ["sezary_cell"]}))
    >>> numbers["lymphocyte"], numbers["sezary_cell"]
    (3, 27)
    """
    known = [c.name for c in CLASSES]
    own = {*cells["label"], *(name[2:] for name in probability_columns(cells))}.difference(known)
    return {name: number for number, name in enumerate([*known, *in_order(own)])}
