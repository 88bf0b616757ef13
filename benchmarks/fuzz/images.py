"""Readers of images: small files of every kind, and all of their pixels."""

from __future__ import annotations

import io
import shutil
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tifffile
import zarr
from benchmarks.fuzz.mutations import any_bytes, json_values
from benchmarks.fuzz.target import Target
from numpy.typing import NDArray
from PIL import Image
from tests.pyramid_files import write_ome_tiff, write_ome_zarr, write_svs
from tests.slides.dicom_file import write_dicom

from napari_wbc.errors import InputError
from napari_wbc.slides import Slide, image_sha256, open_slide, resolve_scale

#: Sides of what is read at once, and how many windows, where a file says that it is huge.
_WINDOW, _MOST = 256, 40


def _picture(height: int = 60, width: int = 80) -> NDArray[np.uint8]:
    """Smooth colours, so that compressed files stay small."""
    y, x = np.mgrid[:height, :width]
    return np.stack([150 + 50 * np.sin(x / 9), 120 + 60 * np.cos(y / 7), 160 + (x + y) % 40], 2).astype(
        np.uint8
    )


def _raster(kind: str, **options: object) -> Callable[[Path], list[bytes]]:
    def seeds(_folder: Path) -> list[bytes]:
        found = []
        for mode in ("RGB", "RGBA", "P"):
            if kind in ("JPEG", "WEBP", "BMP") and mode != "RGB":
                continue
            file = io.BytesIO()
            Image.fromarray(_picture()).convert(mode).save(file, kind, **options)
            found.append(file.getvalue())
        return found

    return seeds


def _png(folder: Path) -> list[bytes]:
    import imagecodecs

    deep = imagecodecs.png_encode(_picture().astype(np.uint16) * 16)
    return [*_raster("PNG")(folder), bytes(deep)]


def _tiffs(folder: Path) -> list[bytes]:
    folder.mkdir(exist_ok=True)
    plain = {"photometric": "rgb", "software": False}
    kinds = (
        {},
        {"rowsperstrip": 16, "compression": "deflate"},
        {"tile": (32, 32), "compression": "lzw", "predictor": True},
        {"tile": (32, 32), "compression": "jpeg"},
        {"tile": (32, 32), "compression": "zstd", "bigtiff": True, "byteorder": ">"},
        {"planarconfig": "separate", "compression": "packbits"},
    )
    found = []
    for kind in kinds:
        file = io.BytesIO()
        pixels = np.moveaxis(_picture(), 2, 0) if "planarconfig" in kind else _picture()
        outer = {k: v for k, v in kind.items() if k in ("bigtiff", "byteorder")}
        inner = {k: v for k, v in kind.items() if k not in outer}
        with tifffile.TiffWriter(file, **outer) as tif:
            tif.write(pixels, **plain, **inner, resolution=(100_000, 100_000), resolutionunit=3)
        found.append(file.getvalue())
    found.append(write_ome_tiff(folder / "a.ome.tif", _picture(), tile=32, factors=(2,)).read_bytes())
    return found


def _svs(folder: Path) -> list[bytes]:
    folder.mkdir(exist_ok=True)
    picture = _picture(128, 160)
    return [
        write_svs(folder / "a.svs", picture, tile=64, factors=(4,)).read_bytes(),
        write_svs(folder / "b.svs", picture, tile=64, factors=(4,), compression=33003).read_bytes(),
    ]


def _dicom(folder: Path) -> list[bytes]:
    shutil.rmtree(folder / "dicom", ignore_errors=True)
    return [write_dicom(folder / "dicom", _picture(128, 160), tile=64).read_bytes()]


def _windows(slide: Slide) -> Iterator[tuple[int, int, int, int, int]]:
    left = _MOST
    for level in reversed(range(len(slide.levels))):
        height, width = slide.levels[level].shape
        for y in range(0, height, _WINDOW):
            for x in range(0, width, _WINDOW):
                if left == 0:
                    return
                left -= 1
                yield level, y, x, min(_WINDOW, height - y), min(_WINDOW, width - x)


