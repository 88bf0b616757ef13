"""Tiles that a file leaves out are glass; tiles that are cut short are told with their place, never read as grey."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

from napari_wbc.errors import InputError
from napari_wbc.slides import open_slide
from napari_wbc.slides.tiff import TiffSlide
from napari_wbc.slides.whole_slide import WholeSlide
from pyramid_files import JPEG2000_RGB, JPEG2000_YCC, write_ome_tiff, write_svs

TILE = 128


@pytest.mark.parametrize("compression", ["jpeg", "jpeg2000", "zlib", "lzw", "webp", "zstd", JPEG2000_YCC])
def test_a_tile_cut_short_in_the_middle_is_told(
    tmp_path: Path, picture: np.ndarray, compression: str | int
) -> None:
    path = write_ome_tiff(tmp_path / "a.ome.tif", picture, compression=compression, factors=(2,), tile=TILE)
    with tifffile.TiffFile(path, mode="r+b") as tif:
        sizes = list(tif.pages[0].databytecounts)
        # Seven tiles in a row: the third of the third row.
        sizes[16] //= 2
        tif.pages[0].tags["TileByteCounts"].overwrite(sizes)
    slide = open_slide(path)
    assert slide.read(0, 0, 0, 2 * TILE, 800).shape == (256, 800, 3)
    with pytest.raises(
        InputError, match=r"a\.ome\.tif: the file is broken at y=256, x=256 of level 0"
    ) as caught:
        slide.read(0, 0, 0, *slide.shape)
    assert "\n" not in str(caught.value)
    # What lies elsewhere goes on being readable.
    assert slide.read(1, 0, 0, 300, 403).shape == (300, 403, 3)


def sparse_svs(path: Path) -> np.ndarray:
    """Every other tile has no bytes, as scanners leave out glass; gives the pixels."""
    dark = np.full((TILE, TILE, 3), (120, 60, 130), np.uint8)
    packed = imagecodecs.jpeg8_encode(dark, level=95)
    about = "Aperio Image Library v12.0.15\r\n512x384 [0,0 512x384] (128x128) JPEG/RGB Q=95|AppMag = 40|MPP = 0.25"
    tiles = [packed if k % 2 == 0 else b"" for k in range(12)]
    expected = np.full((3 * TILE, 4 * TILE, 3), 255, np.uint8)
    for k in range(0, 12, 2):
        y, x = TILE * (k // 4), TILE * (k % 4)
        expected[y : y + TILE, x : x + TILE] = imagecodecs.jpeg8_decode(packed)
    with tifffile.TiffWriter(path) as tif:
        tif.write(
            iter(tiles),
            shape=expected.shape,
            dtype=np.uint8,
            tile=(TILE, TILE),
            photometric="ycbcr",
            compression="jpeg",
            description=about,
            metadata=None,
        )
    return expected


def test_tiles_without_bytes_are_glass(tmp_path: Path) -> None:
    expected = sparse_svs(tmp_path / "a.svs")
    for slide in (TiffSlide(tmp_path / "a.svs", "a"), WholeSlide(tmp_path / "a.svs", "a")):
        found = slide.read(0, 0, 0, *slide.shape)
        assert np.abs(found.astype(int) - expected).max() <= 3, slide


@pytest.mark.parametrize("compression", ["jpeg", JPEG2000_YCC, JPEG2000_RGB])
def test_threads_and_workers_read_the_same(
    tmp_path: Path, picture: np.ndarray, compression: str | int
) -> None:
    path = write_svs(tmp_path / "a.svs", picture, compression=compression, factors=(4,), tile=64)
    for reader in (TiffSlide, WholeSlide):
        slide = pickle.loads(pickle.dumps(reader(path, "a")))
        whole = slide.read(0, 0, 0, *slide.shape)

        def same(seed: int, slide=slide, whole=whole) -> bool:
            rng = np.random.default_rng(seed)
            corners = zip(rng.integers(0, 500, 20), rng.integers(0, 700, 20), strict=True)
            return all(
                np.array_equal(slide.read(0, y, x, 100, 100), whole[y : y + 100, x : x + 100])
                for y, x in corners
            )

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(same, range(16)))
        slide.close()


def test_an_svs_that_only_openslide_can_decode(
    tmp_path: Path, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is that imagecodecs cannot read."""
    path = write_svs(tmp_path / "a.svs", picture, compression=JPEG2000_YCC, factors=(4,), tile=64)
    expected = open_slide(path).read(0, 0, 0, 100, 100)

    def gives_up(*_: object, **__: object) -> None:
        raise imagecodecs.Jpeg2kError("opj_decode", "subsampling not supported")

    monkeypatch.setattr(imagecodecs, "jpeg2k_decode", gives_up)
    tifffile.TIFF.DECOMPRESSORS._codecs.clear()
    slide = open_slide(path)
    tifffile.TIFF.DECOMPRESSORS._codecs.clear()
    assert isinstance(slide, WholeSlide)
    assert np.abs(slide.read(0, 0, 0, 100, 100).astype(int) - expected).max() <= 2


def test_a_truncated_svs_is_called_truncated(tmp_path: Path, picture: np.ndarray) -> None:
    """Whatever openslide makes of it."""
    path = write_svs(tmp_path / "a.svs", picture, factors=(4,), tile=64)
    content = path.read_bytes()
    for kept in (0.3, 0.6, 0.9):
        path.write_bytes(content[: int(kept * len(content))])
        with pytest.raises(InputError, match=r"a\.svs: the (TIFF|file) is truncated"):
            open_slide(path)
