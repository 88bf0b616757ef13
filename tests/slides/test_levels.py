"""Pyramids as scanners store them: what a px of a coarser level stands for, and the colours of every packing."""

from __future__ import annotations

import base64
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from dicom_file import write_dicom
from scipy import ndimage

from napari_wbc.errors import InputError
from napari_wbc.slides import Slide, open_slide
from napari_wbc.slides.levels import downsample_of, levels_of
from napari_wbc.slides.tiff import TiffSlide
from napari_wbc.slides.whole_slide import WholeSlide
from pyramid_files import JPEG2000_RGB, JPEG2000_YCC, reduced, write_ome_tiff, write_ome_zarr, write_svs


@pytest.mark.parametrize("factor", [2, 3, 4, 5, 16, 32])
@pytest.mark.parametrize("shape", [(33014, 46921), (1003, 100001), (99999, 517), (4096, 4096)])
def test_left_out_and_filled_up_blocks_give_the_whole_factor(shape: tuple[int, int], factor: int) -> None:
    left_out = shape[0] // factor, shape[1] // factor
    filled_up = -(-shape[0] // factor), -(-shape[1] // factor)
    for level in (left_out, filled_up, (left_out[0], filled_up[1])):
        found = downsample_of(shape, level)
        assert found is not None
        # Less than a px of the level at its far end, for a whole factor and for any other.
        assert max(level) * abs(found / factor - 1) < 1
        if min(level) > 2 * factor:
            assert found == factor


def test_halved_again_and_again_is_a_power_of_two() -> None:
    for step in (lambda n: n // 2, lambda n: (n + 1) // 2):
        shapes = [(30107, 41231)]
        while min(shapes[-1]) > 60:
            shapes.append((step(shapes[-1][0]), step(shapes[-1][1])))
        levels, stored = levels_of(shapes)
        assert [level.downsample for level in levels] == [2.0**k for k in range(len(shapes))]
        assert stored == tuple(range(len(shapes)))


def test_any_factor() -> None:
    assert downsample_of((30000, 40000), (8000, 10667)) == pytest.approx(3.75, abs=2e-4)
    assert downsample_of((1003, 100001), (267, 26667)) == pytest.approx(3.75, abs=1e-3)


def test_what_is_no_reduced_copy_is_left_out() -> None:
    shapes = [(2001, 9999), (2001, 9999), (1000, 4999), (500, 4999), (300, 300), (0, 1), (125, 624)]
    levels, stored = levels_of(shapes)
    assert stored == (0, 2, 6)
    assert [level.downsample for level in levels] == [1.0, 2.0, 16.0]


def test_a_slide_reads_the_levels_that_are_left() -> None:
    """The list of an array's levels, with one in between that is reduced along one axis only."""
    fine, coarse = np.full((400, 600, 3), 200, np.uint8), np.full((100, 150, 3), 100, np.uint8)
    slide = open_slide([fine, np.full((400, 300, 3), 50, np.uint8), coarse])
    assert [level.shape for level in slide.levels] == [(400, 600), (100, 150)]
    assert (slide.read(1, 0, 0, 100, 150) == 100).all()


SPOTS = [(40, 60), (333, 417), (1037, 1190), (1150, 61), (52, 1222)]


@pytest.fixture(scope="module")
def spots() -> np.ndarray:
    """(1211, 1307, 3): dark spots, also near the far corners; no factor divides the sides."""
    image = np.zeros((1211, 1307))
    for y, x in SPOTS:
        image[y, x] = 1.0
    image = ndimage.gaussian_filter(image, 7.0)
    return (230 - 150 * image[..., None] / image.max() * np.array([0.5, 1.0, 0.4])).astype(np.uint8)


def positions(slide: Slide, level: int) -> np.ndarray:
    """Centres of the spots in level-0 px, as read from a level."""
    found = slide.levels[level]
    dark = np.maximum(0.0, 226.0 - slide.read(level, 0, 0, *found.shape)[..., 1])
    y, x = ((np.arange(n) + 0.5) * found.downsample - 0.5 for n in found.shape)
    centres = []
    for spot in SPOTS:
        weight = dark * (np.abs(y - spot[0]) < 32)[:, None] * (np.abs(x - spot[1]) < 32)
        centres.append([(weight.sum(axis=1) * y).sum(), (weight.sum(axis=0) * x).sum()] / weight.sum())
    return np.array(centres)


def write(tmp_path: Path, kind: str, image: np.ndarray) -> Slide:
    if kind in ("svs-jpeg", "svs-openslide"):
        path = write_svs(tmp_path / "a.svs", image, factors=(2, 4, 8))
        return WholeSlide(path, "a") if kind == "svs-openslide" else open_slide(path)
    if kind == "svs-33003":
        return open_slide(write_svs(tmp_path / "a.svs", image, compression=JPEG2000_YCC, factors=(2, 4, 8)))
    if kind == "svs-33005":
        return open_slide(
            write_svs(tmp_path / "a.svs", image, compression=JPEG2000_RGB, factors=(2, 4, 8), bigtiff=True)
        )
    if kind == "dicom":
        return open_slide(write_dicom(tmp_path / "dicom", image, factors=(2, 4, 8)))
    if kind.startswith("tiff"):
        return open_slide(write_ome_tiff(tmp_path / "a.ome.tif", image, compression=kind[5:]))
    return open_slide(write_ome_zarr(tmp_path / "a.ome.zarr", image, version=kind[5:]))


KINDS = [
    "svs-jpeg", "svs-openslide", "svs-33003", "svs-33005",
    "tiff-jpeg", "tiff-jpeg2000", "tiff-zlib", "zarr-0.4", "zarr-0.5", "dicom",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_level_has_its_pixels_at_the_same_place(tmp_path: Path, spots: np.ndarray, kind: str) -> None:
    slide = write(tmp_path, kind, spots)
    assert [level.downsample for level in slide.levels] == [1.0, 2.0, 4.0, 8.0]
    assert slide.metadata_um_per_px == pytest.approx(0.25)
    whole = slide.read(0, 0, 0, *slide.shape).astype(int)
    assert np.abs(whole - spots).max() <= 8
    expected = np.array(SPOTS, float)
    for level in range(4):
        # Where a px stands for eight, the window around a spot does not end at the border of a px.
        wrong = np.abs(positions(slide, level) - expected).max()
        assert wrong < 0.1 * slide.levels[level].downsample, level


def test_openslide_and_tifffile_read_the_same_jpeg2000(tmp_path: Path, spots: np.ndarray) -> None:
    for compression in (JPEG2000_YCC, JPEG2000_RGB):
        path = write_svs(tmp_path / "a.svs", spots, compression=compression, factors=(2,))
        first, second = TiffSlide(path, "a"), WholeSlide(path, "a")
        window = (0, 100, 200, 700, 900)
        assert np.abs(first.read(*window).astype(int) - second.read(*window)).max() <= 2


def test_dicom_that_is_no_slide(tmp_path: Path, spots: np.ndarray) -> None:
    path = write_dicom(tmp_path / "a", spots, factors=())
    content = path.read_bytes()
    for name, kept in [("head.dcm", content[:200]), ("cut.dcm", content[:3000])]:
        (tmp_path / name).write_bytes(kept)
        with pytest.raises(InputError, match=rf"{name}: (not a slide|the slide is broken)") as caught:
            open_slide(tmp_path / name)
        assert "\n" not in str(caught.value)


# 64 x 64 px of four colours as YCbCr in JPEG 2000, the colour differences half as wide (Aperio's "YUV16"). It was
# packed with openjpeg itself, as imagecodecs has no option for it.
HALF_WIDE_COLOURS = base64.b64decode(
    """
    /0//UQAvAAAAAABAAAAAQAAAAAAAAAAAAAAAQAAAAEAAAAAAAAAAAAADBwEBBwIBBwIB/1IADAAAAAEABQQEAAH/XAATQEBISFBISFBI
    SFBISFBISFD/ZAAlAAFDcmVhdGVkIGJ5IE9wZW5KUEVHIHZlcnNpb24gMi41LjT/kAAKAAAAAAJHAAH/k9+AKAUr3zufwfICCkXB8gMB
    /3/D6gWPtBYPqBQDUQ1RvwEzvKA/DbzHop/D6gOB8gKD6gQMB9MJ6Quy/3/D6gNA+cEABHd/AUXD6guPtCoPqBwXsR+2HKLtzXgOzw8U
    uoSDYF6jOh8WqGy+SJrfw+oIg+cLA+cMAvbh4Lv5gH8MpIAYywyCFwob18Hzh4HyBID5AgAMm+As7XXaDDPLmQww9UvD6hCPtEIPqBwi
    GNp9mr8K4i+VzXmn9oKMA3raUQNvgGVfZDSiBDVsvyQsCLyEuiDD6g2D5xUD5w4sWyC+lnU/YIXLs0RYAJ4+biaPtzuoPxqZM5noD7/B
    84yD5xEB8gYXK0fiH9QcuZUtolMkD4CIlhXenxqW2QPpz8PqFI+0Wg+oIDaeOPwyHTi7zOTZewlKnGGdZrMnZq3ylKgLJbWQSuOTaXJk
    R8i80rIBd4MVChWa4tY/w+oUg+cdA+cMdCnqkLJ+lRUzfb7r/3HgBON3SA8+YRctfqH7eGrubeSBnE3k1VZlF8HzkYPnHQPnDCFt8Zw7
    2fMYzGtza0WF9xlvUikiPZExAtbEI3+s2H9N5WIxoX/D6hKPtEoPqBRfpsco03wJV6MTokIY6/DYaIPENkoUAIRWbCgUIMA6RXMgSH/I
    N2IUv8PqDIPnGwPnCLX08cU06iWqU7UWNZ2Wn3TBTBGVhzvcwt+lD4ozwfOPg+cdAfIENfI/gJwZxJ68mPNaAwGopjAmG+5C9lOc44VA
    neOlD3k//9k=
    """
)
FOUR_COLOURS = ((230, 220, 225), (200, 120, 130), (90, 40, 140), (150, 170, 60))


@pytest.mark.parametrize("reader", [TiffSlide, WholeSlide])
def test_jpeg2000_with_colours_of_half_the_width(tmp_path: Path, reader: type) -> None:
    """The decoder makes RGB of these by itself; to do it again would give other colours."""
    expected = np.zeros((64, 64, 3), np.uint8)
    for k, colour in enumerate(FOUR_COLOURS):
        expected[32 * (k // 2) :, 32 * (k % 2) :] = colour
    expected = np.tile(expected, (4, 4, 1))
    with tifffile.TiffWriter(tmp_path / "a.svs") as tif:
        tif.write(
            iter([HALF_WIDE_COLOURS] * 16),
            shape=expected.shape,
            dtype=np.uint8,
            tile=(64, 64),
            compression=JPEG2000_YCC,
            photometric="ycbcr",
            description="Aperio Image Library v12\r\n256x256 [0,0 256x256] (64x64) J2K/YUV16 Q=70|MPP = 0.25",
            metadata=None,
        )
    found = reader(tmp_path / "a.svs", "a").read(0, 0, 0, 256, 256)
    assert np.abs(found.astype(int) - expected).max() <= 2


def without_tables(packed: bytes) -> tuple[bytes, bytes]:
    """Split a JPEG into its tables and the rest, as Aperio stores the former once for all tiles."""
    tables, rest, at = b"", b"", 2
    while packed[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(packed[at + 2 : at + 4], "big")
        if packed[at + 1] in (0xDB, 0xC4):
            tables += packed[at:end]
        else:
            rest += packed[at:end]
        at = end
    return b"\xff\xd8" + tables + b"\xff\xd9", b"\xff\xd8" + rest + packed[at:]


@pytest.mark.parametrize("colours", ["YCBCR", "RGB"])
def test_jpeg_tables_are_shared_by_the_tiles(tmp_path: Path, spots: np.ndarray, colours: str) -> None:
    """In YCbCr, and in RGB as the TIFF says (openslide takes such tiles of ours for YCbCr)."""
    image = np.ascontiguousarray(spots[:512, :512])
    image[..., 0] //= 2
    options = {"level": 95, "colorspace": "RGB", "outcolorspace": colours}
    split = [
        without_tables(
            imagecodecs.jpeg8_encode(np.ascontiguousarray(image[y : y + 256, x : x + 256]), **options)
        )
        for y in (0, 256)
        for x in (0, 256)
    ]
    tables = split[0][0]
    assert {part[0] for part in split} == {tables}
    with tifffile.TiffWriter(tmp_path / "a.svs") as tif:
        tif.write(
            iter([part[1] for part in split]),
            shape=image.shape,
            dtype=np.uint8,
            tile=(256, 256),
            compression="jpeg",
            photometric={"RGB": "rgb"}.get(colours, "ycbcr"),
            subsampling=(1, 1) if colours == "RGB" else (2, 2),
            extratags=[(347, 7, len(tables), tables, True)],
            description="Aperio Image Library v12\r\n512x512 [0,0 512x512] (256x256) JPEG/RGB Q=95|MPP = 0.25",
            metadata=None,
        )
    for reader in (TiffSlide, WholeSlide) if colours == "YCBCR" else (TiffSlide,):
        found = reader(tmp_path / "a.svs", "a").read(0, 0, 0, 512, 512).astype(int)
        assert np.abs(found - image).max() <= 12


@pytest.mark.parametrize("compression", ["jpeg", "jpeg2000", "zlib"])
def test_ome_tiff_of_three_planes_with_a_pyramid(tmp_path: Path, spots: np.ndarray, compression: str) -> None:
    """As converters write a colour image that they take for three channels."""
    options = {"tile": (256, 256), "compression": compression, "photometric": "minisblack"}
    sizes = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25}
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as tif:
        tif.write(np.moveaxis(spots, 2, 0), subifds=2, metadata={"axes": "CYX", **sizes}, **options)
        for factor in (2, 4):
            tif.write(np.moveaxis(reduced(spots, factor), 2, 0), subfiletype=1, **options)
    slide = open_slide(tmp_path / "a.ome.tif")
    assert [level.downsample for level in slide.levels] == [1.0, 2.0, 4.0]
    for level, factor in enumerate((1, 2, 4)):
        found = slide.read(level, 0, 0, *slide.levels[level].shape).astype(int)
        assert np.abs(found - reduced(spots, factor)).max() <= 6
