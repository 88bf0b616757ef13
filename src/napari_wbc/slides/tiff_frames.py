"""How many frames a TIFF says that it has: asked before tifffile makes a list of them, or opens other files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from napari_wbc.errors import InputError

#: No image that can be read here has more than one; a list of so many takes no room to speak of.
_MOST = 1 << 20
#: Of Micro-Manager's index of a stack.
_INDEX_AXES = ("Channels", "Slices", "Frames", "Positions")


def check_frames(tif: Any, path: Path) -> None:
    """Refuse a TIFF whose description claims a thousand million frames, or that they lie in other files.

    Parameters
    ----------
    tif : tifffile.TiffFile
        Of which the series were not asked for yet.
    path : pathlib.Path
        The file.

    Raises
    ------
    InputError
        It is such a file.
    """
    claimed: list[float] = []
    if tif.is_ome:
        try:
            # Expat refuses entity bombs since 2.4.1 and fetches nothing.
            root = ET.fromstring(tif.ome_metadata or "")  # noqa: S314
        except ET.ParseError:
            return
        if any(_elsewhere(root, path)):
            raise InputError(f"{path}: the OME-TIFF is spread over several files; save it as one")
        page = tif.pages[0]
        claimed += _frames_of_ome(root, max(1, int(page.imagewidth) * int(page.imagelength)))
    if tif.is_mmstack:
        claimed.append(_frames_of_micro_manager(tif.micromanager_metadata))
    if any(frames > _MOST for frames in claimed):
        raise InputError(f"{path}: the file is broken (its description claims {max(claimed):.0f} frames)")


def _elsewhere(root: ET.Element, path: Path) -> Iterator[bool]:
    """Tell of each plane whether it is said to lie in another file; this one may have got another name since."""
    own = root.get("UUID")
    for uuid in root.iter():
        if uuid.tag.endswith("UUID"):
            yield uuid.text != own and uuid.get("FileName", "").lower() != path.name.lower()


def _frames_of_ome(root: ET.Element, page_px: int) -> Iterator[float]:
    for element in root.iter():
        if element.tag.endswith("Pixels"):
            sizes = (_number(element.get(f"Size{axis}")) for axis in element.get("DimensionOrder", ""))
            yield math.prod(sizes) / page_px
        elif element.tag.endswith("TiffData"):
            yield from (_number(element.get(name)) for name in ("NumPlanes", "PlaneCount"))
        elif element.tag[:-1].endswith("Along"):
            start, end = _number(element.get("Start")), _number(element.get("End"))
            step = _number(element.get("Step", "1"))
            yield (end - start) / step if step else math.inf


def _frames_of_micro_manager(described: dict[str, Any]) -> float:
    indexed = np.asarray(described["IndexMap"])[:, : len(_INDEX_AXES)].max(axis=0, initial=0).astype(float)
    told = [_number(described["Summary"].get(axis, 1)) for axis in _INDEX_AXES]
    return float(math.prod(map(max, indexed + 1, told)))


def _number(text: object) -> float:
    try:
        return float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return 0.0  # tifffile says so
