"""Slides: any smear image behind one small protocol, and its scale."""

from napari_wbc.slides.fingerprint import image_sha256
from napari_wbc.slides.open import open_slide
from napari_wbc.slides.scale import estimate_scale, resolve_scale
from napari_wbc.slides.slide import Level, Scale, Slide, read_padded

__all__ = [
    "Level",
    "Scale",
    "Slide",
    "estimate_scale",
    "image_sha256",
    "open_slide",
    "read_padded",
    "resolve_scale",
]
