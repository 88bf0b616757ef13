"""False finds where there are only red cells, platelets and dirt.

Real: rectangles of the fields that no marked leukocyte reaches into, each an image of its own with a slide model of its
own (no nucleus tells the program what nuclei look like there), and the same cut into squares and laid side by side
as one large image per slide (chula) or source (the others name no slides). Drawn: smears without leukocytes, in every
stain.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.segmentation import fit_slide_model, plan_tiles, segment_tile
from napari_wbc.slides import open_slide
from napari_wbc.slides.synthetic import STAINS, SmearParameters, SyntheticSmear

from .fields import FULLY_MARKED, Field
from .readings import Readings
from .tables import markdown

#: Kept clear around marked boxes: boxes are drawn tightly, and cytoplasm is pale.
_MARGIN_UM = 3.0
_LEAST_SIDE_UM = 14.0
_SQUARE_UM = 20.0
_CELL = 16


def measure(fields: Iterable[Field], drawn_px: int = 4000) -> pd.DataFrame:
    """A row per image: source, kind of image, megapixels, finds, and places of the finds in their fields."""
    rows = []
    squares: dict[tuple[str, str], list[tuple[Field, int, int, int]]] = {}
    for field in fields:
        y0, x0, y1, x1 = empty_rectangle(field)
        least = _LEAST_SIDE_UM / field.um_per_px
        if y1 - y0 < least or x1 - x0 < least:
            continue
        pixels = field.pixels[y0:y1, x0:x1]
        places = [(field, y + y0, x + x0) for y, x in _centres(pixels, field.um_per_px)]
        rows.append(_row(field.domain, "single rectangles", pixels, places))
        # The slide where it is named; what lies in one mosaic should come from one.
        key = field.domain, "" if field.domain in FULLY_MARKED else field.group
        squares.setdefault(key, []).extend(_squares(field, (y0, x0, y1, x1)))
    for (domain, _), parts in squares.items():
        if len(parts) >= 4:
            rows.append(_mosaic(domain, parts))
    for name in STAINS if drawn_px else ():
        rows += [
            _drawn(name, drawn_px, platelets) for platelets in (0.0, SmearParameters().platelets_per_mm2)
        ]
    return pd.DataFrame(rows)


def _drawn(stain: str, side: int, platelets: float) -> dict[str, Any]:
    smear = SyntheticSmear(
        SmearParameters(
            height=side, width=side, stain=stain, leukocytes_per_mm2=0, platelets_per_mm2=platelets
        )
    )
    pixels = smear.draw(0, 0, side, side)
    kind = "drawn, red cells and platelets" if platelets else "drawn, red cells"
    return _row(stain, kind, pixels, []) | {"finds": len(_centres(pixels, smear.parameters.um_per_px))}


def _centres(pixels: NDArray[np.uint8], um: float) -> list[tuple[float, float]]:
    slide = open_slide(pixels)
    model = fit_slide_model(slide, um)
    tiles = plan_tiles(slide.shape, um)
    return [(c.y_px, c.x_px) for tile in tiles for c in segment_tile(slide, tile, model, um).cells]


def _row(
    domain: str, kind: str, pixels: NDArray[np.uint8], places: list[tuple[Field, float, float]]
) -> dict[str, Any]:
    readings = Readings()
    return {
        "source": domain,
        "kind": kind,
        "megapixels": pixels.size / 3e6,
        "finds": len(places),
        "places": [
            {
                "path": f.path,
                "y_px": round(float(y), 1),
                "x_px": round(float(x), 1),
                "reading": readings.reading(f.path, "find", y, x, f.um_per_px),
            }
            for f, y, x in places
        ],
    }


def empty_rectangle(field: Field) -> tuple[int, int, int, int]:
    """Largest rectangle ``y0, x0, y1, x1`` (px) that keeps clear of the marked boxes."""
    height, width = field.pixels.shape[:2]
    free = np.ones((height // _CELL, width // _CELL), bool)
    margin = _MARGIN_UM / field.um_per_px
    for y0, x0, y1, x1 in field.boxes:
        top, left = (max(0, int((v - margin) // _CELL)) for v in (y0, x0))
        bottom, right = (max(0, int(-(-(v + margin) // _CELL))) for v in (y1, x1))
        free[top:bottom, left:right] = False
    best, place = 0, (0, 0, 0, 0)
    heights = np.zeros(free.shape[1], int)
    for y, row in enumerate(free):
        heights = np.where(row, heights + 1, 0)
        for left in range(len(heights)):
            low = heights[left]
            for right in range(left, len(heights)):
                low = min(low, heights[right])
                if low == 0:
                    break
                if low * (right - left + 1) > best:
                    best = low * (right - left + 1)
                    place = (y - low + 1, left, y + 1, right + 1)
    y0, x0, y1, x1 = (int(v) * _CELL for v in place)
    return y0, x0, y1, x1


def _squares(field: Field, rectangle: tuple[int, int, int, int]) -> list[tuple[Field, int, int, int]]:
    y0, x0, y1, x1 = rectangle
    side = round(_SQUARE_UM / field.um_per_px)
    return [
        (field, y, x, side) for y in range(y0, y1 - side + 1, side) for x in range(x0, x1 - side + 1, side)
    ]


def _mosaic(domain: str, parts: list[tuple[Field, int, int, int]]) -> dict[str, Any]:
    """Lay squares side by side. Seams cut cells, and the light jumps at them: harder than a slide."""
    side, um = parts[0][3], parts[0][0].um_per_px
    columns = int(len(parts) ** 0.5)
    parts = parts[: columns * (len(parts) // columns)]
    pixels = np.zeros((len(parts) // columns * side, columns * side, 3), np.uint8)
    for k, (field, y, x, _) in enumerate(parts):
        top, left = k // columns * side, k % columns * side
        pixels[top : top + side, left : left + side] = field.pixels[y : y + side, x : x + side]
    places = []
    for y, x in _centres(pixels, um):
        row, column = (
            min(int((v + 0.5) // side), n - 1) for v, n in ((y, len(parts) // columns), (x, columns))
        )
        field, top, left, _ = parts[row * columns + column]
        places.append((field, y - row * side + top, x - column * side + left))
    return _row(domain, "mosaic", pixels, places)


def summary(images: pd.DataFrame) -> list[dict[str, Any]]:
    """Per source and kind: area, finds, what they were read as, and finds per 100 megapixels with Poisson bounds."""
    results = []
    for (kind, source), rows in images.groupby(["kind", "source"], sort=False):
        readings = [place["reading"] for places in rows["places"] for place in places]
        leukocytes = readings.count("leukocyte")
        results.append(
            {
                "kind": str(kind),
                "source": str(source),
                "images": len(rows),
                "megapixels": float(rows["megapixels"].sum()),
                "finds": int(rows["finds"].sum()),
                "read_as_leukocytes": leukocytes,
                "read_as_something_else": sum(r in ("no leukocyte", "unsure") for r in readings),
                "not_read": readings.count(""),
            }
        )
    return results


def per_100_megapixels(count: int, megapixels: float) -> tuple[float, float, float]:
    """Rate with the exact 95 % bounds of a Poisson count."""
    from scipy.stats import chi2

    low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    high = chi2.ppf(0.975, 2 * (count + 1)) / 2
    rate, low, high = (100 * float(v) / megapixels for v in (count, low, high))
    return rate, low, high


def table(results: list[dict[str, Any]]) -> str:
    """Markdown: a row per kind and source, and one per kind over the sources."""
    rows = []
    kinds = list(dict.fromkeys(r["kind"] for r in results))
    for kind in kinds:
        of_kind = [r for r in results if r["kind"] == kind]
        total = {"kind": kind, "source": "all"} | {
            key: sum(r[key] for r in of_kind) for key in of_kind[0] if key not in ("kind", "source")
        }
        for r in [*of_kind, total]:
            every = per_100_megapixels(r["finds"], r["megapixels"])
            false = per_100_megapixels(r["finds"] - r["read_as_leukocytes"], r["megapixels"])
            rows.append(
                {
                    "images": r["kind"],
                    "source": r["source"],
                    "number": r["images"],
                    "Mpx": f"{r['megapixels']:.1f}",
                    "finds": r["finds"],
                    "unmarked leukocytes among them (read)": r["read_as_leukocytes"],
                    "not read": r["not_read"],
                    "finds per 100 Mpx (95 %)": f"{every[0]:.1f} ({every[1]:.1f}-{every[2]:.1f})",
                    "false finds per 100 Mpx (95 %)": f"{false[0]:.1f} ({false[1]:.1f}-{false[2]:.1f})",
                }
            )
    return markdown(rows)
