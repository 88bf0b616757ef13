from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile

from napari_wbc.errors import InputError
from napari_wbc.slides import open_slide


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"rowsperstrip": 7},
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": True, "rowsperstrip": 50},
        {"compression": "lzw", "tile": (128, 96)},
        {"tile": (256, 256)},
        {"planarconfig": "separate"},
        {"planarconfig": "separate", "tile": (128, 128), "compression": "zstd"},
        {"metadata": None},
        {"ome": True},
        {"imagej": True},
    ],
    ids=str,
)
def test_every_layout(tmp_path, picture, same_windows, options):
    planar = options.get("planarconfig") == "separate"
    path = tmp_path / "a.tif"
    pixels = np.moveaxis(picture, 2, 0) if planar else picture
    if options.pop("imagej", False):
        tifffile.imwrite(path, pixels, imagej=True)
    else:
        tifffile.imwrite(path, pixels, photometric="rgb", **options)
    slide = open_slide(path)
    assert slide.name == "a"
    assert slide.metadata_um_per_px is None
    same_windows(slide, 0, picture)
    same_windows(pickle.loads(pickle.dumps(slide)), 0, picture)
    slide.close()


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_16_bit(tmp_path, picture, same_windows, byteorder):
    image = picture.copy()
    image[0, 0] = 255
    for bits in (12, 16):
        for tile in (None, (128, 128)):
            deep = np.rint(image / 255 * (2**bits - 1)).astype(np.uint16)
            tifffile.imwrite(tmp_path / "a.tif", deep, photometric="rgb", byteorder=byteorder, tile=tile)
            same_windows(open_slide(tmp_path / "a.tif"), 0, image)


def test_float_and_rgba(tmp_path, picture, same_windows):
    tifffile.imwrite(
        tmp_path / "f.tif", (picture / 255).astype(np.float32), photometric="rgb", tile=(128, 128)
    )
    same_windows(open_slide(tmp_path / "f.tif"), 0, picture)
    alpha = np.full(picture.shape[:2], 51, np.uint8)
    plain = np.dstack([picture, alpha])
    tifffile.imwrite(tmp_path / "a.tif", plain, photometric="rgb", extrasamples=["unassalpha"])
    same_windows(open_slide(tmp_path / "a.tif"), 0, np.rint(picture * 0.2 + 204), tolerance=1)
    multiplied = np.dstack([np.rint(picture * 0.2).astype(np.uint8), alpha])
    tifffile.imwrite(tmp_path / "m.tif", multiplied, photometric="rgb", extrasamples=["assocalpha"])
    same_windows(open_slide(tmp_path / "m.tif"), 0, np.rint(picture * 0.2 + 204), tolerance=1)
    tifffile.imwrite(tmp_path / "u.tif", plain, photometric="rgb", extrasamples=["unspecified"])
    same_windows(open_slide(tmp_path / "u.tif"), 0, picture)


def read_all(path):
    slide = open_slide(path)
    return slide.read(0, 0, 0, *slide.shape)


def write_pyramid(
    path, picture, half, *, subifds, ome=False, resolution=None, unit=None, metadata=None, label=None
):
    with tifffile.TiffWriter(path, ome=ome) as tif:
        options = {"photometric": "rgb", "tile": (128, 128), "compression": "zlib"}
        tif.write(
            picture,
            subifds=1 if subifds else 0,
            metadata=metadata if ome else None,
            resolution=resolution,
            resolutionunit=unit,
            **options,
        )
        tif.write(half, subfiletype=1, metadata=None, **options)
        if label is not None:
            tif.write(label, photometric="rgb", metadata=None)


@pytest.mark.parametrize(("subifds", "ome"), [(True, True), (True, False), (False, False)])
def test_pyramids(tmp_path, picture, half, same_windows, subifds, ome):
    path = tmp_path / "a.ome.tif"
    label = np.full((300, 400, 3), (200, 30, 30), np.uint8)
    write_pyramid(path, picture, half, subifds=subifds, ome=ome, metadata={"axes": "YXS"}, label=label)
    slide = open_slide(path)
    assert slide.name == "a"
    assert len(slide.levels) == 2
    same_windows(slide, 0, picture)
    same_windows(slide, 1, half)
    assert slide.levels[1].downsample == pytest.approx(2.0, abs=0.01)


