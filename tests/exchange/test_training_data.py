"""COCO and YOLO: others' readers find the same cells, classes and shapes."""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from pycocotools.coco import COCO

from napari_wbc.errors import OutputError
from napari_wbc.exchange.classes import numbered_classes
from napari_wbc.exchange.coco import write_coco
from napari_wbc.exchange.yolo import write_yolo
from napari_wbc.leukocytes import CLASSES
from napari_wbc.masks import CellMask, paint_labels


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def lobed(contents, row: int = 0):
    """Give one cell an odd shape: a cell that reaches the border, with a notch."""
    mask = contents.masks[row]
    pixels = np.ones((40, 34), bool)
    pixels[10:20, 20:] = False
    contents.masks[row] = CellMask(mask.y0, mask.x0, pixels, pixels)
    return contents


def test_pycocotools_reads_the_same_cells(counted_blood, tmp_path):
    contents = lobed(counted_blood)
    contents.cells.loc[3, "status"] = "excluded"
    write_coco(tmp_path / "cells.coco.json", contents)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(tmp_path / "cells.coco.json"))
    image = coco.loadImgs(coco.getImgIds())[0]
    assert (image["file_name"], image["height"], image["width"]) == ("smear.png", *contents.slide.shape)
    names = {c["id"]: c["name"] for c in coco.loadCats(coco.getCatIds())}
    shown = contents.cells[contents.cells["status"] != "excluded"]
    annotations = coco.loadAnns(coco.getAnnIds())
    assert [a["id"] for a in annotations] == list(shown["cell_id"])
    assert [names[a["category_id"]] for a in annotations] == list(shown["label"])
    assert len(coco.getAnnIds(catIds=coco.getCatIds(catNms=["lymphocyte"]))) == 52
    for annotation in annotations:
        mask = contents.masks[annotation["id"] - 1]
        truth = paint_labels([mask], [1], contents.slide.shape) > 0
        # pycocotools paints the px that a polygon touches, of which the border is a part.
        assert overlap(coco.annToMask(annotation) > 0, truth) > 0.93
        assert annotation["area"] == mask.cell.sum()
        ys, xs = np.nonzero(truth)
        box = xs.min(), ys.min(), xs.max() + 1 - xs.min(), ys.max() + 1 - ys.min()
        assert annotation["bbox"] == pytest.approx(box, abs=0.5)


def test_coco_carries_the_line_and_no_path(counted_blood, tmp_path):
    write_coco(tmp_path / "c.json", counted_blood)
    text = (tmp_path / "c.json").read_text("utf-8")
    assert "For research use only" in json.loads(text)["info"]["description"]
    assert str(tmp_path) not in text


def yolo_cells(folder: Path, shape: tuple[int, int]):
    """Read a folder as supervision does: detections per image, and the names of the classes."""
    with warnings.catch_warnings():
        # It says that it does without OpenCV.
        warnings.simplefilter("ignore")
        import supervision

        (folder / "images").mkdir()
        Image.new("RGB", shape[::-1]).save(folder / "images" / "smear.png")
        dataset = supervision.DetectionDataset.from_yolo(
            images_directory_path=str(folder / "images"),
            annotations_directory_path=str(folder / "labels"),
            data_yaml_path=str(folder / "data.yaml"),
            force_masks=True,
        )
        [detections] = dataset.annotations.values()
    return detections, dataset.classes


def test_supervision_reads_the_same_cells(counted_blood, tmp_path):
    contents = lobed(counted_blood)
    contents.cells.loc[3, "status"] = "excluded"
    write_yolo(tmp_path / "yolo", contents)
    detections, classes = yolo_cells(tmp_path / "yolo", contents.slide.shape)
    shown = contents.cells[contents.cells["status"] != "excluded"]
    assert [classes[i] for i in detections.class_id] == list(shown["label"])
    for pixels, row in zip(detections.mask, shown.index, strict=True):
        truth = paint_labels([contents.masks[row]], [1], contents.slide.shape) > 0
        assert overlap(pixels, truth) > 0.9


def test_numbers_of_classes_are_the_same_for_every_slide(make_contents, tmp_path):
    few = numbered_classes(make_contents({"basophil": 1}).cells)
    many = numbered_classes(make_contents({"lymphocyte": 2, "monocyte": 1, "sezary_cell": 1}).cells)
    assert list(few) == [c.name for c in CLASSES]
    assert many == few | {"sezary_cell": len(few)}


def test_yolo_names_the_classes_and_carries_the_line(make_contents, tmp_path):
    write_yolo(tmp_path / "yolo", make_contents({"lymphocyte": 2, "sezary_cell": 1}))
    text = (tmp_path / "yolo" / "data.yaml").read_text("utf-8")
    assert "For research use only" in text
    assert yaml.safe_load(text)["names"][len(CLASSES)] == "sezary_cell"
    lines = (tmp_path / "yolo" / "labels" / "smear.txt").read_text("utf-8").splitlines()
    assert [line.split()[0] for line in lines] == ["3", "3", str(len(CLASSES))]


def test_a_slide_without_cells(make_contents, tmp_path):
    contents = make_contents({})
    write_coco(tmp_path / "c.json", contents)
    assert json.loads((tmp_path / "c.json").read_text("utf-8"))["annotations"] == []
    write_yolo(tmp_path / "yolo", contents)
    assert (tmp_path / "yolo" / "labels" / "smear.txt").read_text("utf-8") == ""


def test_yolo_replaces_its_own_folder_and_no_other(make_contents, tmp_path):
    (tmp_path / "yolo").mkdir()
    (tmp_path / "yolo" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="something else is there"):
        write_yolo(tmp_path / "yolo", make_contents({"lymphocyte": 1}))
    assert (tmp_path / "yolo" / "thesis.txt").read_text() == "mine"
    for number in (1, 2):
        write_yolo(tmp_path / "y", make_contents({"lymphocyte": number}))
    assert len((tmp_path / "y" / "labels" / "smear.txt").read_text("utf-8").splitlines()) == 2
