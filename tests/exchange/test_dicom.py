"""cells.dcm: Microscopy Bulk Simple Annotations that highdicom and pydicom read, of a slide in DICOM."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from pydicom import dcmread

from napari_wbc.errors import InputError
from napari_wbc.exchange.dicom import write_dicom
from napari_wbc.slides import open_slide
from slides.dicom_file import write_dicom as write_slide

highdicom = pytest.importorskip("highdicom", reason="a package of highdicom has no wheel for Python 3.14")
from highdicom.ann import annread  # noqa: E402 - only where it is there


@pytest.fixture
def on_dicom(counted_blood, blood, tmp_path):
    """The blood as a DICOM slide whose header names a patient."""
    file = write_slide(tmp_path / "slide", blood[2], um_per_px=0.1, factors=(2,))
    for instance in file.parent.iterdir():
        header = dcmread(instance)
        header.PatientName, header.PatientID, header.AccessionNumber = "DOE^JANE", "MRN-424242", "ACC-4711"
        header.save_as(instance)
    # The coarser level is named: what is annotated is the finest one all the same.
    return replace(counted_blood, slide=open_slide(file.parent / "1.dcm"))


def test_highdicom_reads_the_same_cells(on_dicom, tmp_path):
    on_dicom.cells.loc[3, "status"] = "excluded"
    write_dicom(tmp_path / "cells.dcm", on_dicom)
    annotations = annread(tmp_path / "cells.dcm")
    shown = on_dicom.cells[on_dicom.cells["status"] != "excluded"]
    groups = {group.annotated_property_type.value: group for group in annotations.get_annotation_groups()}
    assert {name: group.number_of_annotations for name, group in groups.items()} == dict(
        shown["label"].value_counts()
    )
    for name, group in groups.items():
        cells = shown[shown["label"] == name]
        _, ids, _ = group.get_measurements(name=highdicom.sr.CodedConcept("cell_id", "99NAPARIWBC", "-"))
        assert ids[:, 0].astype(int).tolist() == cells["cell_id"].tolist()
        for polygon, row in zip(group.get_graphic_data(coordinate_type="2D"), cells.index, strict=True):
            y0, x0, y1, x1 = on_dicom.cells.loc[row, ["bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1"]]
            assert (*polygon.min(axis=0), *polygon.max(axis=0)) == pytest.approx((x0, y0, x1, y1), abs=0.51)
            x, y = polygon.T
            area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
            assert area == pytest.approx(on_dicom.masks[row].cell.sum(), rel=0.02)


def test_it_belongs_to_the_finest_level_of_its_slide(on_dicom, tmp_path):
    write_dicom(tmp_path / "cells.dcm", on_dicom)
    written, slide = dcmread(tmp_path / "cells.dcm"), dcmread(tmp_path / "slide" / "0.dcm")
    assert written.SOPClassUID.name == "Microscopy Bulk Simple Annotations Storage"
    assert written.StudyInstanceUID == slide.StudyInstanceUID
    [referenced] = written.ReferencedImageSequence
    assert referenced.ReferencedSOPInstanceUID == slide.SOPInstanceUID
    assert written.DeviceSerialNumber == "ab" * 32
    assert "For research use only" in written.ContentDescription


def test_no_patient_travels_along(on_dicom, tmp_path):
    write_dicom(tmp_path / "cells.dcm", on_dicom)
    content = (tmp_path / "cells.dcm").read_bytes()
    for secret in (b"DOE", b"JANE", b"MRN-424242", b"ACC-4711"):
        assert secret not in content
    assert str(dcmread(tmp_path / "cells.dcm").PatientName) == ""


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools are not installed")
def test_dciodvfy_finds_no_error(on_dicom, tmp_path):
    file = tmp_path / "cells.dcm"
    write_dicom(file, on_dicom)
    said = subprocess.run(["dciodvfy", file], capture_output=True, text=True)
    lines = (said.stdout + said.stderr).splitlines()
    errors = [line for line in lines if line.startswith("Error")]
    # Its version of 2022 finds an empty z coordinate where there is none at all.
    assert not any("CommonZCoordinateValue" in group for group in dcmread(file).AnnotationGroupSequence)
    assert [line for line in errors if "CommonZCoordinateValue" not in line] == []


def test_broken_files_beside_the_slide_are_passed_over(on_dicom, tmp_path):
    folder = tmp_path / "slide"
    whole = (folder / "0.dcm").read_bytes()
    for number, content in enumerate(
        (b"", b"a letter", whole[:140], whole[:300], whole[:150] + b"\xff" * 400)
    ):
        (folder / f"-{number}.dcm").write_bytes(content)
    (folder / "-folder").mkdir()
    write_dicom(tmp_path / "cells.dcm", on_dicom)
    assert (tmp_path / "cells.dcm").exists()


def test_a_header_without_what_annotations_refer_to_is_one_line(on_dicom, tmp_path):
    finest = tmp_path / "slide" / "0.dcm"
    header = dcmread(finest)
    del header.FrameOfReferenceUID
    header.save_as(finest)
    with pytest.raises(InputError, match="tells no FrameOfReferenceUID"):
        write_dicom(tmp_path / "cells.dcm", on_dicom)


def test_other_slides_are_refused(counted_blood, smear_file, tmp_path):
    for slide in (counted_blood.slide, open_slide(smear_file)):
        with pytest.raises(InputError, match="annotates DICOM slides only"):
            write_dicom(tmp_path / "cells.dcm", replace(counted_blood, slide=slide))
    assert not (tmp_path / "cells.dcm").exists()
