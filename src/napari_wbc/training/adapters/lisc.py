"""LISC: leukocyte fields of healthy people, with masks drawn by experts.

Rezatofighi and Soltanian-Zadeh 2011, Computerized Medical Imaging and Graphics 35, 333. Smears of 8 people,
Gismo-Right stain, Axioskope 40 at 100-fold, Sony SSC-DC50AP camera.

Layout: ``LISC Database/Main Dataset/<class>/<number>.bmp``, fields of 720 x 576 px, and ``LISC
Database/Ground Truth Segmentation/<class>/areaforexpert1/<number>_expert.bmp``: 712 x 568 px, without the
outermost 4 px of the field; black background, brighter cytoplasm and nucleus. Classes ``Baso``, ``eosi``,
``lymp``, ``mono``, ``neut``; ``mixt`` shows several classes in one field and is left out, as is ``More
Dataset without Ground Truth``. A field may show several cells of its class: each part of the mask is one. No
person is named: the field is the group.

Scale: not published. Measure the red cells (7.5 µm) and give it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage

from napari_wbc.errors import InputError
from napari_wbc.slides.broken import DECODING_ERRORS, reason
from napari_wbc.slides.raster import open_raster
from napari_wbc.training.adapters.published import FoundImage, PublishedImages, class_folders_of, images_below

LABELS = {
    "baso": "basophil",
    "eosi": "eosinophil",
    "lymp": "lymphocyte",
    "mono": "monocyte",
    "neut": "neutrophil",
}
_MASKS, _EXPERT = "Ground Truth Segmentation", "areaforexpert1"
#: Smaller parts of a mask are slips of the pen: cells of these fields have several thousand px.
_LEAST_PX = 500


def find(folder: Path) -> list[FoundImage]:
    """List the cells of an unpacked copy."""
    found = []
    for place in class_folders_of(folder, LABELS, "LISC", left_out=("mixt",)):
        if _MASKS in place.parts:
            continue
        masks = place.parent.parent / _MASKS / place.name / _EXPERT
        for image in images_below(place):
            mask = masks / f"{image.stem}_expert{image.suffix}"
            if not mask.is_file():
                raise InputError(
                    f"{mask} is missing; unpack the ground truth of LISC beside its main data set"
                )
            label = LABELS[place.name.lower()]
            group = f"{place.name}/{image.stem}"
            found += [
                FoundImage(image, label, place.name, group=group, centre=centre)
                for centre in _centres(image, mask)
            ]
    return found


def _centres(image: Path, mask: Path) -> list[tuple[float, float]]:
    """Give the middles of the boxes of the cells, in px of the field."""
    with open_raster(image) as field, open_raster(mask) as drawn:
        width, height = field.size
        try:
            cells = np.asarray(drawn.convert("L")) > 0
        except DECODING_ERRORS as error:
            raise InputError(f"{mask} cannot be read as an image: {reason(error)}") from None
    # The masks lack the same strip on each side.
    top, left = (height - cells.shape[0]) / 2, (width - cells.shape[1]) / 2
    labels, _ = ndimage.label(cells, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel())
    return [
        (top + (rows.start + rows.stop - 1) / 2, left + (columns.start + columns.stop - 1) / 2)
        for k, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1)
        if sizes[k] >= _LEAST_PX
    ]


DATASET = PublishedImages(
    name="lisc",
    title="LISC, doi 10.1016/j.compmedimag.2011.01.003",
    um_per_px=None,
    license="free for research, cite the publication",
    find=find,
)
