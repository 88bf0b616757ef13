"""The files of a drawn smear, opened again by others."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_wbc.errors import Cancelled, InputError, OutputError
from napari_wbc.execution.progress import CancelToken
from napari_wbc.slides.synthetic import SmearParameters, SyntheticSmear, write_sample
from napari_wbc.slides.synthetic.reduction import level_shapes

# Not a multiple of any tile; two coarser levels would need more than four megapixels.
PARAMETERS = SmearParameters(height=700, width=1150, um_per_px=0.16, seed=3, composition={"lymphocyte": 1.0})


@pytest.fixture(scope="module")
def picture():
    return SyntheticSmear(PARAMETERS).draw(0, 0, 700, 1150)


def reduced(picture):
    return picture[:700, :1148].reshape(175, 4, 287, 4, 3).mean((1, 3))


def test_png_carries_its_scale(tmp_path, picture):
    from PIL import Image

    with Image.open(write_sample(tmp_path / "s.png", PARAMETERS)) as image:
        assert image.info["dpi"] == pytest.approx((25400 / 0.16, 25400 / 0.16))
        assert (np.asarray(image) == picture).all()


def test_ome_tiff_is_a_lossless_pyramid(tmp_path, picture):
    import tifffile

    with tifffile.TiffFile(write_sample(tmp_path / "s.ome.tiff", PARAMETERS)) as tiff:
        levels = tiff.series[0].levels
        assert tiff.is_ome
        assert [level.shape for level in levels] == [(700, 1150, 3), (175, 287, 3)]
        assert levels[0].keyframe.is_tiled
        assert (levels[0].asarray() == picture).all()
        assert np.abs(levels[1].asarray() - reduced(picture)).max() <= 0.5
        assert 'PhysicalSizeX="0.16" PhysicalSizeXUnit="µm"' in tiff.ome_metadata


def test_ome_tiff_with_jpeg(tmp_path, picture):
    import tifffile

    parameters = dataclasses.replace(PARAMETERS, jpeg_quality=90)
    image = tifffile.imread(write_sample(tmp_path / "s.ome.tif", parameters))
    assert 0 < np.abs(image.astype(int) - picture).mean() < 4


def test_ome_zarr_has_multiscales(tmp_path, picture):
    import zarr

    group = zarr.open_group(write_sample(tmp_path / "s.ome.zarr", PARAMETERS), mode="r")
    (multiscale,) = group.attrs["multiscales"]
    assert [axis["name"] for axis in multiscale["axes"]] == ["c", "y", "x"]
    assert multiscale["datasets"][0]["coordinateTransformations"] == [
        {"type": "scale", "scale": [1.0, 0.16, 0.16]}
    ]
    assert (np.moveaxis(group["0"][:], 0, 2) == picture).all()
    assert np.abs(np.moveaxis(group["1"][:], 0, 2) - reduced(picture)).max() <= 0.5


def test_svs_opens_in_openslide(tmp_path, picture):
    openslide = pytest.importorskip("openslide")
    with openslide.OpenSlide(write_sample(tmp_path / "s.svs", PARAMETERS)) as slide:
        assert slide.properties["openslide.vendor"] == "aperio"
        assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(0.16)
        assert slide.level_dimensions == ((1150, 700), (287, 175))
        assert "thumbnail" in slide.associated_images
        image = np.asarray(slide.read_region((0, 0), 0, (1150, 700)))[..., :3]
    assert np.abs(image.astype(int) - picture).mean() < 4


@pytest.mark.parametrize("name", ["s.png", "s.ome.tiff", "s.ome.zarr", "s.svs"])
def test_our_own_reader_knows_the_scale(tmp_path, name):
    from napari_wbc.slides import open_slide

    slide = open_slide(write_sample(tmp_path / name, PARAMETERS))
    assert slide.shape == (700, 1150)
    assert slide.metadata_um_per_px == pytest.approx(0.16)
    slide.close()


def test_truth_lies_beside_and_files_are_reproducible(tmp_path):
    for run in "ab":
        (tmp_path / run).mkdir()
        for name in ("s.ome.tiff", "t.svs", "u.png"):
            write_sample(tmp_path / run / name, PARAMETERS)
    names = sorted(f.name for f in (tmp_path / "a").iterdir())
    assert names == ["s.ome.tiff", "s.truth.csv", "t.svs", "t.truth.csv", "u.png", "u.truth.csv"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    written = pd.read_csv(tmp_path / "a" / "s.truth.csv")
    truth = SyntheticSmear(PARAMETERS).truth()
    assert list(written.columns) == list(truth.columns)
    pd.testing.assert_frame_equal(written, truth.round(2), check_dtype=False, atol=0.006)


@pytest.mark.parametrize("name", ["s.png", "s.ome.tiff", "s.ome.zarr", "s.svs"])
def test_cancel_leaves_nothing(tmp_path, name):
    cancel = CancelToken()
    asked = 0.0

    def stop_at_third(progress):
        nonlocal asked
        if progress.stage == "Drawing the smear" and progress.done == 3:
            asked = time.process_time()
            cancel.cancel()

    with pytest.raises(Cancelled):
        write_sample(
            tmp_path / name,
            dataclasses.replace(PARAMETERS, height=4000, width=4000),
            progress=stop_at_third,
            cancel=cancel,
        )
    assert asked > 0
    # Processor time: how busy the machine is with other work does not matter.
    assert time.process_time() - asked < 1
    assert list(tmp_path.iterdir()) == []


def test_progress_reaches_its_end(tmp_path):
    seen = []
    write_sample(tmp_path / "s.png", PARAMETERS, progress=seen.append)
    drawing = [p for p in seen if p.stage == "Drawing the smear"]
    assert drawing[-1].done == drawing[-1].total == len(drawing)


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match=r"write \.ome\.tiff"):
        write_sample(tmp_path / "s.png", SmearParameters(height=40_000, width=40_000))
    with pytest.raises(InputError, match="the ending tells no format"):
        write_sample(tmp_path / "s.bmp", PARAMETERS)
    with pytest.raises(InputError, match="unknown format"):
        write_sample(tmp_path / "s.png", PARAMETERS, format="bmp")
    with pytest.raises(OutputError, match="is not there"):
        write_sample(tmp_path / "nowhere" / "s.png", PARAMETERS)
    assert list(tmp_path.iterdir()) == []


def test_level_shapes_end_small():
    assert level_shapes((80_000, 100_000)) == [
        (80_000, 100_000),
        (20_000, 25_000),
        (5000, 6250),
        (1250, 1562),
        (312, 390),
    ]
    assert level_shapes((300, 400)) == [(300, 400)]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak memory from /proc")
def test_memory_does_not_grow_with_the_image(tmp_path):
    code = textwrap.dedent(
        """
        import sys
        from napari_wbc.slides.synthetic import SmearParameters, write_sample
        height = int(sys.argv[2])
        write_sample(sys.argv[1], SmearParameters(height=height, width=6000, um_per_px=0.16, jpeg_quality=80))
        print(next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmHWM")) / 1024)
        """
    )

    def peak_mb(height: int) -> float:
        command = [sys.executable, "-c", code, str(tmp_path / f"{height}.ome.tiff"), str(height)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    # 6000 x 6000 px are 108 MB of pixels; a picture a sixth as high needs almost the same memory.
    low, high = peak_mb(1000), peak_mb(6000)
    assert high - low < 60, f"peak memory rose from {low:.0f} to {high:.0f} MB"
    assert high < 600
