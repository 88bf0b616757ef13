"""Which images a folder holds."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from dicom_file import write_dicom
from PIL import Image

from napari_wbc.errors import InputError
from napari_wbc.slides.folder import images_in


def names(folder: Path) -> list[str]:
    return [path.name for path in images_in(folder)]


def test_images_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("field10.png", "field2.png", "Field1.jpg"):
        Image.new("RGB", (20, 20), (200, 180, 190)).save(tmp_path / name)
    assert names(tmp_path) == ["Field1.jpg", "field2.png", "field10.png"]


def test_what_is_listed_and_what_is_not(tmp_path: Path) -> None:
    Image.new("RGB", (20, 20), (200, 180, 190)).save(tmp_path / "good.png")
    shutil.copy(tmp_path / "good.png", tmp_path / "no_ending")
    shutil.copy(tmp_path / "good.png", tmp_path / ".hidden.png")
    tifffile.imwrite(tmp_path / "good.qptiff", np.full((20, 20, 3), 200, np.uint8), photometric="rgb")
    (tmp_path / "empty.png").touch()
    (tmp_path / "letter.tif").write_text("Dear Sir or Madam")
    (tmp_path / "notes.txt").write_text("BMI of the patients")
    (tmp_path / "counts.csv").write_text("image\n")
    zarr.create_group(tmp_path / "pyramid.ome.zarr")
    (tmp_path / "below").mkdir()
    shutil.copy(tmp_path / "good.png", tmp_path / "below")
    assert names(tmp_path) == [
        "empty.png",
        "good.png",
        "good.qptiff",
        "letter.tif",
        "no_ending",
        "pyramid.ome.zarr",
    ]


def test_a_dicom_slide_is_there_once(tmp_path: Path) -> None:
    write_dicom(tmp_path / "slide", np.full((256, 256, 3), 200, np.uint8))
    assert len(list((tmp_path / "slide").iterdir())) == 2
    assert names(tmp_path / "slide") == ["0.dcm"]


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        images_in(tmp_path / "nowhere")


def test_the_parts_of_a_slide_are_no_images_of_their_own(tmp_path):
    (tmp_path / "slide.vms").write_text(
        "[Virtual Microscope Specimen]\nNoLayers=1\nImageFile=slide-0.jpg\nImageFile(1,0)=Slide-1.JPG\n"
        "MapFile=slide_map.jpg\nMacroImage=slide_macro.jpg\nOptimisationFile=slide.opt\nSourceLens=40\n"
    )
    for name in ("slide-0.jpg", "slide-1.jpg", "slide_map.jpg", "slide_macro.jpg", "slide-2.jpg"):
        (tmp_path / name).write_bytes(b"\xff\xd8\xff")
    assert [path.name for path in images_in(tmp_path)] == ["slide-2.jpg", "slide.vms"]