def test_label_of_the_slides_proportions_is_no_level(tmp_path, picture, half, same_windows):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        tif.write(picture, photometric="rgb", tile=(128, 128), metadata=None)
        tif.write(
            half, photometric="rgb", metadata=None
        )  # strips, not said to be reduced: a picture of its own
    slide = open_slide(path)
    assert len(slide.levels) == 1
    same_windows(slide, 0, picture)


@pytest.mark.parametrize("unit", ["µm", "nm", "mm", None, "pixel"])
def test_ome_scale(tmp_path, picture, unit):
    factor = {"nm": 1000, "mm": 0.001}.get(unit, 1)
    metadata = {"axes": "YXS", "PhysicalSizeX": 0.092 * factor, "PhysicalSizeY": 0.092 * factor}
    if unit:
        metadata |= {"PhysicalSizeXUnit": unit, "PhysicalSizeYUnit": unit}
    tifffile.imwrite(tmp_path / "a.ome.tif", picture, photometric="rgb", ome=True, metadata=metadata)
    expected = None if unit == "pixel" else pytest.approx(0.092)
    assert open_slide(tmp_path / "a.ome.tif").metadata_um_per_px == expected


def test_ome_planes_of_red_green_and_blue(tmp_path, picture, same_windows):
    planes = np.moveaxis(picture, 2, 0)
    for names, fine in [(None, True), (["Red", "Green", "Blue"], True), (["DAPI", "FITC", "Cy5"], False)]:
        metadata = {"axes": "CYX"} | ({"Channel": {"Name": names}} if names else {})
        tifffile.imwrite(
            tmp_path / "a.ome.tif", planes, photometric="minisblack", ome=True, metadata=metadata
        )
        if fine:
            same_windows(open_slide(tmp_path / "a.ome.tif"), 0, picture)
        else:
            with pytest.raises(InputError, match="'DAPI' is not red"):
                open_slide(tmp_path / "a.ome.tif")


def test_significant_bits(tmp_path, picture, same_windows):
    deep = np.rint(picture / 255 * 4095).astype(np.uint16) // 8
    metadata = {"axes": "YXS", "SignificantBits": 12}
    tifffile.imwrite(tmp_path / "a.ome.tif", deep, photometric="rgb", ome=True, metadata=metadata)
    same_windows(open_slide(tmp_path / "a.ome.tif"), 0, np.rint(deep / 4095 * 255))


@pytest.mark.parametrize(
    ("resolution", "unit", "expected"),
    [
        ((72, 72), "inch", None),
        ((300, 300), "inch", None),
        ((118.11, 118.11), "centimeter", None),
        ((100000, 100000), "centimeter", 0.1),
        ((254000, 254000), "inch", 0.1),
        ((100000, 50000), "centimeter", None),
        ((10, 10), "none", None),
    ],
)
def test_resolution_tags(tmp_path, picture, resolution, unit, expected):
    tifffile.imwrite(
        tmp_path / "a.tif", picture, photometric="rgb", resolution=resolution, resolutionunit=unit
    )
    found = open_slide(tmp_path / "a.tif").metadata_um_per_px
    assert found == (expected if expected is None else pytest.approx(expected, rel=1e-4))


@pytest.mark.parametrize(
    ("unit", "per_unit", "expected"), [("um", 10.0, 0.1), ("nm", 0.01, 0.1), ("pixel", 10.0, None)]
)
def test_imagej_scale(tmp_path, picture, unit, per_unit, expected):
    tifffile.imwrite(
        tmp_path / "a.tif", picture, imagej=True, resolution=(per_unit, per_unit), metadata={"unit": unit}
    )
    found = open_slide(tmp_path / "a.tif").metadata_um_per_px
    assert found == (expected if expected is None else pytest.approx(expected, rel=1e-4))


