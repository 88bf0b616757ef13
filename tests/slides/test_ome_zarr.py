from __future__ import annotations

import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import zarr

from napari_wbc.errors import InputError
from napari_wbc.slides import image_sha256, open_slide

WAYS = {"yxc": (0, 1, 2), "cyx": (2, 0, 1), "tczyx": (2, 0, 1)}


def write(path, levels, *, axes="yxc", version="0.5", unit="micrometer", um=0.092, channels=None, below=None):
    """An OME-Zarr as the specification has it, with zarr alone."""
    zarr_format = 3 if version == "0.5" else 2
    root = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    group = root.create_group(below) if below else root
    datasets = []
    for i, level in enumerate(levels):
        pixels = level.transpose(WAYS[axes]) if level.ndim == 3 else level
        for at, axis in enumerate(axes):
            if axis in "tz":
                pixels = np.expand_dims(pixels, at)
        lengths = {"y": 128, "x": 128, "c": 1 if axes == "cyx" else 4}
        chunks = tuple(min(n, lengths.get(axis, 1)) for n, axis in zip(pixels.shape, axes, strict=True))
        array = group.create_array(str(i), shape=pixels.shape, chunks=chunks, dtype=pixels.dtype)
        array[:] = pixels
        scale = [um * 2**i if axis in "yx" else 1.0 for axis in axes]
        datasets.append({"path": str(i), "coordinateTransformations": [{"type": "scale", "scale": scale}]})
    kinds = {"c": "channel", "t": "time"}
    described = [
        {"name": axis, "type": kinds.get(axis, "space")} | ({"unit": unit} if unit and axis in "zyx" else {})
        for axis in axes
    ]
    ome = {"multiscales": [{"axes": described, "datasets": datasets, "name": "smear", "version": version}]}
    if channels:
        ome["omero"] = {"channels": [{"label": label} for label in channels]}
    group.attrs.update({"ome": ome | {"version": "0.5"}} if version == "0.5" else ome)
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["yxc", "cyx", "tczyx"])
def test_windows_and_scale(tmp_path, picture, half, same_windows, version, axes):
    slide = open_slide(write(tmp_path / "smear.ome.zarr", [picture, half], axes=axes, version=version))
    assert slide.name == "smear"
    assert slide.metadata_um_per_px == pytest.approx(0.092)
    same_windows(slide, 0, picture)
    same_windows(slide, 1, half)
    same_windows(pickle.loads(pickle.dumps(slide)), 1, half)


def test_16_bit_and_rgba(tmp_path, picture, same_windows):
    deep = picture.astype(np.uint16) * 257
    same_windows(open_slide(write(tmp_path / "a.zarr", [deep])), 0, picture)
    clear = np.dstack([picture, np.zeros(picture.shape[:2], np.uint8)])
    assert (open_slide(write(tmp_path / "b.zarr", [clear])).read(0, 0, 0, 9, 9) == 255).all()


def test_image_one_folder_down(tmp_path, picture, same_windows):
    """The layout that bioformats2raw writes."""
    same_windows(open_slide(write(tmp_path / "a.zarr", [picture], below="0", version="0.4")), 0, picture)


@pytest.mark.parametrize(
    ("unit", "um", "expected"),
    [("nanometer", 92.0, 0.092), ("millimeter", 0.0001, 0.1), (None, 0.092, None), ("micrometer", 1.0, None)],
)
def test_units(tmp_path, picture, unit, um, expected):
    found = open_slide(write(tmp_path / "a.zarr", [picture], unit=unit, um=um)).metadata_um_per_px
    assert found == (expected if expected is None else pytest.approx(expected))


def test_scale_of_all_levels_is_multiplied_in(tmp_path, picture):
    path = write(tmp_path / "a.zarr", [picture], um=2.0, version="0.4")
    attributes = json.loads((path / ".zattrs").read_text())
    attributes["multiscales"][0]["coordinateTransformations"] = [
        {"type": "scale", "scale": [0.05, 0.05, 1.0]}
    ]
    (path / ".zattrs").write_text(json.dumps(attributes))
    assert open_slide(path).metadata_um_per_px == pytest.approx(0.1)


def test_threads(tmp_path, picture):
    slide = open_slide(write(tmp_path / "a.zarr", [picture]))

    def read(y):
        return np.array_equal(slide.read(0, y, 50, 100, 300), picture[y : y + 100, 50:350])

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(read, range(0, 500, 25)))


def test_sha256_is_of_the_files(tmp_path, picture):
    slide = open_slide(write(tmp_path / "one" / "a.zarr", [picture]))
    same = open_slide(write(tmp_path / "two" / "a.zarr", [picture]))
    assert image_sha256(slide) == image_sha256(same)
    write(tmp_path / "two" / "a.zarr", [picture[::-1]])
    assert image_sha256(slide) != image_sha256(open_slide(tmp_path / "two" / "a.zarr"))


def test_other_channels_are_refused(tmp_path, picture):
    with pytest.raises(InputError, match="'DAPI' is not red"):
        open_slide(write(tmp_path / "a.zarr", [picture], channels=["DAPI", "FITC", "Cy5"]))
    assert open_slide(write(tmp_path / "b.zarr", [picture], channels=["Red", "Green", "Blue"])).shape
    five = np.dstack([picture, picture[..., :2]])
    with pytest.raises(InputError, match="5 channels"):
        open_slide(write(tmp_path / "c.zarr", [five]))
    with pytest.raises(InputError, match="grey"):
        open_slide(write(tmp_path / "d.zarr", [picture[..., 0]], axes="yx"))


def test_no_ome_zarr(tmp_path, picture):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.png").touch()
    zarr.open_group(tmp_path / "plain.zarr", mode="w").create_array("0", shape=(9, 9, 3), dtype="u1")
    zarr.create_array(tmp_path / "array.zarr", shape=(9, 9, 3), dtype="u1")
    for name in ("folder", "plain.zarr", "array.zarr"):
        with pytest.raises(InputError, match="no OME-Zarr image"):
            open_slide(tmp_path / name)


def test_broken(tmp_path, picture):
    path = write(tmp_path / "a.zarr", [picture])
    (path / "zarr.json").write_text("{")
    with pytest.raises(InputError, match="broken") as caught:
        open_slide(path)
    assert "\n" not in str(caught.value)
    path = write(tmp_path / "b.zarr", [picture])
    for chunk in (path / "0" / "c").rglob("*"):
        if chunk.is_file():
            chunk.write_bytes(b"\0" * 7)
    with pytest.raises(InputError, match="broken"):
        open_slide(path)
    path = write(tmp_path / "c.zarr", [picture])
    (path / "0" / "zarr.json").unlink()
    with pytest.raises(InputError, match=r"broken|incomplete"):
        open_slide(path)
