"""Images that cannot be counted: how each file is made, and a word that the complaint must hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image


def missing(path: Path) -> Path:
    return path / "missing.png"


def empty(path: Path) -> Path:
    (path / "empty.png").touch()
    return path / "empty.png"


def rgb_noise() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)


def halved(file: Path) -> Path:
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    return file


def truncated(path: Path) -> Path:
    Image.fromarray(rgb_noise()).save(path / "cut.png")
    return halved(path / "cut.png")


def truncated_jpeg(path: Path) -> Path:
    Image.fromarray(rgb_noise()).save(path / "cut.jpg")
    return halved(path / "cut.jpg")


def truncated_tiff(path: Path) -> Path:
    tifffile.imwrite(path / "cut.tif", rgb_noise(), photometric="rgb")
    return halved(path / "cut.tif")


def mislabelled(path: Path) -> Path:
    (path / "letter.tif").write_text("Dear Sir or Madam, this is no image at all.")
    return path / "letter.tif"


def not_a_slide(path: Path) -> Path:
    (path / "fake.svs").write_bytes(b"II*\0" + bytes(100))
    return path / "fake.svs"


def directory(path: Path) -> Path:
    (path / "folder").mkdir()
    return path / "folder"


def grey(path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 255, (300, 300), np.uint8)
    Image.fromarray(noise).save(path / "grey.png")
    return path / "grey.png"


def grey_stored_as_rgb(path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 255, (300, 300), np.uint8)
    Image.fromarray(np.dstack([noise] * 3)).save(path / "grey_rgb.png")
    return path / "grey_rgb.png"


def white(path: Path) -> Path:
    Image.new("RGB", (300, 200), (255, 255, 255)).save(path / "white.png")
    return path / "white.png"


def one_pixel(path: Path) -> Path:
    Image.new("RGB", (1, 1), (200, 180, 190)).save(path / "dot.png")
    return path / "dot.png"


def not_finite(path: Path) -> Path:
    tifffile.imwrite(path / "nan.tif", np.full((50, 50, 3), np.nan, np.float32), photometric="rgb")
    return path / "nan.tif"


BAD_INPUTS = {
    missing: "no such file",
    empty: "empty",
    truncated: "cut.png",
    truncated_jpeg: "cut.jpg",
    truncated_tiff: "cut.tif",
    mislabelled: "not an image",
    not_a_slide: "fake.svs",
    directory: "folder",
    grey: "grey",
    grey_stored_as_rgb: "grey",
    white: "--um-per-px",
    one_pixel: "--um-per-px",
    not_finite: "nan.tif",
}
