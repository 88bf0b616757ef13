"""File > Open Sample: a drawn smear, and fields of a public data set from the internet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_wbc.errors import InputError
from napari_wbc.gui.image_layers import METADATA_KEY
from napari_wbc.gui.readers import LayerData, read_slide

_BCCD = "https://raw.githubusercontent.com/Shenggan/BCCD_Dataset/master/BCCD/JPEGImages/"
# Checksums of the JPEG files of 640 x 480 px.
_SHA256 = {
    "BloodImage_00176.jpg": "1e958377634335400e4f1fd62de05ae851e7ef21edd789450bb7dd1b26e03351",
    "BloodImage_00017.jpg": "0317c72ae1486ac1fff77409e890cd119fcb0e87a9dda073470ea3a430d136d3",
    "BloodImage_00044.jpg": "940ead9438d259f20729a9f707096236d8794ff0b443898fadc284033fefc306",
}


def synthetic_smear() -> list[LayerData]:
    """Draw a smear: some 40 leukocytes on 2400 x 1800 px at 0.1 µm per px.

    It is there to try the program; drawn cells are no evidence of accuracy.

    Returns
    -------
    list of layer data
        One image.
    """
    from napari_wbc.slides.synthetic import default_sample

    image, parameters = default_sample()
    metadata: dict[str, Any] = {METADATA_KEY: {"um_per_px": parameters.um_per_px}}
    return [(image, {"name": "synthetic smear", "rgb": True, "metadata": metadata}, "image")]


def bccd_neutrophil_lymphocyte() -> list[LayerData]:
    """Fetch a field with a neutrophil and a lymphocyte. Needs the internet the first time."""
    return _bccd("BloodImage_00176.jpg")


def bccd_eosinophil() -> list[LayerData]:
    """Fetch a field with an eosinophil. Needs the internet the first time."""
    return _bccd("BloodImage_00017.jpg")


def bccd_eosinophil_neutrophil() -> list[LayerData]:
    """Fetch a field with an eosinophil and a neutrophil. Needs the internet the first time."""
    return _bccd("BloodImage_00044.jpg")


def _bccd(name: str) -> list[LayerData]:
    """Fetch a field of BCCD (MIT licence); a copy is kept, and only the file that we know is used."""
    try:
        return read_slide(fetch(name))
    except (OSError, ValueError) as error:
        # napari shows the message of an exception as a notification.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{name} could not be fetched from {_BCCD} (this sample needs the internet): {reason}"
        ) from None


def fetch(name: str) -> Path:
    """Fetch a field into the cache of this program.

    Parameters
    ----------
    name : str
        Of the file.

    Returns
    -------
    pathlib.Path
        Where it lies.

    Raises
    ------
    OSError
        There is no connection, or no such file.
    ValueError
        What came is another file than the one we know.
    """
    import pooch

    return Path(
        pooch.retrieve(
            f"{_BCCD}{name}",
            known_hash=f"sha256:{_SHA256[name]}",
            fname=name,
            path=pooch.os_cache("napari-wbc"),
            progressbar=False,
        )
    )
