"""Two counts of the same slides: models, readers or analysers against each other."""

from napari_wbc.comparison.compare import Comparison, compare
from napari_wbc.comparison.inputs import read_side
from napari_wbc.comparison.sides import Side, SlideCount

__all__ = ["Comparison", "Side", "SlideCount", "compare", "read_side"]
