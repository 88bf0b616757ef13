"""Augmentation of whole batches of tensors, on a CPU or a GPU: geometry, stain, light, optics, JPEG, cut-out.

Each kind is a file: functions with explicit strengths do the work, and one function draws the strengths. Randomness
comes from one generator alone, so a run can be repeated. ``napari-wbc contact-sheet`` shows what a network sees.
"""

from napari_wbc.training.augmentation.recipe import Augmentation

__all__ = ["Augmentation"]
