"""What training minimises: classification losses, alignments of the domains, and their weighted sum.

Every loss is a small module of its own with its formula and source. All of them take partial labels: a label is the
set of classes that it allows (``members``), and a loss needs no more than that set.
"""

from napari_wbc.training.losses.batch import Batch, TrainingRows
from napari_wbc.training.losses.config import LossConfig
from napari_wbc.training.losses.objective import Objective, build_objective

__all__ = ["Batch", "LossConfig", "Objective", "TrainingRows", "build_objective"]
