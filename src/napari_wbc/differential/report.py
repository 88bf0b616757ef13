"""The report of a slide: one HTML file that holds all it shows, and prints on A4."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from napari_wbc.cell_table import counted
from napari_wbc.differential import RESEARCH_USE
from napari_wbc.differential.advice import MOST_CELLS, CountMore, flagged_limits, is_settled, round_up
from napari_wbc.differential.charts import Segment, axis_ticks, interval_plot, stacked_bar
from napari_wbc.differential.exports import output_file
from napari_wbc.differential.intervals import METHOD_TITLES
from napari_wbc.differential.marks import contrasting, rgb
from napari_wbc.differential.overlay import UNCERTAIN_BELOW, draw_overlay, uncertain
from napari_wbc.differential.provenance_rows import provenance_rows
from napari_wbc.differential.wording import (
    cells_text,
    flag_text,
    interval_text,
    per_litre_text,
    percent_text,
    range_text,
    unit_tied,
    whole_text,
)
from napari_wbc.leukocytes import CLASSES, CONTAINS, UNIDENTIFIED, class_of

if TYPE_CHECKING:
    from napari_wbc.differential.count import Differential

Picture = NDArray[np.uint8]

#: At most this many cells of a class are shown, and at most so many in all: the file stays below about 5 MB.
GALLERY_PER_CLASS, GALLERY_IN_ALL = 24, 360
#: Longer side of the overview in the file, px.
OVERVIEW_PX = 1600
_ORDER = {c.name: i for i, c in enumerate(CLASSES)}


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
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["tied"] = unit_tied
    slide = str(
        run.get("image", {}).get("name") or (cells["slide"].iloc[0] if len(cells) else "") or "unnamed slide"
    )
    shown = counted(cells)
    details = {c.sentence for c in differential.count_more}
    return environment.get_template("report.html.j2").render(
        d=differential,
        slide=slide,
        research_use=RESEARCH_USE,
        finished=str(run.get("finished", "")),
        rows=_inside_rows(differential),
        outside=_outside_rows(differential),
        bar=_bar(differential),
        ticks=axis_ticks(),
        facts=_facts(differential),
        worst=_worst_case(differential),
        table_notes=_table_notes(differential),
        with_unidentified=differential.unidentified > 0,
        absolute=differential.wbc_per_l is not None,
        reviewed=bool(differential.quality["reviewed"] or differential.excluded),
        unidentified_percent=percent_text(differential.with_unidentified[UNIDENTIFIED]),
        overview=None if overview is None else _overview(overview, shown, overview_scale),
        legend=[_class_entry(name, count, shown["label"]) for name, count in _label_counts(shown)],
        n_uncertain=int(uncertain(shown).sum()),
        uncertain_below=UNCERTAIN_BELOW,
        gallery=_gallery(shown, crops),
        not_recognised=[
            differential.profile.class_named(name).title.lower() for name in differential.not_recognised
        ],
        method=_method(differential),
        smear_quality=differential.smear_quality,
        target_advice=[text for text in differential.advice if text not in details],
        settle=[
            _settle_row(c, differential) for c in differential.count_more if c.sentence in differential.advice
        ],
        provenance=provenance_rows(run, differential),
    )


def _inside_rows(differential: Differential) -> list[dict[str, Any]]:
    rows = []
    for row in differential.table[differential.table["in_denominator"] == 1].to_dict("records"):
        name, n = str(row["class"]), differential.denominator
        reference = (
            None if math.isnan(row["reference_low"]) else (row["reference_low"], row["reference_high"])
        )
        colour = class_of(name).colour
        flags = str(row["flag"])
        rows.append(
            {
                "title": differential.titles[name],
                "colour": colour,
                "count": whole_text(row["count"]),
                "percent": percent_text(row["percent"]),
                "interval": interval_text(row["ci_low"], row["ci_high"], row["count"], n),
                "plot": interval_plot(row["percent"], row["ci_low"], row["ci_high"], reference, colour),
                "with_unidentified": percent_text(differential.with_unidentified[name]),
                "absolute": per_litre_text(row["absolute_per_l"]),
                "reference": range_text(row["reference_low"], row["reference_high"]),
                "flag": flag_text(flags),
                "arrow": "" if not flags else "▼" if flags.startswith("low") else "▲",
                "settled": all(is_settled(row, limit) for limit in flagged_limits(row)),
                "before": whole_text(row["count_before_review"]),
                "parts": _parts_text(name, differential.parts.get(name, {})),
            }
        )
    return rows


def _parts_text(row: str, parts: Mapping[str, int]) -> str:
    """Say what a merged row is made of."""
    names = {part: "not split" if part == row else class_of(part).title.lower() for part in parts}
    return "of which " + ", ".join(f"{parts[part]} {names[part]}" for part in parts) if parts else ""


def _outside_rows(differential: Differential) -> list[dict[str, str]]:
    rows = []
    for row in differential.table[differential.table["in_denominator"] == 0].to_dict("records"):
        name = str(row["class"])
        low, high = differential.per_100_intervals.get(name, (math.nan, math.nan))
        rows.append(
            {
                "title": differential.titles[name],
                "colour": class_of(name).colour,
                "count": whole_text(row["count"]),
                "per_100": "" if math.isnan(row["per_100_wbc"]) else f"{row['per_100_wbc']:.1f}",
                # Not a share: as many as there are leukocytes is no bound.
                "interval": "" if math.isnan(low) else interval_text(low, high, row["count"], -1),
                "absolute": per_litre_text(row["absolute_per_l"]),
                "flag": flag_text(str(row["flag"])),
                "before": whole_text(row["count_before_review"]),
            }
        )
    return rows


def _bar(differential: Differential) -> Any:
    if differential.denominator == 0:
        return None
    segments = []
    for row in differential.table[differential.table["in_denominator"] == 1].to_dict("records"):
        shape = class_of(str(row["class"]))
        ink = "#{:02x}{:02x}{:02x}".format(*contrasting(rgb(shape.colour)))
        title = differential.titles[shape.name]
        segments.append(Segment(title, shape.abbreviation, shape.colour, ink, float(row["percent"])))
    return stacked_bar(segments)


def _facts(differential: Differential) -> list[tuple[str, str, str]]:
    """Give the figures at the top: what, value, remark."""
    quality, profile = differential.quality, differential.profile
    facts = [
        ("Leukocytes", whole_text(differential.denominator), f"counted; target {profile.target_count}"),
        (
            "Unidentified",
            f"{quality['unidentified_percent']:.1f} %",
            f"{cells_text(differential.unidentified)}, limit {profile.unidentified_percent:g} %",
        ),
        (
            "Unlike training cells",
            f"{quality['unlike_training_percent']:.1f} %",
            f"limit {profile.unlike_training_percent:g} %",
        ),
    ]
    shift = quality["domain_shift"]
    if shift is not None:
        facts.append(
            ("Unlike training slides", f"{shift['ratio']:.2f}", f"limit 1; nearest: {shift['nearest']}")
        )
    per_100 = differential.per_100.get("erythroblast", math.nan)
    if not math.isnan(per_100):
        facts.append(("Erythroblasts", f"{per_100:.1f}", "per 100 leukocytes"))
    facts.append(("Reviewed", whole_text(quality["reviewed"]), f"{differential.excluded} excluded"))
    return facts


def _settle_row(item: CountMore, differential: Differential) -> dict[str, str]:
    row = differential.table.set_index("class").loc[item.name]
    more = (
        f"> {whole_text(MOST_CELLS)}"
        if item.more_cells is None
        else f"≈ {whole_text(round_up(item.more_cells))}"
    )
    interval = f"{row['ci_low']:.1f}–{row['ci_high']:.1f}"
    return {"title": item.title, "limit": f"{item.limit:g}", "interval": interval, "more": more}


def _worst_case(differential: Differential) -> str:
    worst = differential.worst_case
    if worst is None or differential.unidentified == 0:
        return ""
    return (
        f"If every unidentified cell were a blast, blasts would be {worst.percent:.1f} % of {worst.n} cells "
        f"(95 % interval {interval_text(worst.ci_low, worst.ci_high, worst.count, worst.n)} %)."
    )


def _table_notes(differential: Differential) -> list[str]:
    notes = [
        "Dot and whisker: percentage and 95 % interval on a square-root axis; grey: reference interval of the profile."
    ]
    if differential.table["flag"].ne("").any():
        notes.append(
            "A flag in outline: the interval includes the limit, so that more cells could change it."
        )
    if differential.unidentified:
        notes.append("?: unidentified cells.")
    given, used = differential.wbc_per_l, differential.wbc_corrected_per_l
    if given is not None and used is not None:
        text = f"WBC count {per_litre_text(given)} × 10⁹/L as given"
        if used != given:
            text += (
                f"; absolute counts go by {per_litre_text(used)} × 10⁹/L, which is without the erythroblasts"
            )
        notes.append(text + ".")
    return notes


def _method(differential: Differential) -> list[str]:
    """Say in paragraphs how the numbers came about."""
    counting = (
        "The percentages are of the leukocytes counted. Erythroblasts, platelets, smudge cells, artifacts, "
        "unidentified and excluded cells stand outside. The percentages are rounded by the largest remainder, so that "
        "they sum to exactly 100."
    )
    for row, parts in differential.profile.merges.items():
        if row in differential.titles:
            names = " and ".join(class_of(part).title.lower() for part in parts)
            counting += f" {differential.titles[row]} is one row for {names}."
    if differential.quality["reviewed"] or differential.excluded:
        counting += " “Before review” counts the cells as the model had labelled them."
    sampling = (
        f"The 95 % intervals ({METHOD_TITLES[differential.interval_method]}) cover the chance of sampling "
        f"{cells_text(differential.denominator, 'leukocyte')} and nothing else: errors of the model come on top. "
        "A zero is stated as a bound. Erythroblasts per 100 leukocytes carry the interval of their odds."
    )
    return [counting, sampling]


def _label_counts(cells: pd.DataFrame) -> list[tuple[str, int]]:
    counts = {str(name): int(number) for name, number in cells["label"].value_counts().items()}
    return sorted(counts.items(), key=lambda item: (_ORDER.get(item[0], len(_ORDER)), item[0]))


def _class_entry(name: str, count: int, labels: pd.Series[str]) -> dict[str, str]:
    shape = class_of(name)
    not_split = labels.isin(CONTAINS.get(name, ())).any()
    names = {"title": shape.title + (", not split" if not_split else ""), "abbreviation": shape.abbreviation}
    return {**names, "colour": shape.colour, "count": whole_text(count)}


def _overview(overview: Picture, cells: pd.DataFrame, scale: float) -> str:
    factor = max(1, math.ceil(max(overview.shape[:2]) / OVERVIEW_PX))
    reduced = np.asarray(Image.fromarray(overview).reduce(factor))
    return _jpeg(draw_overlay(reduced, cells, scale=scale * factor, legend=False), quality=82)


def _gallery(cells: pd.DataFrame, crops: Mapping[int, Picture]) -> list[dict[str, Any]]:
    """Give the pictures of every class from the surest cell to the least sure one."""
    labels = _label_counts(cells)
    at_most = max(2, min(GALLERY_PER_CLASS, GALLERY_IN_ALL // max(1, len(labels))))
    doubtful = uncertain(cells)
    gallery = []
    for name, count in labels:
        ranked = cells[cells["label"] == name].sort_values(["confidence", "cell_id"], ascending=[False, True])
        ranked = ranked.assign(rank=range(len(ranked)), doubt=doubtful)
        shown = ranked[ranked["cell_id"].isin(list(crops))]
        if len(shown) > at_most:
            shown = pd.concat([shown.iloc[: at_most - at_most // 2], shown.iloc[len(shown) - at_most // 2 :]])
        if shown.empty:
            continue
        # Where ranks are left out, the report says how many.
        shown = shown.assign(left_out=(shown["rank"].diff().fillna(1) - 1).astype(int))
        pictures = [
            {
                "id": int(cell["cell_id"]),
                "confidence": "–" if math.isnan(cell["confidence"]) else f"{cell['confidence']:.2f}",
                "doubt": bool(cell["doubt"]),
                "reviewed": cell["status"] == "reviewed",
                "model_title": class_of(str(cell["model_label"])).title,
                "left_out": int(cell["left_out"]),
                "picture": _jpeg(crops[int(cell["cell_id"])], quality=85),
            }
            for cell in shown.to_dict("records")
        ]
        gallery.append(
            {**_class_entry(name, count, cells["label"]), "pictures": pictures, "all": len(pictures) == count}
        )
    return gallery


def _jpeg(picture: Picture, quality: int) -> str:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=quality, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
