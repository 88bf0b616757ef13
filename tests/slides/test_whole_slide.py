from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile

from napari_wbc.errors import InputError
from napari_wbc.slides import open_slide
from napari_wbc.slides.tiff import TiffSlide
from napari_wbc.slides.whole_slide import WholeSlide
from pyramid_files import reduced

DESCRIPTION = (
    "Aperio Image Library v12.0.15\r\n{w}x{h} [0,0 {w}x{h}] (240x240) JPEG/RGB Q=90"
    "|AppMag = 40|MPP = {mpp}|Patient = Somebody|Filename = 123"
)
SECRET = (7, 7, 200)  # colour of the label


@pytest.fixture(scope="session")
def big():
    """(1500, 2105, 3): smooth, so that JPEG keeps it, and of a size that no factor divides."""
    y, x = np.mgrid[:1500, :2105]
    waves = [np.sin(y / 37 + x / 91), np.sin(y / 71 - x / 43), np.cos(y / 53 + x / 47)]
    return np.stack([165 + 60 * wave for wave in waves], axis=2).astype(np.uint8)


def write_svs(path, big, mpp="0.2527", factors=(4, 16)):
    options = {
        "photometric": "rgb",
        "compression": "jpeg",
        "compressionargs": {"level": 95},
        "metadata": None,
    }
    height, width = big.shape[:2]
    with tifffile.TiffWriter(path) as tif:
        about = DESCRIPTION.format(w=width, h=height, mpp=mpp)
        tif.write(big, tile=(240, 240), description=about, **options)
        tif.write(reduced(big, 8), description=f"{about}\r\nthumbnail", **options)
        for factor in factors:
            tif.write(reduced(big, factor), tile=(240, 240), description=about, **options)
        label = np.full((200, 300, 3), SECRET, np.uint8)
        tif.write(label, description="Aperio Image Library v12\r\nlabel 300x200", subfiletype=1, **options)
        tif.write(label, description="Aperio Image Library v12\r\nmacro 300x200", subfiletype=9, **options)
    return path


@pytest.fixture(scope="session")
def svs(tmp_path_factory, big):
    return write_svs(tmp_path_factory.mktemp("svs") / "smear.svs", big)


def test_openslide(svs, big, same_windows):
    slide = WholeSlide(svs, "smear")
    assert slide.name == "smear"
    assert [level.shape for level in slide.levels] == [(1500, 2105), (375, 526), (93, 131)]
    assert slide.metadata_um_per_px == pytest.approx(0.2527)
    decoded = tifffile.imread(svs)
    same_windows(slide, 0, decoded, tolerance=3)
    assert np.median(np.abs(decoded.astype(int) - big)) <= 1
    whole = slide.read(1, 0, 0, 375, 526)
    # Level 1 does not quite fit: 526 px stand for 2105, not 2104; openslide may interpolate by a tenth of a px.
    assert np.abs(whole.astype(int) - tifffile.imread(svs, level=1)).max() <= 8
    same_windows(slide, 1, whole)
    same_windows(pickle.loads(pickle.dumps(slide)), 1, whole)
    with ThreadPoolExecutor(4) as pool:
        windows = pool.map(
            lambda y: np.array_equal(slide.read(1, y, 30, 60, 400), whole[y : y + 60, 30:430]), range(99)
        )
    assert all(windows)
    slide.close()


def test_every_pixel_is_the_same_in_any_window(tmp_path):
    """Also where openslide interpolates because the levels do not fit, and across the blocks that are kept."""
    rng = np.random.default_rng(0)
    image = rng.integers(60, 250, (2601, 2999, 3)).astype(np.uint8)
    slide = WholeSlide(write_svs(tmp_path / "a.svs", image, factors=(2,)), "a")
    height, width = slide.levels[1].shape
    whole = slide.read(1, 0, 0, height, width)
    for y, x, h, w in [
        (1, 1, 100, 100),
        (1000, 1000, 60, 70),
        (1017, 3, 17, 1400),
        (height - 5, width - 9, 5, 9),
    ]:
        np.testing.assert_array_equal(slide.read(1, y, x, h, w), whole[y : y + h, x : x + w])


@pytest.mark.parametrize("reader", [TiffSlide, WholeSlide])
def test_label_and_macro_are_never_read(svs, reader):
    slide = reader(svs, "smear")
    for level, found in enumerate(slide.levels):
        pixels = slide.read(level, 0, 0, *found.shape).astype(int)
        assert np.abs(pixels - SECRET).max(axis=2).min() > 40
    assert "Somebody" not in repr(vars(slide))


