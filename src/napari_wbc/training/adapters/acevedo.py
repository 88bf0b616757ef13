"""Acevedo-20, also called PBC: normal peripheral blood of Hospital Clinic Barcelona, on a CellaVision DM96.

Acevedo et al. 2020, Data in Brief 30, 105474; doi 10.17632/snkd93bnjr.1. 17,092 cells, May Grünwald-Giemsa.

Layout: ``PBC_dataset_normal_DIB/<class>/<CODE>_<number>.jpg``, 360 x 363 px, the cell at the centre. The
folders are eight classes (``neutrophil``, ``ig``, ...); bands, promyelocytes and so on are told apart by the
code of the file name only (``BNE``, ``SNE``, ``PMY``, ``MY``, ``MMY``). Codes ``NEUTROPHIL`` and ``IG`` mean
that the cell was not told apart: partial labels. No slide or patient is named; the data set holds pairs of
the same cell.

Scale: 0.0952 µm per px, from red cells (7.5 µm); the development images were cut by it. The challenge "Help a
hematologist out" takes 250 px for 25 µm, 0.1: the two agree within 5 %.
"""

from __future__ import annotations

from pathlib import Path

from napari_wbc.training.adapters.published import (
    FoundImage,
    PublishedImages,
    class_folders_of,
    images_below,
    label_of,
)

_FOLDERS = (
    "basophil",
    "eosinophil",
    "erythroblast",
    "ig",
    "lymphocyte",
    "monocyte",
    "neutrophil",
    "platelet",
)
LABELS = {
    "BA": "basophil",
    "BNE": "neutrophil_band",
    "EO": "eosinophil",
    "ERB": "erythroblast",
    "IG": "immature_granulocyte",
    "LY": "lymphocyte",
    "MMY": "metamyelocyte",
    "MO": "monocyte",
    "MY": "myelocyte",
    "NEUTROPHIL": "neutrophil",
    "PLATELET": "platelet",
    "PMY": "promyelocyte",
    "SNE": "neutrophil_segmented",
}


def find(folder: Path) -> list[FoundImage]:
    """List the images of an unpacked copy."""
    found = []
    for place in class_folders_of(folder, _FOLDERS, "Acevedo-20 (PBC)"):
        for image in images_below(place):
            code = image.stem.split("_")[0].upper()
            found.append(
                FoundImage(image, label_of(code, LABELS, image, "Acevedo-20"), f"{place.name}/{code}")
            )
    return found


DATASET = PublishedImages(
    name="pbc",
    title="Acevedo-20 (PBC), doi 10.17632/snkd93bnjr.1",
    um_per_px=0.0952,
    license="CC BY 4.0",
    find=find,
)
