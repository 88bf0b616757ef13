"""``cells.parquet``: the cell table in columns, for notebooks and data bases."""

from __future__ import annotations

import json
from pathlib import Path

from napari_wbc.cell_table import conform
from napari_wbc.differential import RESEARCH_USE
from napari_wbc.differential.exports import output_file
from napari_wbc.exchange.formats import Contents

#: Key of the file's own note among the metadata of the schema.
METADATA_KEY = "napari_wbc"


def write_parquet(path: Path, contents: Contents) -> None:
    """Write the cell table, all rows and columns, to the last digit.

    The metadata of the schema hold, under ``napari_wbc``, the research-use line, the size of the slide, its scale and
    the checksums of image and model, as JSON.

    Raises
    ------
    OutputError
        The place cannot be written to.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    run = contents.run
    note = {
        "research_use": RESEARCH_USE,
        "program": run["program"],
        "version": run["version"],
        "image_sha256": run["image"]["sha256"],
        "height_px": run["image"]["height_px"],
        "width_px": run["image"]["width_px"],
        "um_per_px": contents.um_per_px,
        "model_sha256": run["model"]["sha256"],
    }
    cells = conform(contents.cells)
    # Texts stay texts where a column holds none, as in a table without a row.
    texts = dict.fromkeys(cells.select_dtypes("object").columns, "string")
    table = pa.Table.from_pandas(cells.astype(texts), preserve_index=False)
    table = table.replace_schema_metadata(
        {**(table.schema.metadata or {}), METADATA_KEY.encode(): json.dumps(note).encode()}
    )
    with output_file(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
