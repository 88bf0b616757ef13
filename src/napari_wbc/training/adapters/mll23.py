"""MLL23: single leukocytes of the Munich Leukemia Laboratory in 18 classes, blasts among them.

Shetab Boushehri et al. 2025, Scientific Data 12, 1773, doi 10.1038/s41597-025-06223-x; Zenodo record
14277609. 41,621 cells, Pappenheim stain, Metafer scanner (MetaSystems).

Layout: a folder (on Zenodo an archive) per class, ``<class>/<name>.TIF``, 288 x 288 px, the cell at the
centre. The names do not say whose cells they are, so that near-duplicates are the only groups.

Scale: 288 px are 25 µm (the crop that the challenge "Help a hematologist out" takes of images of this
laboratory).
"""

from __future__ import annotations

from pathlib import Path

from napari_wbc.training.adapters.published import (
    FoundImage,
    PublishedImages,
    cells_in_class_folders,
)

LABELS = {
    "basophil": "basophil",
    "eosinophil": "eosinophil",
    "hairy_cell": "hairy_cell",
    "lymphocyte": "lymphocyte",
    "lymphocyte_large_granular": "lymphocyte_large_granular",
    "lymphocyte_neoplastic": "lymphocyte_neoplastic",
    "lymphocyte_reactive": "lymphocyte_reactive",
    "metamyelocyte": "metamyelocyte",
    "monocyte": "monocyte",
    "myeloblast": "myeloblast",
    "myelocyte": "myelocyte",
    "neutrophil_band": "neutrophil_band",
    "neutrophil_segmented": "neutrophil_segmented",
    "normoblast": "erythroblast",
    "plasma_cell": "plasma_cell",
    "promyelocyte": "promyelocyte",
    "promyelocyte_atypical": "promyelocyte_atypical",
    "smudge_cell": "smudge_cell",
}


def find(folder: Path) -> list[FoundImage]:
    """List the images of an unpacked copy."""
    return cells_in_class_folders(folder, LABELS, "MLL23")


DATASET = PublishedImages(
    name="mll23",
    title="MLL23, doi 10.1038/s41597-025-06223-x",
    um_per_px=25.0 / 288,
    license="CC BY 4.0",
    find=find,
)
