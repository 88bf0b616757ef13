"""Any folder that holds one folder of single-cell images per class, as most collections do.

Layout: ``<class>/<image>``, also below ``train``, ``val`` (or ``validation``) and ``test``; the folder's name
is the class, in our words or a synonym (:func:`napari_wbc.leukocytes.class_named`). A further folder between
class and image is taken as the slide or patient: ``<class>/<slide>/<image>``.

Scale: only the user knows it.
"""

from __future__ import annotations

from pathlib import Path

from napari_wbc.errors import InputError
from napari_wbc.leukocytes import class_named
from napari_wbc.training.adapters.published import FoundImage, PublishedImages, images_below

_SPLITS = {"train": "train", "training": "train", "val": "val", "validation": "val", "test": "test"}


def find(folder: Path) -> list[FoundImage]:
    """List the images below the folders that are named after classes."""
    found = []
    for image in images_below(folder):
        parts = image.relative_to(folder).parts[:-1]
        named = [k for k, part in enumerate(parts) if class_named(part) is not None]
        if not named:
            where = image.parent if parts else image
            raise InputError(
                f"{where}: no folder above the image is named after a class (lymphocyte, neutrophil_segmented, ...); "
                "rename it, or move it out of the folder"
            )
        k = named[0]
        label = class_named(parts[k])
        assert label is not None
        split = next((_SPLITS[p.lower()] for p in parts[:k] if p.lower() in _SPLITS), "")
        found.append(FoundImage(image, label, parts[k], group="/".join(parts[k + 1 :]), split=split))
    return found


DATASET = PublishedImages(
    name="folders",
    title="a folder per class",
    um_per_px=None,
    license="",
    find=find,
)
