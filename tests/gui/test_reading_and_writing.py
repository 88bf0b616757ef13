"""Readers, writer, samples and the manifest, as napari uses them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_wbc import cell_table
from napari_wbc.gui.image_layers import METADATA_KEY, read_layer
from napari_wbc.gui.readers import reader

pytestmark = pytest.mark.gui

MANIFEST = Path(__file__).resolve().parents[2] / "napari.yaml"


@pytest.fixture
def pyramid_file(tmp_path, smear):
    """A tiled OME-TIFF with a scale, larger than what is held in memory as one level."""
    path = tmp_path / "slide.ome.tif"
    large = np.tile(smear, (5, 4, 1))
    tifffile.imwrite(
        path,
        large,
        photometric="rgb",
        tile=(256, 256),
        metadata={"axes": "YXS"}
        | {f"PhysicalSize{a}": 0.1 for a in "XY"}
        | {f"PhysicalSize{a}Unit": "µm" for a in "XY"},
    )
    return path, large


@pytest.fixture
def cells(smear):
    table = pd.DataFrame(
        {
            "cell_id": [1, 2],
            "y_px": [30.25, 90.5],
            "x_px": [40.0, 200.75],
            "bbox_y0": [10, 70],
            "bbox_x0": [20, 180],
            "bbox_y1": [51, 111],
            "bbox_x1": [61, 222],
            "nucleus_area_um2": [40.0, 52.5],
            "cell_area_um2": [90.0, 120.0],
            "touches_border": [False, True],
            "label": ["lymphocyte", "unidentified"],
            "model_label": ["lymphocyte", "monocyte"],
            "confidence": [0.97, 0.41],
            "p_lymphocyte": [0.97, 0.3],
            "p_monocyte": [0.03, 0.41],
            "novelty": [0.1, 0.995],
            "status": ["model", "model"],
            "flags": ["", "unlike_training"],
            "slide": ["smear", "smear"],
            "model_sha256": ["0" * 64, "0" * 64],
        }
    )
    return cell_table.conform(table)


def test_the_manifest_is_valid_and_its_names_can_be_imported():
    done = subprocess.run(
        [sys.executable, "-m", "npe2", "validate", "--imports", str(MANIFEST)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_slide_opens_as_a_lazy_pyramid(viewer, add_widget, pyramid_file, qtbot):
    path, large = pyramid_file
    (layer,) = viewer.open(path, plugin="napari-wbc")
    assert layer.rgb
    assert layer.multiscale
    assert type(layer.data[0]).__module__.startswith("dask")
    assert layer.name == "slide"
    assert np.array_equal(np.asarray(layer.data[0][1000:1100, 900:1000]), large[1000:1100, 900:1000])
    assert layer.metadata[METADATA_KEY]["um_per_px"] == pytest.approx(0.1)
    image = read_layer(layer)
    assert image.shape == large.shape[:2]
    slide = image.open()
    assert slide.path == path
    assert slide.metadata_um_per_px == pytest.approx(0.1)
    widget = add_widget(viewer)
    qtbot.waitUntil(lambda: not widget.controller.scale_finder.note.looking, timeout=60_000)
    assert widget.form.scale_line.text() == "0.1 µm per px, from the file"


def test_what_is_no_colour_image_is_left_to_others(tmp_path, smear):
    grey = tmp_path / "stack.tif"
    tifffile.imwrite(grey, smear[..., 0])
    assert reader(str(grey)) is None
    assert reader(str(tmp_path)) is None
    assert reader([str(grey), str(grey)]) is None
    # Zeiss calls the files of all its microscopes so.
    (tmp_path / "embryo.czi").write_bytes(b"ZISRAWFILE" + bytes(500))
    assert reader(str(tmp_path / "embryo.czi")) is None
    colour = tmp_path / "field.tif"
    tifffile.imwrite(colour, smear, photometric="rgb")
    ((data, meta, kind),) = reader(str(colour))(str(colour))
    assert kind == "image"
    assert np.array_equal(data, smear)
    assert not meta["multiscale"]


def test_ordinary_pictures_stay_with_napari(viewer, smear_file):
    (layer,) = viewer.open(smear_file)
    assert layer.source.reader_plugin == "napari"


def test_cells_make_a_round_trip(viewer, cells, tmp_path):
    path = cell_table.write_cells_csv(cells, tmp_path / "cells.csv")
    (layer,) = viewer.open(path, plugin="napari-wbc")
    assert layer.name == "smear cells"
    assert np.allclose(layer.data, cells[["y_px", "x_px"]])
    assert list(layer.features["label"]) == ["lymphocyte", "unidentified"]
    out = tmp_path / "again.csv"
    assert viewer.layers.save(str(out), plugin="napari-wbc") == [str(out)]
    assert out.read_text() == path.read_text()
    assert cell_table.read_cells_csv(out).equals(cell_table.read_cells_csv(path))


def test_other_tables_and_other_points_are_refused_plainly(viewer, tmp_path):
    other = tmp_path / "cells.csv"
    other.write_text("name,age\nx,1\n")
    assert reader(str(other)) is None
    points = viewer.add_points([[1, 2]], name="mine")
    with pytest.raises(Exception, match="'mine' has no cell table"):
        viewer.layers.save(str(tmp_path / "out.csv"), plugin="napari-wbc")
    assert not (tmp_path / "out.csv").exists()
    assert points in viewer.layers


def test_the_cells_of_a_count_can_be_saved_from_their_layer(counted, tmp_path):
    viewer, widget = counted
    layers = widget.controller.shown[viewer.layers["smear"]].layers
    path = tmp_path / "cells.csv"
    layers.points.save(str(path), plugin="napari-wbc")
    assert list(cell_table.read_cells_csv(path)["label"]) == list(widget.controller.result.cells["label"])


def test_the_drawn_sample_opens_with_its_scale(viewer, monkeypatch, smear):
    from napari_wbc.slides import synthetic

    parameters = synthetic.SmearParameters(height=smear.shape[0], width=smear.shape[1])
    # Drawing the real sample takes seconds; its own tests do that.
    monkeypatch.setattr(synthetic, "default_sample", lambda: (smear, parameters))
    (layer,) = viewer.open_sample("napari-wbc", "synthetic_smear")
    assert layer.rgb
    assert read_layer(layer).um_per_px == pytest.approx(0.1)


def test_a_sample_from_the_internet_comes_once_and_is_checked(viewer, monkeypatch, tmp_path, data_dir):
    """The development images stand in for the server: what is fetched must be the file with the known checksum."""
    import pooch

    from napari_wbc.gui import sample_data

    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / name)

    def copy(url, output_file, _):
        assert url.startswith(sample_data._BCCD)
        name = url.removeprefix(sample_data._BCCD)
        Path(output_file).write_bytes((data_dir / "fields" / "bccd" / name).read_bytes())

    retrieve = pooch.retrieve
    monkeypatch.setattr(pooch, "retrieve", lambda url, **options: retrieve(url, downloader=copy, **options))
    for key in ("bccd_neutrophil_lymphocyte", "bccd_eosinophil", "bccd_eosinophil_neutrophil"):
        (layer,) = viewer.open_sample("napari-wbc", key)
        assert layer.data.shape == (480, 640, 3)
    assert len(list((tmp_path / "napari-wbc").iterdir())) == 3


def test_a_sample_without_the_internet_is_one_line(viewer, monkeypatch, tmp_path):
    import pooch

    from napari_wbc.errors import InputError

    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / name)

    def offline(*args, **kwargs):
        raise OSError("[Errno -2] Name or service not known\nand more")

    monkeypatch.setattr(pooch, "retrieve", offline)
    with pytest.raises(InputError, match="needs the internet") as caught:
        viewer.open_sample("napari-wbc", "bccd_eosinophil")
    assert "\n" not in str(caught.value)
    assert len(viewer.layers) == 0
