"""cells.parquet: the table to the last digit, as Arrow reads it."""

from __future__ import annotations

import json

import pandas as pd
import pyarrow.parquet as pq
import pytest

from napari_wbc.exchange.parquet import write_parquet


@pytest.mark.parametrize("composition", [{"lymphocyte": 3, "sezary_cell": 1}, {}])
def test_arrow_reads_the_same_table(make_contents, tmp_path, composition):
    contents = make_contents(composition)
    contents.cells.loc[contents.cells.index[:1], ["flags", "status", "label"]] = [
        "drawn",
        "excluded",
        "=1+1",
    ]
    write_parquet(tmp_path / "cells.parquet", contents)
    table = pq.read_table(tmp_path / "cells.parquet")
    pd.testing.assert_frame_equal(table.to_pandas(), contents.cells, check_dtype=False)
    types = {field.name: str(field.type) for field in table.schema}
    assert types["cell_id"] == types["bbox_x1"] == "int64"
    assert types["label"] in ("string", "large_string")
    assert types["touches_border"] == "bool"
    note = json.loads(table.schema.metadata[b"napari_wbc"])
    assert note["research_use"].startswith("For research use only")
    assert (note["um_per_px"], note["height_px"]) == (0.1, contents.slide.shape[0])
    assert note["model_sha256"] == "ab" * 32