def test_svs_without_openslide_is_read_as_the_tiff_that_it_is(svs, tmp_path):
    """In a process of its own, where openslide cannot be imported."""
    (tmp_path / "b.ndpi").write_bytes(svs.read_bytes())
    code = f"""
import sys
sys.modules["openslide"] = None
from napari_wbc.errors import InputError
from napari_wbc.slides import open_slide
slide = open_slide({str(svs)!r})
print(type(slide).__name__, [level.shape for level in slide.levels], slide.metadata_um_per_px)
try:
    open_slide({str(tmp_path / "b.ndpi")!r})
except InputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert first == "TiffSlide [(1500, 2105), (375, 526), (93, 131)] 0.2527"
    assert "napari-wbc[wsi]" in second


def test_both_readers_see_the_same(svs, same_windows):
    slide, tiff = WholeSlide(svs, "smear"), open_slide(svs)
    assert isinstance(tiff, TiffSlide)
    assert tiff.metadata_um_per_px == slide.metadata_um_per_px
    assert [level.shape for level in tiff.levels] == [level.shape for level in slide.levels]
    same_windows(tiff, 0, slide.read(0, 0, 0, *slide.shape), tolerance=3)
    assert "Somebody" not in repr(vars(tiff))


def test_tiled_tiff_named_svs(tmp_path, picture, same_windows):
    path = tmp_path / "plain.svs"
    tifffile.imwrite(path, picture, photometric="rgb", tile=(128, 128), compression="zlib", metadata=None)
    same_windows(open_slide(path), 0, picture)


@pytest.mark.parametrize("suffix", [".svs", ".ndpi", ".mrxs", ".scn", ".bif", ".svslide", ".czi"])
def test_broken(tmp_path, svs, suffix):
    content = svs.read_bytes()
    for name, kept in [
        ("empty", b""),
        ("text", b"no slide"),
        ("head", content[:40]),
        ("cut", content[: len(content) // 2]),
    ]:
        path = tmp_path / f"{name}{suffix}"
        path.write_bytes(kept)
        with pytest.raises(InputError, match=path.name) as caught:
            open_slide(path)
        assert "\n" not in str(caught.value)


def test_damage_within_is_told_when_it_is_read(tmp_path, svs):
    path = tmp_path / "a.svs"
    path.write_bytes(svs.read_bytes())
    with tifffile.TiffFile(path) as tif:
        offset, size = tif.pages[0].dataoffsets[-1], tif.pages[0].databytecounts[-1]
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\0" * size)
    for slide in (open_slide(path), WholeSlide(path, "a")):
        slide.read(0, 0, 0, 9, 9)
        with pytest.raises(InputError, match=r"broken at y=1\d+, x=\d+ of level 0"):
            slide.read(0, 1490, 2095, 9, 9)


def test_openslide_gets_what_is_no_plain_svs(tmp_path, svs, same_windows):
    """Under the name of another scanner openslide is the only reader; an SVS goes to it where tifffile gives up."""
    other = tmp_path / "smear.bif"
    other.write_bytes(svs.read_bytes())
    slide = open_slide(other)
    assert isinstance(slide, WholeSlide)
    same_windows(slide, 0, open_slide(svs).read(0, 0, 0, *slide.shape), tolerance=3)
    stack = tmp_path / "stack.svs"
    tifffile.imwrite(stack, np.zeros((2, 64, 64, 3), np.uint8), photometric="rgb", metadata={"axes": "ZYXS"})
    with pytest.raises(InputError, match="2 images"):
        open_slide(stack)


@pytest.mark.parametrize(
    ("mpp", "expected"),
    [
        ("0.2527", 0.2527),
        ("0", None),
        ("-1", None),
        ("", None),
        ("0,25", 0.25),
        ("252.7", 252.7),
        ("1e-1", 0.1),
    ],
)
def test_stated_scales(tmp_path, big, mpp, expected):
    """What cannot be meant as µm per px is no scale (``resolve_scale`` refuses 252.7)."""
    path = write_svs(tmp_path / "a.svs", big[:500, :700], mpp=mpp, factors=(2,))
    assert open_slide(path).metadata_um_per_px == (expected if expected is None else pytest.approx(expected))
    found = WholeSlide(path, "a").metadata_um_per_px
    assert found is None or found == pytest.approx(expected)
