"""µm per px and channels as files state them; nothing else of a file's descriptions is read."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from napari_wbc.errors import InputError
from napari_wbc.slides.scale import MAX_UM_PER_PX, MIN_UM_PER_PX

_UM_PER_UNIT = {
    "m": 1e6, "meter": 1e6, "metre": 1e6,
    "cm": 1e4, "centimeter": 1e4, "centimetre": 1e4,
    "mm": 1e3, "millimeter": 1e3, "millimetre": 1e3,
    "µm": 1.0, "μm": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0, "micrometre": 1.0,
    "\\u00b5m": 1.0,
    "nm": 1e-3, "nanometer": 1e-3, "nanometre": 1e-3,
    "pm": 1e-6, "picometer": 1e-6,
    "å": 1e-4, "angstrom": 1e-4,
    "in": 25400.0, "inch": 25400.0,
}  # fmt: skip

# What writers call the channels of a colour camera, or channels that nobody named.
_COLOUR_CHANNEL = re.compile(
    r"(r|g|b|a|red|green|blue|alpha|rgba?|c|ch|channel|image|bright ?field|bf|tl|camera)?"
    r"[\s:_#-]*(\d+[\s:_-]*)*"
)


def um_from_unit(value: float, unit: str | None) -> float | None:
    """Convert a length to µm.

    Parameters
    ----------
    value : float
        The length of a px.
    unit : str or None
        Its unit as OME, OME-Zarr or ImageJ write it.

    Returns
    -------
    float or None
        None when the unit is no length ("pixel") or the value not positive.

    Examples
    --------
    >>> um_from_unit(92.0, "nm")
    0.092
    """
    factor = _UM_PER_UNIT.get((unit or "").strip().lower())
    if factor is None or not math.isfinite(value) or value <= 0:
        return None
    return value * factor


def um_from_axes(y_um: float | None, x_um: float | None) -> float | None:
    """One scale from those of both axes.

    Parameters
    ----------
    y_um, x_um : float or None
        µm per px.

    Returns
    -------
    float or None
        Their geometric mean. None when one is missing, when they differ by more than a tenth, or when both
        are exactly 1, which writers put where they know no scale.
    """
    if y_um is None or x_um is None or not 0.9 < y_um / x_um < 1.1 or y_um == x_um == 1.0:
        return None
    return round(math.sqrt(y_um * x_um), 9)


def um_from_resolution(y_per_unit: float, x_per_unit: float, unit_um: float) -> float | None:
    """Scale from the resolution of a TIFF, PNG or JPEG, where it is one of a microscope.

    Parameters
    ----------
    y_per_unit, x_per_unit : float
        px per unit.
    unit_um : float
        Length of the unit: 25400 for an inch, 10000 for a cm.

    Returns
    -------
    float or None
        None for the 72, 96 or 300 dpi of cameras and printers.

    Examples
    --------
    >>> um_from_resolution(254000, 254000, 25400)
    0.1
    >>> um_from_resolution(300, 300, 25400) is None
    True
    """
    if not (y_per_unit > 0 and x_per_unit > 0):
        return None
    um = um_from_axes(unit_um / y_per_unit, unit_um / x_per_unit)
    return um if um is not None and MIN_UM_PER_PX <= um <= MAX_UM_PER_PX else None


def um_from_aperio(description: str) -> float | None:
    """Scale from the ``MPP = `` of an Aperio ImageDescription.

    Parameters
    ----------
    description : str
        The TIFF tag.

    Returns
    -------
    float or None
        µm per px.

    Examples
    --------
    >>> um_from_aperio("Aperio Image Library v11|AppMag = 40|MPP = 0.2527")
    0.2527
    """
    # Some scanners write the number as their country does.
    found = re.search(r"\bMPP\s*=\s*(\d+(?:[.,]\d*)?(?:[eE][-+]?\d+)?)", description)
    return um_from_unit(float(found.group(1).replace(",", ".")), "µm") if found else None


def check_channel_names(names: Iterable[str], what: str) -> None:
    """Refuse three channels that are not the red, green and blue of a colour image.

    Parameters
    ----------
    names : iterable of str
        As the file names its channels; empty ones are fine.
    what : str
        The image's name, for the message.

    Raises
    ------
    InputError
        When a channel is named for something else, such as a fluorophore.
    """
    for name in names:
        if not _COLOUR_CHANNEL.fullmatch(name.strip().lower()):
            raise InputError(
                f"{what}: the channel {name!r} is not red, green or blue; a colour image is needed"
            )


class OmePixels:
    """The few facts that are taken from an OME-XML: scale, bit depth, names of the channels.

    Parameters
    ----------
    xml : str
        The OME-XML; of several images the first one counts.

    Attributes
    ----------
    um_per_px : float or None
        From PhysicalSizeX and Y with their units (µm when not stated).
    significant_bits : int or None
        Bits that the camera used.
    channel_names : list of str
        Name or fluorophore of each channel, empty when not stated.
    """

    def __init__(self, xml: str) -> None:
        self.um_per_px: float | None = None
        self.significant_bits: int | None = None
        self.channel_names: list[str] = []
        try:
            # Expat refuses entity bombs since 2.4.1 and fetches nothing.
            root = ET.fromstring(xml)  # noqa: S314
        except ET.ParseError:
            return  # a broken description does not make the pixels unreadable
        pixels = root.find(".//{*}Image/{*}Pixels")
        if pixels is None:
            return
        um = [self._size(pixels, axis) for axis in "YX"]
        self.um_per_px = um_from_axes(um[0], um[1])
        bits = pixels.get("SignificantBits", "")
        self.significant_bits = int(bits) if bits.isdigit() and 8 <= int(bits) <= 16 else None
        self.channel_names = [c.get("Fluor") or c.get("Name") or "" for c in pixels.findall("{*}Channel")]

    @staticmethod
    def _size(pixels: ET.Element, axis: str) -> float | None:
        try:
            size = float(pixels.get(f"PhysicalSize{axis}", ""))
        except ValueError:
            return None
        return um_from_unit(size, pixels.get(f"PhysicalSize{axis}Unit", "µm"))