def test_tiles_that_are_left_out_are_white(tmp_path):
    path = tmp_path / "sparse.tif"
    dark = np.full((256, 256, 3), (9, 8, 7), np.uint8)
    options = {"shape": (512, 512, 3), "dtype": np.uint8, "photometric": "rgb", "tile": (256, 256)}
    tifffile.imwrite(path, iter([dark, None, None, dark]), compression="zlib", **options)
    read = open_slide(path).read(0, 0, 0, 512, 512)
    np.testing.assert_array_equal(read[:256, :256], dark)
    assert (read[:256, 256:] == 255).all()


def test_threads_share_a_slide(tmp_path, picture):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, picture, photometric="rgb", tile=(64, 64), compression="zlib")
    slide = open_slide(path)

    def read(seed):
        rng = np.random.default_rng(seed)
        for y, x in zip(rng.integers(0, 500, 40), rng.integers(0, 700, 40), strict=True):
            if not np.array_equal(slide.read(0, y, x, 100, 100), picture[y : y + 100, x : x + 100]):
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(16)))


@pytest.mark.parametrize("keep", [9, 0.3, 0.8, 0.97])
@pytest.mark.parametrize("options", [{}, {"tile": (128, 128), "compression": "zlib"}, {"ome": True}], ids=str)
def test_truncated(tmp_path, picture, keep, options):
    tifffile.imwrite(tmp_path / "whole.tif", picture, photometric="rgb", **options)
    content = (tmp_path / "whole.tif").read_bytes()
    path = tmp_path / "cut.tif"
    path.write_bytes(content[: int(len(content) * keep) if keep < 1 else keep])
    with pytest.raises(InputError, match=r"truncated|broken") as caught:
        read_all(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_tile(tmp_path, picture):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, picture, photometric="rgb", tile=(128, 128), compression="zlib")
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages[0].dataoffsets[-1]
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * 200)
    slide = open_slide(path)
    slide.read(0, 0, 0, 100, 100)
    with pytest.raises(InputError, match="broken"):
        slide.read(0, 590, 800, 2, 2)


@pytest.mark.parametrize(
    ("pixels", "options", "message"),
    [
        (np.zeros((90, 80), np.uint8), {}, "grey"),
        (np.zeros((5, 90, 80, 3), np.uint8), {"photometric": "rgb"}, "5 images"),
        (np.zeros((7, 90, 80), np.uint8), {"photometric": "minisblack"}, "7 images"),
        (
            np.zeros((90, 80, 5), np.uint8),
            {"photometric": "minisblack", "planarconfig": "contig"},
            "5 channels",
        ),
        (np.zeros((90, 80, 3), np.int32), {"photometric": "rgb"}, "int32"),
        (np.zeros((90, 80, 4), np.uint8), {"photometric": "separated"}, "not stored as RGB"),
        (np.full((90, 80, 3), np.nan, np.float32), {"photometric": "rgb"}, "NaN"),
    ],
)
def test_refused(tmp_path, pixels, options, message):
    tifffile.imwrite(tmp_path / "a.tif", pixels, **options)
    with pytest.raises(InputError, match=message):
        open_slide(tmp_path / "a.tif")


def test_large_image_in_one_compressed_strip_is_refused(tmp_path):
    """It could only be decoded as a whole; uncompressed it is cut from the file."""
    path = tmp_path / "a.tif"
    blank = np.zeros((1, 40000, 3), np.uint8)
    tifffile.imwrite(
        path,
        np.broadcast_to(blank, (12000, 40000, 3))[:600],
        photometric="rgb",
        compression="zlib",
        rowsperstrip=600,
    )
    with path.open("r+b") as file, tifffile.TiffFile(file) as tif:
        tags = tif.pages[0].tags
        tags["ImageLength"].overwrite(12000)
        tags["RowsPerStrip"].overwrite(12000)
    with pytest.raises(InputError, match="too large to be read without tiles"):
        open_slide(path)


def test_text_named_tif(tmp_path):
    (tmp_path / "a.tif").write_text("not a picture")
    with pytest.raises(InputError, match="not an image"):
        open_slide(tmp_path / "a.tif")
