"""What the form says, and why it cannot be run yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_wbc.slides.scale import MAX_UM_PER_PX, MIN_UM_PER_PX

if TYPE_CHECKING:
    from napari.layers import Image, Shapes

    from napari_wbc.slides import Scale


@dataclass(frozen=True)
class Choices:
    """One state of the form.

    Attributes
    ----------
    image : napari.layers.Image or None
        The smear.
    um_per_px : float or None
        Typed; None is automatic.
    model : str
        Name of a bundle; empty without any.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    profile : str
        Name or path; empty for the default one.
    regions : napari.layers.Shapes or None
        Restricts the count.
    wbc_per_l : float or None
        For absolute counts.
    """

    image: Image | None = None
    um_per_px: float | None = None
    model: str = ""
    device: str = "auto"
    profile: str = ""
    regions: Shapes | None = None
    wbc_per_l: float | None = None


@dataclass(frozen=True)
class ScaleNote:
    """What is known about the scale of the chosen image.

    Attributes
    ----------
    scale : Scale or None
        As the count would find it; None where it cannot be found or is not known yet.
    looking : bool
        Whether it is still being looked for.
    problem : str
        Why the image cannot be read, if so.
    """

    scale: Scale | None = None
    looking: bool = False
    problem: str = ""


def why_not(
    choices: Choices, note: ScaleNote, *, images_without_colour: list[str], region_shapes: int | None
) -> str:
    """Say why a count cannot start, in one plain line; empty when it can.

    Parameters
    ----------
    choices : Choices
        The form.
    note : ScaleNote
        About the scale of its image.
    images_without_colour : list of str
        Names of image layers that cannot be counted.
    region_shapes : int or None
        Shapes that lie on the image; None without a layer of regions.
    """
    if choices.image is None:
        if images_without_colour:
            return f"'{images_without_colour[0]}' is no RGB image: a stained smear in colour, 2D, is needed."
        return "Open an RGB image of a smear first (Open…, or drop a file onto the viewer)."
    wrong = what_is_wrong(choices)
    if wrong or note.problem:
        return wrong or note.problem
    if choices.um_per_px is None and note.scale is None and not note.looking:
        return "The scale is not known: neither the file nor its red cells tell it. Type the µm per px."
    if region_shapes == 0:
        name = choices.regions.name if choices.regions is not None else ""
        return f"The layer '{name}' has no rectangle on the image: draw one, or choose the whole image."
    return ""


def what_is_wrong(choices: Choices) -> str:
    """Say with what no image can be counted, in one plain line; empty when all is well.

    Examples
    --------
    >>> what_is_wrong(Choices(model="robust", um_per_px=7.0))
    '7 µm per px cannot be: type 0.02 to 2.'
    """
    if not choices.model:
        return "No model is installed: napari-wbc models list shows where models are looked for."
    if choices.um_per_px is not None and not MIN_UM_PER_PX <= choices.um_per_px <= MAX_UM_PER_PX:
        return f"{choices.um_per_px:g} µm per px cannot be: type {MIN_UM_PER_PX:g} to {MAX_UM_PER_PX:g}."
    return ""


def scale_text(choices: Choices, note: ScaleNote) -> tuple[str, bool]:
    """Give the line below the scale, and whether it is a warning.

    Parameters
    ----------
    choices : Choices
        The form.
    note : ScaleNote
        About the scale of its image.

    Examples
    --------
    >>> from napari_wbc.slides import Scale
    >>> scale_text(Choices(), ScaleNote(Scale(0.073, "red_cells", 0.86, 62)))
    ('0.073 µm per px, from 62 red cells (confidence 86 %)', False)
    """
    if choices.image is None and note.scale is None:
        return "", False
    scale = note.scale
    if note.looking:
        return "looking for the scale …", False
    if choices.um_per_px is not None:
        text = f"{choices.um_per_px:.4g} µm per px, typed"
        if (
            scale is not None
            and not 0.7 < choices.um_per_px / scale.um_per_px < 1.4
            and scale.confidence >= 0.5
        ):
            return f"{text}; but {_origin(scale)} it would be {scale.um_per_px:.3g}", True
        return text, False
    if scale is None:
        return "not known: type the µm per px", True
    text = f"{scale.um_per_px:.3g} µm per px, {_origin(scale)}"
    if scale.origin == "red_cells":
        return f"{text} (confidence {scale.confidence:.0%})".replace("%", " %"), scale.confidence < 0.5
    return text, False


def _origin(scale: Scale) -> str:
    if scale.origin == "red_cells":
        return f"from {scale.n_red_cells} red cells"
    if scale.origin == "slide_model":
        return "from another field of the slide"
    return "from the layer" if scale.origin == "given" else "from the file"
