"""Matek-19: leukocytes of patients with acute myeloid leukaemia and of others (AML-Cytomorphology_LMU).

Matek, Schwarz, Marr, Spiekermann (2019), The Cancer Imaging Archive, doi 10.7937/tcia.2019.36f5o9ld;
described in Matek et al. 2019, Nature Machine Intelligence 1, 538. 18,365 cells of 200 people, Munich
University Hospital, 2014-2017; M8 digital microscope (Precipoint), 100-fold, oil.

Layout: ``AML-Cytomorphology_LMU/<CODE>/<CODE>_<number>.tiff``, 400 x 400 px, RGBA, the cell at the centre;
beside it ``annotations.dat`` (a line per image: file, label, labels of the second and third look) and
``abbreviations.txt``. No file says which cells are of one person, so that near-duplicates are the only
groups.

Scale: 400 px are 29 µm. (The challenge "Help a hematologist out" of the same institute crops 345 of the 400
px as 25 µm, which is the same.)
"""

from __future__ import annotations

from pathlib import Path

from napari_wbc.training.adapters.published import (
    FoundImage,
    PublishedImages,
    cells_in_class_folders,
)

#: The publisher's codes; "MYO" is a myeloblast and "MYB" a myelocyte, not the other way round.
LABELS = {
    "BAS": "basophil",
    "EBO": "erythroblast",
    "EOS": "eosinophil",
    "KSC": "smudge_cell",
    "LYA": "lymphocyte_atypical",
    "LYT": "lymphocyte",
    "MMZ": "metamyelocyte",
    "MOB": "monoblast",
    "MON": "monocyte",
    "MYB": "myelocyte",
    "MYO": "myeloblast",
    "NGB": "neutrophil_band",
    "NGS": "neutrophil_segmented",
    "PMB": "promyelocyte_atypical",
    "PMO": "promyelocyte",
}


def find(folder: Path) -> list[FoundImage]:
    """List the images of an unpacked copy."""
    return cells_in_class_folders(folder, LABELS, "Matek-19")


DATASET = PublishedImages(
    name="matek",
    title="Matek-19 (AML-Cytomorphology_LMU), doi 10.7937/tcia.2019.36f5o9ld",
    um_per_px=29.0 / 400,
    license="CC BY 3.0",
    find=find,
)
