"""What the widget says about the stain that a count goes by."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_wbc.segmentation.slide_model import SlideModel

#: Below this, the stain is more typical values than those of the slide.
_UNSURE_STAIN = 0.5


def stain_text(model: SlideModel | None) -> tuple[str, bool]:
    """Give the line about the stain that a count goes by, and whether it is a warning.

    Parameters
    ----------
    model : SlideModel or None
        Of the slide; None before it is known.
    """
    if model is None:
        return "", False
    if model.confidence == 0:
        return "Stain: typical values, for there are too few red cells to learn it from", True
    sure = f"confidence {model.confidence:.0%}".replace("%", " %")
    cover = f"red cells cover {model.red_cell_fraction:.0%} of what was sampled".replace("%", " %")
    return f"Stain: {sure}; {cover}", model.confidence < _UNSURE_STAIN


def stain_details(model: SlideModel) -> str:
    """Give the numbers of a stain, line by line, for the tooltip of its line.

    Parameters
    ----------
    model : SlideModel
        Of the slide.
    """
    light = ", ".join(f"{value:.0f}" for value in model.background.rgb)
    return "\n".join(
        [
            "Optical density in red, green and blue:",
            f"red cells {_axis(model.red_cell_axis)}",
            f"nuclei against them {_axis(model.nuclear_axis)}",
            f"nuclei from {model.threshold_nucleus:.3f}, cytoplasm from {model.threshold_cytoplasm:.3f}",
            f"empty slide: RGB {light}",
            f"scale: {model.um_per_px:.4g} µm per px (confidence {model.scale_confidence:.2f})",
            "All of it is in run.json, which another field of this slide can be counted with.",
        ]
    )


def _axis(axis: tuple[float, float, float]) -> str:
    return "(" + ", ".join(f"{value:.2f}" for value in axis) + ")"
