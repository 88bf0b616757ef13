"""Which slide of one side is which of the other."""

from __future__ import annotations

from napari_wbc.comparison.sides import Side
from napari_wbc.errors import InputError


def paired_slides(a: Side, b: Side) -> tuple[list[tuple[str, str]], tuple[str, ...], tuple[str, ...]]:
    """Find the slides that both sides have: by name, else by the content of the image.

    Parameters
    ----------
    a, b : Side
        Where each has one slide only, these are the same one whatever they are called.

    Returns
    -------
    list of tuple of str
        Keys in the first and in the second, in the order of the first.
    tuple of str, tuple of str
        Names of the slides that the first lacks, and that the second lacks.

    Raises
    ------
    InputError
        There is none.
    """
    # A slide has one partner: a copy of its image under another name is left out, and not counted again.
    free = {
        slide.image_sha256: key
        for key, slide in b.slides.items()
        if slide.image_sha256 and key not in a.slides
    }
    pairs = []
    for key, slide in a.slides.items():
        other = key if key in b.slides else free.pop(slide.image_sha256, None)
        if other is not None:
            pairs.append((key, other))
    if not pairs and len(a.slides) == len(b.slides) == 1:
        pairs = [(next(iter(a.slides)), next(iter(b.slides)))]
    if not pairs:
        names = [next(iter(side.slides.values())).name for side in (a, b)]
        raise InputError(
            f"{a.title} and {b.title} have no slide in common (first slides: {names[0]!r} and {names[1]!r}); name the "
            "slides alike, as the files of their images without the ending"
        )
    used = {other for _, other in pairs}
    missing_a = tuple(slide.name for key, slide in b.slides.items() if key not in used)
    there = {key for key, _ in pairs}
    missing_b = tuple(slide.name for key, slide in a.slides.items() if key not in there)
    return pairs, missing_a, missing_b
