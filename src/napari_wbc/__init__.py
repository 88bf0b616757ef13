"""Find, classify and count the leukocytes of a blood smear.

The public names load on first use, so that ``import napari_wbc`` stays quick: torch, napari and Qt are imported
only by what needs them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_wbc.adaptation.fine_tune import fine_tune
    from napari_wbc.classification.bundle import Model, load_model
    from napari_wbc.classification.predict import classify
    from napari_wbc.count_result import CountResult
    from napari_wbc.differential.count import Differential
    from napari_wbc.errors import WbcError
    from napari_wbc.pipeline import count
    from napari_wbc.segmentation.model_file import load_slide_model
    from napari_wbc.segmentation.reuse import pool_slide_model
    from napari_wbc.segmentation.segment import Segmentation, segment
    from napari_wbc.slides import Slide, open_slide
    from napari_wbc.version import __version__

_HOME = {
    "__version__": "version",
    "CountResult": "count_result",
    "Differential": "differential.count",
    "Model": "classification.bundle",
    "Segmentation": "segmentation.segment",
    "Slide": "slides",
    "WbcError": "errors",
    "classify": "classification.predict",
    "count": "pipeline",
    "fine_tune": "adaptation.fine_tune",
    "load_model": "classification.bundle",
    "load_slide_model": "segmentation.model_file",
    "open_slide": "slides",
    "pool_slide_model": "segmentation.reuse",
    "segment": "segmentation.segment",
}

__all__ = [
    "CountResult",
    "Differential",
    "Model",
    "Segmentation",
    "Slide",
    "WbcError",
    "__version__",
    "classify",
    "count",
    "fine_tune",
    "load_model",
    "load_slide_model",
    "open_slide",
    "pool_slide_model",
    "segment",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'napari_wbc' has no attribute {name!r}")
    value = getattr(import_module(f"napari_wbc.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
