"""Raabin-WBC: the cropped, double-labelled cells of Iranian laboratories, taken with phones through microscopes.

Kouzehkanan et al. 2022, Scientific Reports 12, 1123, doi 10.1038/s41598-021-04426-x; raabindata.com. Giemsa.

Layout: ``Train/<Class>/<name>.jpg`` (10,175 cells, Samsung Galaxy S5, Olympus CX18), ``TestA/<Class>/...``
(4,339 cells of the same instruments) and ``TestB/<Class>/...`` (2,119 neutrophils and lymphocytes, LG G3,
Zeiss); 575 x 575 px, the cell at the centre. A name is ``<slide>_<field>_<cell>``: ``95-7-24-2_265_1``,
``20190526_162951_0``; all before the first ``_`` is the smear, or, for basophils, the day. ``Neutrophil``
means band or segmented.

TestB is another phone and another microscope, a domain of its own: it is left out where it lies beside the
others, and read when it is given alone (with ``--domain raabin_testb``, say).

Scale: 0.0547 µm per px, from red cells (7.5 µm); good to about 10 %.
"""

from __future__ import annotations

from pathlib import Path

from napari_wbc.errors import InputError
from napari_wbc.training.adapters.published import (
    FoundImage,
    PublishedImages,
    class_folders_of,
    images_below,
)

LABELS = {
    "Basophil": "basophil",
    "Eosinophil": "eosinophil",
    "Lymphocyte": "lymphocyte",
    "Monocyte": "monocyte",
    "Neutrophil": "neutrophil",
}
_SPLITS = {"train": "train", "testa": "test"}


def find(folder: Path) -> list[FoundImage]:
    """List the images of an unpacked copy; where Train or TestA lies beside TestB, TestB is left out."""
    found = []
    names = {name.lower(): name for name in LABELS}
    places = class_folders_of(folder, LABELS, "Raabin-WBC")
    known = [p for p in places if p.parent.name.lower() in _SPLITS]
    for place in known or places:
        raw = names[place.name.lower()]
        for image in images_below(place):
            slide, _, rest = image.stem.partition("_")
            if not rest:
                raise InputError(
                    f"{image}: the name of a Raabin-WBC image is <slide>_<field>_<cell>; this one is not"
                )
            split = _SPLITS.get(place.parent.name.lower(), "")
            found.append(FoundImage(image, LABELS[raw], raw, group=slide, split=split))
    return found


DATASET = PublishedImages(
    name="raabin",
    title="Raabin-WBC, doi 10.1038/s41598-021-04426-x",
    um_per_px=0.0547,
    license="free access, cite the publication",
    find=find,
)
