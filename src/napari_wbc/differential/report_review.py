"""What a report says of a review: whose labels these are, what changed, and who signed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from napari_wbc.differential.profile import Profile
from napari_wbc.differential.wording import cells_text, whole_text

#: At most this many kinds of change have a row.
_KINDS = 12


def review_state(run: Mapping[str, Any], cells: pd.DataFrame) -> str:
    """Say in a few words whose labels the table holds.

    Examples
    --------
    >>> import pandas as pd
    >>> review_state({}, pd.DataFrame({"status": ["model"]}))
    'labels of the model, not reviewed'
    """
    signature = signature_of(run)
    if signature is not None:
        return f"reviewed and signed by {signature['by']}"
    return (
        "reviewed, not signed" if cells["status"].ne("model").any() else "labels of the model, not reviewed"
    )


def signature_of(run: Mapping[str, Any]) -> dict[str, str] | None:
    """Give ``by``, ``on`` (the day), ``note`` and ``cells_sha256`` of a signed review; None of any other count."""
    review = run.get("review")
    signed = review.get("signed") if isinstance(review, Mapping) else None
    if not signed:
        return None
    given = {key: str(signed.get(key, "")) for key in ("by", "at", "note", "cells_sha256")}
    return {**given, "on": given["at"][:10]}


def review_rows(cells: pd.DataFrame, profile: Profile) -> list[dict[str, str]]:
    """Count the cells that a person gave another label or took out, by what the model had said.

    Parameters
    ----------
    cells : pandas.DataFrame
        The whole cell table.
    profile : Profile
        Tells what the classes are called.

    Returns
    -------
    list of dict
        ``model``, ``person`` and ``count``, the commonest change first; the last row may sum up the rare ones.
    """
    changed = cells[
        (cells["status"] == "excluded")
        | ((cells["status"] == "reviewed") & (cells["label"] != cells["model_label"]))
    ]
    if changed.empty:
        return []
    to = changed["label"].map(lambda name: profile.title_of(str(name)))
    to = to.where(changed["status"] != "excluded", "excluded")
    said = changed["model_label"].map(lambda name: profile.title_of(str(name)))
    counts = Counter(zip(said, to, strict=True)).most_common()
    rows = [
        {"model": model, "person": person, "count": whole_text(number)} for (model, person), number in counts
    ]
    if len(rows) <= _KINDS:
        return rows
    rest = sum(number for _, number in counts[_KINDS - 1 :])
    return [*rows[: _KINDS - 1], {"model": "other changes", "person": "", "count": whole_text(rest)}]


def review_line(cells: pd.DataFrame) -> str:
    """Say how many cells a person looked at, and how many of their labels stayed.

    Examples
    --------
    >>> import pandas as pd
    >>> looked_at = {"status": ["reviewed"] * 3 + ["excluded"], "label": list("aabb"), "model_label": list("aaab")}
    >>> review_line(pd.DataFrame(looked_at))
    'A person looked at 4 of 4 cells: 2 kept the label of the model, 1 got another one, 1 was excluded.'
    """
    reviewed, excluded = cells["status"] == "reviewed", int((cells["status"] == "excluded").sum())
    kept = int((reviewed & (cells["label"] == cells["model_label"])).sum())
    looked_at, other = int(reviewed.sum()) + excluded, int(reviewed.sum()) - kept
    if looked_at == 0:
        return ""
    return (
        f"A person looked at {whole_text(looked_at)} of {cells_text(len(cells))}: {whole_text(kept)} kept the label "
        f"of the model, {whole_text(other)} got another one, "
        f"{whole_text(excluded)} {'was' if excluded == 1 else 'were'} excluded."
    )
