"""A drawn blood smear with its truth: for the demo, for tests and for benchmarks of scale.

It is not evidence of accuracy. Drawn cells follow the textbook; real ones do not.
"""

from napari_wbc.slides.synthetic.files import truth_path, write_sample
from napari_wbc.slides.synthetic.parameters import EVERY_CLASS, NORMAL_ADULT, STAINS, SmearParameters
from napari_wbc.slides.synthetic.smear import SyntheticCell, SyntheticSmear, default_sample

__all__ = [
    "EVERY_CLASS",
    "NORMAL_ADULT",
    "STAINS",
    "SmearParameters",
    "SyntheticCell",
    "SyntheticSmear",
    "default_sample",
    "truth_path",
    "write_sample",
]