def read_all(path: Path) -> None:
    """Open a slide, read its pixels, its scale and its checksum."""
    slide = open_slide(path)
    try:
        assert min(slide.shape) >= 1
        for level, y, x, height, width in _windows(slide):
            pixels = slide.read(level, y, x, height, width)
            assert pixels.shape == (height, width, 3), "a window of another size"
            assert pixels.dtype == np.uint8
        image_sha256(slide)
        if slide.metadata_um_per_px is not None:
            try:
                scale = resolve_scale(slide)
            except InputError:
                return
            assert 0.02 <= scale.um_per_px <= 2.0, "an impossible scale"
    finally:
        slide.close()


def _file(name: str) -> Callable[[bytes, Path], None]:
    def read(content: bytes, folder: Path) -> None:
        (folder / name).write_bytes(content)
        read_all(folder / name)
        if name.endswith(".png") and content.startswith(b"\x89PNG"):
            assert _sound_png(content), "a PNG whose checksums are wrong was read"

    return read


def _sound_png(content: bytes) -> bool:
    """Whether every chunk up to the end has the right checksum."""
    place = 8
    while place + 12 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        body = content[place + 4 : place + 8 + length]
        if zlib.crc32(body).to_bytes(4, "big") != content[place + 8 + length : place + 12 + length]:
            return False
        if body[:4] == b"IEND":
            return True
        place += 12 + length
    return False


def _in_shards(sound: Path) -> None:
    """Store level 0 anew, in one file whose chunks are packed on their own."""
    pixels = np.moveaxis(_picture(), 2, 0)
    array = zarr.open_group(sound, mode="a").create_array(
        "0", shape=pixels.shape, chunks=(1, 32, 32), shards=(3, 64, 96), dtype=pixels.dtype, overwrite=True
    )
    array[:] = pixels


def _zarr_parts(version: str, part: str, *, shards: bool = False) -> Target:
    """One file of an OME-Zarr folder is altered, all others are sound."""
    name = f"{version} in shards" if shards else version

    def seeds(folder: Path) -> list[bytes]:
        return [(_sound(folder) / part).read_bytes()]

    def _sound(folder: Path) -> Path:
        sound = folder / f"sound-{name}.zarr"
        if not sound.is_dir():
            write_ome_zarr(sound, _picture(), version=version, factors=(2,))
            if shards:
                _in_shards(sound)
        return sound

    def read(content: bytes, folder: Path) -> None:
        image = folder / f"image-{name}.zarr"
        if not image.is_dir():
            shutil.copytree(_sound(folder), image)
        (image / part).write_bytes(content)
        try:
            read_all(image)
        finally:
            shutil.copyfile(_sound(folder) / part, image / part)

    is_json = not part.rpartition("/")[2].isdecimal()
    return Target(f"OME-Zarr {name} {part}", json_values if is_json else any_bytes, seeds, read)


TARGETS = (
    Target("PNG", any_bytes, _png, _file("a.png")),
    Target("JPEG", any_bytes, _raster("JPEG", quality=90), _file("a.jpg")),
    Target("WebP", any_bytes, _raster("WEBP", lossless=True), _file("a.webp")),
    Target("BMP", any_bytes, _raster("BMP"), _file("a.bmp")),
    Target("TIFF and OME-TIFF", any_bytes, _tiffs, _file("a.tif")),
    Target("SVS", any_bytes, _svs, _file("a.svs")),
    # Under the name of another scanner's files nobody but openslide reads it.
    Target("SVS through openslide", any_bytes, _svs, _file("a.bif")),
    Target("DICOM", any_bytes, _dicom, _file("a.dcm")),
    _zarr_parts("0.5", "zarr.json"),
    _zarr_parts("0.5", "0/zarr.json"),
    _zarr_parts("0.5", "0/c/0/0/0"),
    _zarr_parts("0.5", "0/zarr.json", shards=True),
    _zarr_parts("0.5", "0/c/0/0/0", shards=True),
    _zarr_parts("0.4", ".zattrs"),
    _zarr_parts("0.4", "0/.zarray"),
)
