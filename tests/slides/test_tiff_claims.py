"""What a TIFF claims is held against the file before openslide is asked; what is sound stays readable."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_wbc.errors import InputError
from napari_wbc.slides import open_slide
from napari_wbc.slides.tiff_claims import tags_fit, tiles_fit
from napari_wbc.slides.whole_slide import WholeSlide
from pyramid_files import write_ome_tiff, write_svs

#: Beyond every file here, and within what 32 bits hold.
FAR = 1 << 31


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize(
    "options", [{}, {"tile": (128, 128)}, {"rowsperstrip": 7, "compression": "zlib"}], ids=str
)
def test_sound_files_claim_what_they_hold(tmp_path, picture, options, bigtiff, byteorder):
    path = tmp_path / "a.tif"
    options = {"photometric": "rgb", "description": "x" * 5000, "bigtiff": bigtiff, **options}
    tifffile.imwrite(path, picture, byteorder=byteorder, **options)
    assert tags_fit(path)
    assert tiles_fit(path)


def test_sound_pyramids_claim_what_they_hold(tmp_path, picture):
    for path in (
        write_svs(tmp_path / "a.svs", picture, factors=(4,), tile=64),
        write_svs(tmp_path / "b.svs", picture, factors=(4,), tile=64, bigtiff=True),
        write_ome_tiff(tmp_path / "c.ome.tif", picture, factors=(2,), tile=64),
    ):
        assert tags_fit(path)
        assert tiles_fit(path)


@pytest.mark.parametrize("content", [b"", b"II", b"no slide at all, but a letter", b"II*\0" + bytes(40)])
def test_what_is_no_tiff_claims_nothing(tmp_path, content):
    (tmp_path / "a.svs").write_bytes(content)
    assert tags_fit(tmp_path / "a.svs")
    assert tiles_fit(tmp_path / "a.svs")


@pytest.fixture(params=[False, True], ids=["classic", "big"])
def slide(request, tmp_path, picture):
    """Classic and BigTIFF; under this name openslide is the only reader."""
    return write_svs(tmp_path / "a.bif", picture, factors=(4,), tile=64, bigtiff=request.param)


def overwritten(path: Path, page: int, tag: int, values: list[int] | int) -> None:
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages[page].tags[tag].overwrite(values)


@pytest.mark.parametrize("page", [0, 2])
@pytest.mark.parametrize(("tag", "value"), [(324, FAR), (325, FAR), (325, 10**8)])
def test_a_tile_of_any_level_beyond_the_end(slide, page, tag, value):
    with tifffile.TiffFile(slide) as tif:
        values = list(tif.pages[page].tags[tag].value)
    values[-1] = value
    overwritten(slide, page, tag, values)
    assert tags_fit(slide)
    assert not tiles_fit(slide)
    with pytest.raises(InputError, match=r"a\.bif: the file is truncated or broken") as caught:
        open_slide(slide)
    assert str(caught.value).isprintable()


def test_a_strip_beyond_the_end(slide):
    overwritten(slide, 1, 279, FAR)
    assert not tiles_fit(slide)


def test_a_tile_without_bytes_may_lie_anywhere(slide):
    with tifffile.TiffFile(slide) as tif:
        tags = tif.pages[0].tags
        offsets, counts = list(tags[324].value), list(tags[325].value)
    offsets[3], counts[3] = FAR, 0
    overwritten(slide, 0, 324, offsets)
    overwritten(slide, 0, 325, counts)
    assert tiles_fit(slide)


@pytest.mark.parametrize("tag", [322, 323])
def test_a_tile_that_would_fill_the_memory(slide, tag):
    overwritten(slide, 0, tag, 1 << 24)
    assert not tiles_fit(slide)
    with pytest.raises(InputError, match="a tile is too large"):
        WholeSlide(slide, "a")


def entry_of(path: Path, tag: int) -> int:
    """Where an entry of the first directory stands in the file."""
    with tifffile.TiffFile(path) as tif:
        return int(tif.pages[0].tags[tag].offset)


def test_numbers_of_a_type_with_a_sign_are_looked_at_too(tmp_path, picture):
    """Libtiff takes them; a negative one is as large as can be."""
    path = write_svs(tmp_path / "a.svs", picture, factors=(4,), tile=64)
    with tifffile.TiffFile(path) as tif:
        counts = list(tif.pages[0].tags[325].value)
    counts[0] = FAR
    overwritten(path, 0, 325, counts)
    content = bytearray(path.read_bytes())
    place = entry_of(path, 325)
    content[place + 2 : place + 4] = struct.pack("<H", 9)
    path.write_bytes(content)
    assert not tiles_fit(path)


def test_a_tag_that_stands_twice_has_two_meanings(tmp_path, picture):
    path = write_svs(tmp_path / "a.svs", picture, factors=(4,), tile=64)
    content = bytearray(path.read_bytes())
    # In place of the bits per sample, which stand before.
    place = entry_of(path, 258)
    content[place : place + 12] = struct.pack("<HHII", 325, 4, 1, FAR)
    path.write_bytes(content)
    assert not tiles_fit(path)


@pytest.mark.parametrize("tags", [1025, 65535])
def test_more_tags_than_a_scanner_writes(tmp_path, tags):
    (tmp_path / "a.svs").write_bytes(b"II*\0" + struct.pack("<IH", 8, tags) + bytes(12 * tags + 4))
    assert not tags_fit(tmp_path / "a.svs")


def test_more_directories_than_a_scanner_writes(tmp_path):
    """Each overlaps the one before, so that a small file holds very many."""
    pages = [struct.pack("<HI", 0, 8 + 6 * (k + 1)) for k in range(2000)]
    (tmp_path / "a.svs").write_bytes(b"II*\0" + struct.pack("<I", 8) + b"".join(pages) + bytes(20))
    assert not tags_fit(tmp_path / "a.svs")


def slide_of_a_million_tiles(path: Path, tile: bytes) -> Path:
    """A BigTIFF of 16,000 x 16,000 px in tiles of 16 px, all of which are the same few bytes of the file."""
    side, size = 1000, 16
    entries = [
        (256, 4, side * size), (257, 4, side * size), (258, 3, (8, 8, 8)), (259, 3, 8), (262, 3, 2), (277, 3, 3),
        (322, 3, size), (323, 3, size), (324, 16, None), (325, 4, None),
    ]  # fmt: skip
    head = struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16)
    tile_at = 16 + 8 + 20 * len(entries) + 8
    offsets_at = tile_at + len(tile)
    page = struct.pack("<Q", len(entries))
    for tag, kind, value in entries:
        if value is None:
            place = offsets_at if tag == 324 else offsets_at + 8 * side**2
            page += struct.pack("<HHQQ", tag, kind, side**2, place)
        elif isinstance(value, tuple):
            page += struct.pack("<HHQ3HH", tag, kind, 3, *value, 0)
        else:
            page += struct.pack("<HHQQ", tag, kind, 1, value)
    offsets = np.full(side**2, tile_at, "<u8").tobytes()
    counts = np.full(side**2, len(tile), "<u4").tobytes()
    path.write_bytes(head + page + bytes(8) + tile + offsets + counts)
    return path


def test_a_million_tiles_are_readable(tmp_path):
    import imagecodecs

    tile = np.zeros((16, 16, 3), np.uint8)
    tile[:] = (200, 120, 160)
    path = slide_of_a_million_tiles(tmp_path / "a.svs", imagecodecs.zlib_encode(tile.tobytes()))
    assert tiles_fit(path)
    slide = open_slide(path)
    assert slide.shape == (16_000, 16_000)
    assert (slide.read(0, 9000, 15_900, 50, 100) == (200, 120, 160)).all()


def test_a_tile_larger_packed_than_unpacked(tmp_path, picture):
    """Its bytes are in the file, and would be read into memory for one tile."""
    path = write_ome_tiff(tmp_path / "a.ome.tif", picture, factors=(), tile=64)
    with tifffile.TiffFile(path) as tif:
        offsets, counts = list(tif.pages[0].tags[324].value), list(tif.pages[0].tags[325].value)
    with path.open("r+b") as file:
        file.truncate(1 << 30)  # sparse: it takes no room on the disk
    counts[0] = (1 << 30) - offsets[0]
    overwritten(path, 0, 325, counts)
    with pytest.raises(InputError, match="larger packed than it is unpacked"):
        open_slide(path)


def test_directories_that_all_claim_the_whole_file(tmp_path):
    """Each is possible on its own; together they would be read for minutes."""
    content, step = bytearray(b"II*\0" + struct.pack("<I", 8)), 18
    for number in range(1000):
        content += struct.pack("<HHHIII", 1, 324, 4, 10_000, 8, 8 + step * (number + 1))
    (tmp_path / "a.svs").write_bytes(content + bytes(50_000))
    assert not tags_fit(tmp_path / "a.svs")


def test_an_offset_that_no_file_has(tmp_path, picture):
    path = write_svs(tmp_path / "a.svs", picture, factors=(4,), tile=64, bigtiff=True)
    content = bytearray(path.read_bytes())
    place = entry_of(path, 324)
    content[place + 12 : place + 20] = b"\xff" * 8
    path.write_bytes(content)
    # Nobody can read such a list, and nobody makes room for what is in it.
    assert tiles_fit(path)
    with pytest.raises(InputError, match=r"a\.svs"):
        open_slide(path)
