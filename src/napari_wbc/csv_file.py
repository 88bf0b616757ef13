"""CSV files of other hands: read so that no field can slip into another column."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from napari_wbc.errors import InputError, first_line, system_reason

# A cell table of a million cells has 400 MB.
_LARGEST = 1 << 30


def read_csv(path: str | Path, what: str, **options: Any) -> pd.DataFrame:
    """Read a CSV file with a heading.

    Parameters
    ----------
    path : str or Path
        In UTF-8.
    what : str
        What it ought to be, for the message: "a cell table".
    **options
        Of :func:`pandas.read_csv`.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    InputError
        It cannot be read; two columns have the same name; or a row has more fields than the heading, which pandas would
        take for an index and so move every number by a column.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{path} is larger than 1 GB, so it is not {what}")
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            heading = pd.read_csv(
                path, **{**options, "header": None, "nrows": 1, "dtype": str, "na_values": None}
            )
            table: pd.DataFrame = pd.read_csv(path, index_col=False, **options)
    except (pd.errors.ParserWarning, pd.errors.ParserError) as error:
        shifted = isinstance(error, pd.errors.ParserWarning)
        reason = "a row has more fields than the heading; put texts with a comma in quotes"
        first = reason if shifted else first_line(error)
        raise InputError(f"{path} cannot be read as {what}: {first}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} cannot be read as {what}: no text in UTF-8; save it as CSV UTF-8") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read as {what}: {system_reason(error)}") from None
    except (ValueError, OverflowError) as error:
        # An empty file, and a field that its column cannot hold.
        first = "no table" if "No columns" in str(error) else first_line(error)
        raise InputError(f"{path} cannot be read as {what}: {first}") from None
    names = [str(name).strip() for name in heading.iloc[0] if name == name]
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path} has the column {twice!r} twice; leave one out")
    return table
