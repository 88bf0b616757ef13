"""The report of a slide: one HTML file that holds all it shows, and prints on A4 and Letter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from napari_wbc.cell_table import counted
from napari_wbc.differential.charts import axis_ticks
from napari_wbc.differential.exports import output_file
from napari_wbc.differential.overlay import UNCERTAIN_BELOW, uncertain
from napari_wbc.differential.pages import Picture, page
from napari_wbc.differential.plain_text import in_sentence
from napari_wbc.differential.provenance_rows import provenance_rows
from napari_wbc.differential.report_pictures import gallery, legend_entries, overview_address
from napari_wbc.differential.report_review import review_line, review_rows, review_state, signature_of
from napari_wbc.differential.report_rows import (
    class_bar,
    errors_of,
    inside_rows,
    outside_rows,
    ratio_rows,
    settle_rows,
)
from napari_wbc.differential.report_text import facts, method_text, quality_lines, table_notes, worst_case
from napari_wbc.differential.wording import percent_text
from napari_wbc.leukocytes import UNIDENTIFIED

if TYPE_CHECKING:
    from napari_wbc.differential.count import Differential


def write_report(
    path: str | Path,
    *,
    cells: pd.DataFrame,
    differential: Differential,
    run: Mapping[str, Any],
    overview: Picture | None,
    overview_scale: float = 1.0,
    crops: Mapping[int, Picture] | None = None,
) -> Path:
    """Write ``report.html``: everything is inside the file, nothing is loaded from elsewhere.

    Parameters
    ----------
    path : str or Path
        Where to.
    cells : pandas.DataFrame
        The cell table.
    differential : Differential
        Of that table.
    run : mapping
        What ``run.json`` holds.
    overview : numpy.ndarray of uint8, shape (height, width, 3), or None
        The slide, small enough to be looked at as a whole.
    overview_scale : float, optional
        Level-0 px per px of the overview.
    crops : mapping of int to numpy.ndarray of uint8, optional
        Pictures for the gallery by ``cell_id``; cells without one are not shown in it.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    OutputError
        The place cannot be written to.
    """
    html = render_report(
        cells=cells,
        differential=differential,
        run=run,
        overview=overview,
        overview_scale=overview_scale,
        crops=crops or {},
    )
    with output_file(path) as temporary:
        temporary.write_text(html, encoding="utf-8")
    return Path(path)


def render_report(
    *,
    cells: pd.DataFrame,
    differential: Differential,
    run: Mapping[str, Any],
    overview: Picture | None,
    overview_scale: float,
    crops: Mapping[int, Picture],
) -> str:
    """Give the text of the report; parameters are those of :func:`write_report`."""
    slide = str(
        run.get("image", {}).get("name") or (cells["slide"].iloc[0] if len(cells) else "") or "unnamed slide"
    )
    shown = counted(cells)
    details = {c.sentence for c in differential.count_more}
    outside = outside_rows(differential)
    return page(
        "report.html.j2",
        package="napari_wbc.differential",
        heading=slide,
        d=differential,
        slide=slide,
        finished=str(run.get("finished", "")),
        state=review_state(run, cells),
        rows=inside_rows(differential),
        errors=bool(errors_of(differential)),
        ratios=ratio_rows(differential),
        nouns=f"{differential.profile.noun}s",
        outside=outside,
        outside_flags=any(row["flag"] for row in outside),
        bar=class_bar(differential),
        ticks=axis_ticks(),
        facts=facts(differential),
        quality=quality_lines(differential),
        worst=worst_case(differential),
        table_notes=table_notes(differential),
        with_unidentified=differential.unidentified > 0,
        absolute=differential.wbc_per_l is not None,
        reviewed=bool(differential.quality["reviewed"] or differential.excluded),
        review_line=review_line(cells),
        review=review_rows(cells, differential.profile),
        signature=signature_of(run),
        unidentified_percent=percent_text(differential.with_unidentified[UNIDENTIFIED]),
        overview=None if overview is None else overview_address(overview, shown, overview_scale),
        legend=legend_entries(shown, differential.profile),
        n_uncertain=int(uncertain(shown).sum()),
        uncertain_below=UNCERTAIN_BELOW,
        gallery=gallery(shown, crops, differential.profile),
        not_recognised=[
            in_sentence(differential.profile.title_of(name), differential)
            for name in differential.not_recognised
        ],
        method=method_text(differential),
        target_advice=[text for text in differential.advice if text not in details],
        settle=settle_rows(differential),
        provenance=provenance_rows(run, differential),
    )
