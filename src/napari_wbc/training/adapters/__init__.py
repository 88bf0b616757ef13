"""Adapters: from a downloaded data set to a manifest. One file per data set says what is known of it and from where."""

from napari_wbc.training.adapters import acevedo, class_folders, lisc, matek, mll23, raabin
from napari_wbc.training.adapters.published import FoundImage, PublishedImages

#: The data sets by the name that the command line takes.
DATASETS: dict[str, PublishedImages] = {
    module.DATASET.name: module.DATASET for module in (matek, mll23, acevedo, raabin, lisc, class_folders)
}

__all__ = ["DATASETS", "FoundImage", "PublishedImages"]
