"""The table of several images says what the folders of results say."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_wbc.batch_table import (
    CountSummary,
    ImageCounts,
    counts_table,
    counts_text,
    read_summary,
    together,
    write_counts_csv,
)
from napari_wbc.differential.count import differential
from napari_wbc.differential.exports import write_differential_json
from napari_wbc.differential.profile import load_profile
from napari_wbc.errors import InputError

LABELS = {
    "field": ["neutrophil_segmented"] * 60 + ["lymphocyte"] * 30 + ["monocyte"] * 10 + ["erythroblast"] * 5,
    "odd": ["lymphocyte"] * 2 + ["unidentified"] * 3,
    "=empty": [],
}


@pytest.fixture
def rows(tmp_path: Path) -> list[ImageCounts]:
    found = []
    for name, labels in LABELS.items():
        folder = tmp_path / name
        folder.mkdir()
        cells = pd.DataFrame({"label": pd.Series(labels, dtype=object)})
        write_differential_json(differential(cells, load_profile(None)), folder / "differential.json")
        found.append(ImageCounts(f"{name}.png", name, read_summary(folder)))
    return [*found, ImageCounts("broken.png", "broken", problem="the file is truncated")]


def test_a_summary_is_what_the_differential_says(rows: list[ImageCounts]) -> None:
    summary = rows[0].summary
    assert summary is not None
    assert summary.leukocytes == 100
    assert [round(percent) for _, percent in summary.largest()] == [60, 30, 10]
    assert summary.per_100["erythroblast"] == 5.0
    assert summary.alarms == ()
    odd, empty = rows[1].summary, rows[2].summary
    assert odd is not None
    assert odd.unidentified == 3
    assert "not reliable" in odd.alarms[0]
    assert empty is not None
    assert empty.largest() == []
    assert all(math.isnan(percent) for percent in empty.percents.values())


def test_the_table_has_a_row_for_every_image(rows: list[ImageCounts], tmp_path: Path) -> None:
    path = write_counts_csv(rows, tmp_path / "counts.csv")
    table = pd.read_csv(path)
    assert list(table.columns) == list(counts_table(rows).columns)
    assert list(table["image"]) == ["field.png", "odd.png", "'=empty.png", "broken.png"]
    assert table["leukocytes"].tolist()[:3] == [100, 2, 0]
    assert table["percent_lymphocyte"].tolist()[:2] == [30.0, 100.0]
    percents = table.filter(regex="^percent_").sum(axis=1)
    assert percents[0] == pytest.approx(100)
    assert table.loc[3, ["leukocytes", "percent_lymphocyte", "unidentified"]].isna().all()
    assert table.loc[3, "problem"] == "the file is truncated"
    assert "not reliable" in table.loc[1, "alarms"]
    assert [item.name for item in tmp_path.iterdir() if item.is_file()] == ["counts.csv"]


def test_the_text_has_the_same_numbers(rows: list[ImageCounts]) -> None:
    lines = [line.split("\t") for line in counts_text(rows).splitlines()]
    assert lines[0][:2] == ["Image", "Leukocytes"]
    assert len(lines) == 6
    place = lines[0].index("Lymphocyte %")
    assert [line[place] for line in lines[1:4]] == ["30.0", "100.0", "–"]
    assert lines[4][-1] == "the file is truncated"
    assert lines[5][:2] == ["Together", "102"]
    assert lines[5][place] == "31.4"


def test_no_image_gives_an_empty_table(tmp_path: Path) -> None:
    assert len(counts_table([])) == 0
    assert counts_text([]) == "Image\tLeukocytes\tUnidentified\tNotes"


def test_a_folder_without_a_differential(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="count the image again"):
        read_summary(tmp_path)
    (tmp_path / "differential.json").write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match="count the image again"):
        read_summary(tmp_path)


def test_classes_of_equal_share_keep_their_order() -> None:
    counts = {"lymphocyte": 1, "monocyte": 1, "basophil": 0}
    summary = CountSummary(
        2, counts, {"lymphocyte": 50.0, "monocyte": 50.0, "basophil": 0.0}, {}, {}, 0, 0, ()
    )
    assert [name for name, _ in summary.largest()] == ["lymphocyte", "monocyte"]


def test_together_is_the_differential_of_all_cells(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    names = ["neutrophil_segmented", "neutrophil_band", "lymphocyte", "monocyte", "unidentified", "platelet"]
    fields = [pd.DataFrame({"label": rng.choice(names, n).astype(object)}) for n in (40, 7, 113)]
    profile, summaries = load_profile(None), []
    for cells in fields:
        write_differential_json(differential(cells, profile), tmp_path / "differential.json")
        summaries.append(read_summary(tmp_path))
    whole = differential(pd.concat(fields, ignore_index=True), profile)
    both = together(summaries)
    assert both.images == 3
    assert both.leukocytes == whole.denominator
    assert both.unidentified == whole.unidentified
    for row in whole.table[whole.table["in_denominator"] == 1].to_dict("records"):
        name = row["class"]
        assert both.counts[name] == row["count"]
        assert both.percents[name] == row["percent"]
        assert both.intervals[name] == (row["ci_low"], row["ci_high"])
    nothing = together([])
    assert (nothing.images, nothing.leukocytes, nothing.counts) == (0, 0, {})
