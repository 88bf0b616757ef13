"""Label images in a file agree with the painted ones, whatever the pieces."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from napari_wbc.errors import Cancelled, OutputError
from napari_wbc.execution.progress import CancelToken
from napari_wbc.masks import CellMask, paint_labels
from napari_wbc.segmentation.label_file import check_label_path, halve_labels, write_labels

SHAPE = (1500, 2300)


def discs() -> list[CellMask]:
    """Cells on a grid: some lie across the pieces' borders, some stick out of the slide."""
    y, x = np.mgrid[-60:61, -60:61]
    cell, nucleus = y**2 + x**2 <= 60**2, y**2 + x**2 <= 30**2
    return [
        CellMask(row - 60, column - 60, cell, nucleus)
        for row in (5, 1024, 1490)
        for column in (0, 1024, 2048, 2290)
    ]


@pytest.mark.parametrize("name", ["labels.tif", "labels.ome.tif", "labels.ome.zarr"])
def test_file_holds_the_painted_labels(tmp_path: Path, name: str) -> None:
    masks = discs()
    path = write_labels(tmp_path / name, masks, SHAPE, um_per_px=0.1)
    ids = range(1, len(masks) + 1)
    expected = {
        "cells": paint_labels(masks, ids, SHAPE, part="cell"),
        "nuclei": paint_labels(masks, ids, SHAPE, part="nucleus"),
    }
    if name.endswith("zarr"):
        root = zarr.open_group(path, mode="r")
        assert root["labels"].attrs["ome"]["labels"] == ["cells", "nuclei"]
        written = {part: root[f"labels/{part}/0"][:] for part in expected}
        multiscale = root["labels/cells"].attrs["ome"]["multiscales"][0]
        assert multiscale["datasets"][0]["coordinateTransformations"] == [
            {"type": "scale", "scale": [0.1, 0.1]}
        ]
    else:
        with tifffile.TiffFile(path) as tiff:
            assert tiff.is_ome
            written = dict(zip(expected, tiff.asarray(), strict=True))
            assert 'Name="nuclei"' in tiff.ome_metadata
    for part, labels in expected.items():
        assert written[part].dtype == np.int32
        np.testing.assert_array_equal(written[part], labels)
    assert list(tmp_path.iterdir()) == [path]


def test_pyramid_halves_the_labels(tmp_path: Path) -> None:
    """Every level is the one before by the most frequent label, whatever the pieces; positions stay."""
    masks = discs()
    root = zarr.open_group(write_labels(tmp_path / "labels.ome.zarr", masks, SHAPE, um_per_px=0.1), mode="r")
    for name, part in (("cells", "cell"), ("nuclei", "nucleus")):
        group = root[f"labels/{name}"]
        ome = group.attrs["ome"]
        assert ome["version"] == "0.5"
        (multiscale,) = ome["multiscales"]
        assert [axis["name"] for axis in multiscale["axes"]] == ["y", "x"]
        assert [dataset["path"] for dataset in multiscale["datasets"]] == ["0", "1", "2"]
        expected = paint_labels(masks, range(1, len(masks) + 1), SHAPE, part=part)
        for level, dataset in enumerate(multiscale["datasets"]):
            written = group[dataset["path"]]
            assert written.metadata.dimension_names == ("y", "x")
            if level:
                expected = halve_labels(expected)
            np.testing.assert_array_equal(written[:], expected)
            scale, *translation = dataset["coordinateTransformations"]
            offset = np.array(translation[0]["translation"] if translation else (0.0, 0.0))
            # A whole cell, number 6, keeps its place and its area.
            pixels = np.argwhere(expected == 6)
            centre = pixels.mean(axis=0) * scale["scale"] + offset
            np.testing.assert_allclose(centre, (102.4, 102.4), atol=0.3 * scale["scale"][0])
            radius = 6.0 if part == "cell" else 3.0
            area = len(pixels) * scale["scale"][0] ** 2
            assert area == pytest.approx(np.pi * radius**2, rel=0.03)


def test_halving_makes_no_labels() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, (7, 10)).astype(np.int32)
    halved = halve_labels(labels)
    assert halved.shape == (4, 5)
    for y, x in np.ndindex(halved.shape):
        four = labels[2 * y : 2 * y + 2, 2 * x : 2 * x + 2]
        counts = {int(v): int((four == v).sum()) for v in four.ravel()}
        assert counts[int(halved[y, x])] == max(counts.values())


def test_an_independent_reader_takes_the_pyramid(tmp_path: Path) -> None:
    models = pytest.importorskip("ome_zarr_models.v05", reason="ome-zarr-models is not installed")
    path = write_labels(tmp_path / "labels.ome.zarr", discs(), SHAPE, um_per_px=0.1)
    root = zarr.open_group(path, mode="r")
    for name in ("cells", "nuclei"):
        label = models.ImageLabel.from_zarr(root[f"labels/{name}"])
        assert len(label.attributes.ome.multiscales[0].datasets) == 3


def test_labels_of_a_large_slide_need_little_memory(tmp_path: Path) -> None:
    """Of 1.6 gigapixels (6.4 GB of labels) only the pieces that hold cells are painted."""
    tracemalloc.start()
    try:
        path = write_labels(tmp_path / "labels.ome.zarr", discs(), (40_000, 40_000), um_per_px=0.25)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100e6
    root = zarr.open_group(path, mode="r")
    assert root["labels/cells/6"].shape == (625, 625)
    assert set(np.unique(root["labels/cells/5"][:])) <= set(range(13))


@pytest.mark.parametrize("name", ["labels.tif", "labels.ome.zarr"])
def test_a_slide_without_cells_has_empty_labels(tmp_path: Path, name: str) -> None:
    path = write_labels(tmp_path / name, [], (7, 5), um_per_px=0.1)
    labels = (
        zarr.open_group(path, mode="r")["labels/cells/0"][:]
        if name.endswith("zarr")
        else tifffile.imread(path)[0]
    )
    assert labels.shape == (7, 5)
    assert not labels.any()


@pytest.mark.parametrize("name", ["labels.tif", "labels.ome.zarr"])
def test_cancelled_write_leaves_nothing(tmp_path: Path, name: str) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        write_labels(tmp_path / name, discs(), SHAPE, um_per_px=0.1, cancel=cancel)
    assert list(tmp_path.iterdir()) == []


def test_earlier_labels_are_replaced_but_no_other_folder(tmp_path: Path) -> None:
    path = tmp_path / "labels.ome.zarr"
    write_labels(path, [], (4, 4), um_per_px=0.1)
    write_labels(path, [], (6, 6), um_per_px=0.1)
    assert zarr.open_group(path, mode="r")["labels/cells/0"].shape == (6, 6)
    other = tmp_path / "image.ome.zarr"
    other.mkdir()
    (other / "precious").touch()
    with pytest.raises(OutputError, match="no label images"):
        write_labels(other, [], (4, 4), um_per_px=0.1)
    assert (other / "precious").exists()


def test_unknown_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.tif or \.ome\.zarr"):
        check_label_path(tmp_path / "labels.png")
