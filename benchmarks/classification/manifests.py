"""The manifests that models/robust is trained with, from the development images.

    python -m benchmarks.classification.manifests --out runs/robust

``cells.csv``: the single cells, with groups that join slides, near-duplicates and fields of the same images.

``field_crops.csv``: platelets, and what is no leukocyte (class ``artifact``): red cells that the publishers marked, and
the places of ``read_places.csv``, which nobody marked. ``propose.py`` proposed those, where an earlier model saw
leukocytes; then they were looked at one by one and are **read by the developers of this package, not by a
haematologist**. Places read as a leukocyte, as beside one, or as unsure stay in that table and are not trained on.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.segmentation import readings
from benchmarks.segmentation.fields import IMAGES
from PIL import Image
from tqdm import tqdm

from napari_wbc.classification.crops import centre_crop
from napari_wbc.slides.crops import CROP_PX, WINDOW_UM
from napari_wbc.training.field_crops import cut_places, marked_places
from napari_wbc.training.groups import near_duplicate_groups
from napari_wbc.training.manifests import load_crops, read_manifest, write_manifest

READ_PLACES = Path(__file__).with_name("read_places.csv")
#: Fields whose images are also in the single-cell data: they belong to that domain, group by group.
SAME_IMAGES = {"txl_pbc": "pbc", "txl_raabin": "raabin"}
#: Too few cells for a domain of its own; the images look like those of bccd.
DOMAIN_OF = {**SAME_IMAGES, "txl_bcd": "bccd"}
#: More of the marked ones would take room in the batches that the leukocytes need.
MARKED_RED_CELLS_PER_DOMAIN = 120
LICENSES = {
    "pbc": "CC BY 4.0",
    "raabin": "free access, cite the publication",
    "chula": "MIT",
    "bccd": "MIT",
}


def make_manifests(out: Path) -> None:
    """Write both manifests, and the crops of the second, into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    fields = pd.read_csv(IMAGES / "fields.csv", keep_default_na=False)
    cells, field_group = grouped_cells(fields, out)
    write_manifest(cells, out / "cells.csv")
    places = artifact_places(fields)
    places["group"] = places["path"].map(field_group)
    bar = tqdm(total=places["path"].nunique(), desc="fields")
    crops = cut_places(places, IMAGES, progress=lambda p: bar.update(p.done - bar.n))
    (out / "field_crops").mkdir(exist_ok=True)
    names = [out / "field_crops" / f"{i:05d}.png" for i in range(len(places))]
    for name, crop in zip(names, crops, strict=True):
        Image.fromarray(crop).save(name)
    rows = places.rename(columns={"path": "field"})
    rows["path"] = [str(n.resolve()) for n in names]
    rows["um_per_px"] = WINDOW_UM / CROP_PX
    rows["license"] = rows["domain"].map(LICENSES)
    write_manifest(rows, out / "field_crops.csv")
    print(rows.groupby(["domain", "label", "label_raw"]).size().to_string())


def grouped_cells(fields: pd.DataFrame, out: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """Give the single cells with their final groups, and the group of every field."""
    cells = read_manifest(IMAGES / "cells.csv")
    cells["license"] = cells["domain"].map(LICENSES)
    crops = load_crops(cells, out)
    field_group = dict(zip(fields["path"], fields["group"].astype(str), strict=True))
    for domain in cells["domain"].unique():
        inside = np.flatnonzero(cells["domain"] == domain)
        same = fields[fields["domain"].map(SAME_IMAGES) == domain]
        centres = [
            centre_crop(np.asarray(Image.open(IMAGES / f.path).convert("RGB")), f.um_per_px, CROP_PX)
            for f in same.itertuples()
        ]
        joined = np.concatenate([crops[inside], *([np.stack(centres)] if centres else [])])
        known = [*cells["group"].iloc[inside], *[""] * len(centres)]
        groups = near_duplicate_groups(joined, known)
        cells.loc[cells.index[inside], "group"] = groups[: len(inside)]
        field_group |= dict(zip(same["path"], groups[len(inside) :], strict=True))
        # A slide that near-duplicates tie to another one has that one's name, for cells and fields alike.
        named = {k: g for k, g in zip(known, groups, strict=True) if k}
        own = fields[fields["domain"] == domain]
        field_group |= {p: named.get(g, g) for p, g in zip(own["path"], own["group"], strict=True)}
        print(
            f"{domain}: {len(inside)} cells, {len(set(groups))} groups, {len(centres)} fields of their images"
        )
    return cells, field_group


def artifact_places(fields: pd.DataFrame) -> pd.DataFrame:
    """Give all places of the fields that are cut: marked red cells and platelets, and what was read."""
    boxes = pd.read_csv(IMAGES / "boxes.csv", keep_default_na=False)
    marked = marked_places(fields, boxes).assign(label_raw="marked")
    marked["domain"] = marked["domain"].replace(DOMAIN_OF)
    kept = marked[marked["label"] == "artifact"].groupby("domain")
    kept = kept.sample(MARKED_RED_CELLS_PER_DOMAIN, random_state=0).index
    marked = marked.loc[sorted([*kept, *marked.index[marked["label"] == "platelet"]])]
    read = pd.read_csv(READ_PLACES)
    read = read.loc[read["reading"] == "artifact", ["path", "y_px", "x_px"]]
    finds = pd.read_csv(readings.FILE)
    finds = finds.loc[
        (finds["kind"] == "find") & (finds["reading"] == "no leukocyte"), ["path", "y_px", "x_px"]
    ]
    # The second half of a leukocyte that was split is a false find, but no artifact.
    wbc = boxes[boxes["kind"] == "wbc"]
    finds = finds[[not _inside(find, wbc[wbc["path"] == find.path]) for find in finds.itertuples()]]
    read = pd.concat([read, finds]).merge(fields[["path", "domain", "um_per_px"]], on="path")
    read["domain"] = read["domain"].replace(DOMAIN_OF)
    return pd.concat([marked, read.assign(label="artifact", label_raw="read")], ignore_index=True)


def _inside(find: Any, boxes: pd.DataFrame) -> bool:
    across = boxes["x0"].le(find.x_px) & boxes["x1"].ge(find.x_px)
    return bool((across & boxes["y0"].le(find.y_px) & boxes["y1"].ge(find.y_px)).any())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    make_manifests(parser.parse_args().out)


if __name__ == "__main__":
    main()
