from __future__ import annotations

import hashlib
import pickle
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from napari_wbc.errors import InputError
from napari_wbc.slides import image_sha256, open_slide


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "A.PNG", "named.tif", "no_ending", "b.svs"])
def test_lossless(tmp_path, picture, same_windows, name):
    path = tmp_path / name
    Image.fromarray(picture).save(path, format="BMP" if name.endswith("bmp") else "PNG")
    slide = open_slide(path)
    assert slide.name == path.stem
    assert slide.path == path
    assert slide.metadata_um_per_px is None
    same_windows(slide, 0, picture)
    same_windows(pickle.loads(pickle.dumps(slide)), 0, picture)
    assert image_sha256(slide) == hashlib.sha256(path.read_bytes()).hexdigest()
    slide.close()


def test_webp_and_string_path(tmp_path, picture, same_windows):
    path = tmp_path / "a.webp"
    Image.fromarray(picture).save(path, lossless=True)
    same_windows(open_slide(str(path)), 0, picture)


def test_jpeg_as_pillow_decodes_it(tmp_path, picture, same_windows):
    path = tmp_path / "a.jpg"
    Image.fromarray(picture).save(path, quality=90)
    same_windows(open_slide(path), 0, np.asarray(Image.open(path)))


def test_orientation_is_ignored(tmp_path, picture):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "phone.jpg"
    Image.fromarray(picture).save(path, exif=exif)
    assert open_slide(path).shape == picture.shape[:2]


def test_16_bit_png_is_scaled_by_its_depth(tmp_path, picture, same_windows):
    image = picture.copy()
    image[0, 0] = 255
    for bits in (12, 16):
        path = tmp_path / f"deep{bits}.png"
        path.write_bytes(imagecodecs.png_encode(np.rint(image / 255 * (2**bits - 1)).astype(np.uint16)))
        same_windows(open_slide(path), 0, image)


def test_palette_and_transparency(tmp_path, picture):
    palette = Image.fromarray(picture).convert("P", palette=Image.Palette.ADAPTIVE)
    palette.save(tmp_path / "palette.png")
    read = open_slide(tmp_path / "palette.png").read(0, 0, 0, *picture.shape[:2])
    np.testing.assert_array_equal(read, np.asarray(palette.convert("RGB")))
    rgba = np.dstack([picture, np.zeros(picture.shape[:2], np.uint8)])
    Image.fromarray(rgba).save(tmp_path / "glass.png")
    assert (open_slide(tmp_path / "glass.png").read(0, 0, 0, 5, 5) == 255).all()


def test_scale_only_where_the_resolution_is_one_of_a_microscope(tmp_path, picture):
    image = Image.fromarray(picture)
    for dpi, um in [(72, None), (96, None), (300, None), (254000, 0.1)]:
        path = tmp_path / f"{dpi}.png"
        image.save(path, dpi=(dpi, dpi))
        assert open_slide(path).metadata_um_per_px == (um if um is None else pytest.approx(um, rel=1e-3))


def test_grey_is_refused(tmp_path, picture):
    grey = Image.fromarray(picture).convert("L")
    grey.save(tmp_path / "l.png")
    grey.save(tmp_path / "l.jpg")
    grey.convert("RGB").save(tmp_path / "rgb.png")
    grey.convert("1").save(tmp_path / "bit.bmp")
    grey.convert("LA").save(tmp_path / "la.png")
    for path in tmp_path.iterdir():
        with pytest.raises(InputError, match="grey"):
            open_slide(path)


def test_cmyk_is_refused(tmp_path, picture):
    Image.fromarray(picture).convert("CMYK").save(tmp_path / "print.jpg")
    with pytest.raises(InputError, match="CMYK"):
        open_slide(tmp_path / "print.jpg")


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "webp"])
@pytest.mark.parametrize("keep", [20, 0.3, 0.9])
def test_truncated(tmp_path, picture, suffix, keep):
    whole = tmp_path / f"whole.{suffix}"
    Image.fromarray(picture).save(whole)
    content = whole.read_bytes()
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(content[: keep if keep > 1 else int(len(content) * keep)])
    with pytest.raises(InputError, match=r"truncated|broken") as caught:
        open_slide(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_image(tmp_path):
    (tmp_path / "text.png").write_text("cell_id,y_px,x_px\n1,2,3\n")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder").mkdir()
    for name, message in [
        ("text.png", "not an image"),
        ("empty.png", "empty"),
        ("folder", "no OME-Zarr"),
        ("missing.png", "no such file"),
        ("missing\0.png", "no such file|cannot be opened"),
    ]:
        with pytest.raises(InputError, match=message) as caught:
            open_slide(tmp_path / name)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("limit", [Image.MAX_IMAGE_PIXELS, None])
def test_bomb(tmp_path, monkeypatch, limit):
    """A PNG of a few bytes that claims 60,000 x 60,000 px is refused before anything is decoded.

    Also where another plugin of the viewer took away Pillow's own limit.
    """
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    chunk = b"IHDR" + struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "bomb.png").write_bytes(bomb + struct.pack(">I", 8) + b"IDAT" + b"\0" * 64)
    with pytest.raises(InputError, match="megapixels"):
        open_slide(tmp_path / "bomb.png")
    (tmp_path / "bomb.bmp").write_bytes(
        b"BM"
        + struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, 60000, 60000, 1, 24, 0, 0, 0, 0, 0, 0)
        + b"\0" * 64
    )
    with pytest.raises(InputError, match="megapixels"):
        open_slide(tmp_path / "bomb.bmp")
