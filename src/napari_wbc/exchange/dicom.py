"""``cells.dcm``: the cells as DICOM Microscopy Bulk Simple Annotations, for archives and viewers of DICOM slides."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_wbc.cell_table import counted
from napari_wbc.differential import RESEARCH_USE
from napari_wbc.differential.exports import output_file
from napari_wbc.differential.marks import rgb
from napari_wbc.errors import InputError
from napari_wbc.exchange.formats import Contents
from napari_wbc.leukocytes import class_of, in_order
from napari_wbc.slides import Slide
from napari_wbc.slides.broken import DECODING_ERRORS

if TYPE_CHECKING:
    from highdicom.ann import AnnotationGroup, Measurements
    from pydicom.dataset import Dataset

#: Of codes that are our own; DICOM keeps schemes that begin with 99 for such.
_SCHEME = "99NAPARIWBC"
_SLIDE_STORAGE = "1.2.840.10008.5.1.4.1.1.77.1.6"
# What the annotations refer to. Nothing else of a slide's header is read: it names the patient.
_REFERRED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
_SIZE = ("TotalPixelMatrixRows", "TotalPixelMatrixColumns")


def check_slide(slide: Slide) -> None:
    """Make sure that a slide is one of DICOM, which is all that the annotations can refer to.

    Raises
    ------
    InputError
        It is none.
    """
    _level_0(slide)


def write_dicom(path: Path, contents: Contents) -> None:
    """Write the outline of every cell that counts, one annotation group per class.

    Supplement 222 of DICOM (https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_A.87.html).
    Coordinates are columns and rows of the total pixel matrix of level 0. The patient and study fields of the file
    are empty: it belongs to its slide by the UIDs of study and instance, and an archive fills in the rest.

    Raises
    ------
    InputError
        The slide is none of DICOM, or no cell counts.
    OutputError
        The place cannot be written to.
    """
    import highdicom
    from highdicom.ann import MicroscopyBulkSimpleAnnotations

    run = contents.run
    groups = _groups(contents)
    if not groups:
        raise InputError(f"{contents.slide.name}: no cell counts, so there is nothing to annotate in DICOM")
    annotations = MicroscopyBulkSimpleAnnotations(
        source_images=[_level_0(contents.slide)],
        annotation_coordinate_type="2D",
        annotation_groups=groups,
        series_instance_uid=highdicom.UID(),
        series_number=1,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="napari-wbc",
        manufacturer_model_name="napari-wbc",
        software_versions=str(run["version"])[:64],
        # The model is what makes one device differ from another.
        device_serial_number=run["model"]["sha256"],
        content_label="LEUKOCYTES",
        content_description=RESEARCH_USE,
        series_description=RESEARCH_USE,
        specific_character_set="ISO_IR 192",
    )
    # Empty, but there: the standard wants it where the examined part of a body may be one of a pair.
    annotations.Laterality = ""
    with output_file(path) as temporary:
        annotations.save_as(temporary, enforce_file_format=True)


def _level_0(slide: Slide) -> Dataset:
    """Give the little of the header of the slide's finest instance that annotations need to refer to it."""
    from pydicom.dataset import Dataset
    from pydicom.misc import is_dicom

    path = slide.path
    if path is None or not path.is_file() or not is_dicom(path):
        raise InputError(
            f"{slide.name}: the format dicom annotates DICOM slides only, and this image is none; leave dicom out"
        )
    named = _header(path)
    if named is None:
        raise InputError(f"{path}: the header of the DICOM file is broken")
    for file in sorted(path.parent.iterdir()):
        header = _header(file) if file.is_file() else None
        if (
            header is not None
            and header.get("SOPClassUID") == _SLIDE_STORAGE
            and header.get("SeriesInstanceUID") == named.get("SeriesInstanceUID")
            and tuple(header.get(name) for name in _SIZE) == slide.shape
        ):
            break
    else:
        raise InputError(f"{path}: the file of the full resolution is not beside it; put the series together")
    known = Dataset()
    for name in _REFERRED:
        if name not in header:
            raise InputError(f"{file}: the header tells no {name}, which annotations refer to")
        setattr(known, name, header[name].value)
    known.Modality = "SM"
    empty = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID")
    for name in (*empty, "StudyDate", "StudyTime", "ReferringPhysicianName"):
        setattr(known, name, None)
    return known


def _header(file: Path) -> Dataset | None:
    """Read the few tags; None where a file is no DICOM, or broken."""
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        # Of files beside the slide nobody wants to hear.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return dcmread(file, specific_tags=[*_REFERRED, *_SIZE], stop_before_pixels=True)
    except (InvalidDicomError, *DECODING_ERRORS):
        return None


def _groups(contents: Contents) -> list[AnnotationGroup]:
    import highdicom
    from highdicom.ann import AnnotationGroup
    from highdicom.color import CIELabColor
    from pydicom.sr.codedict import codes
    from pydicom.sr.coding import Code

    run = contents.run
    algorithm = highdicom.AlgorithmIdentificationSequence(
        name="napari-wbc",
        family=codes.DCM.ArtificialIntelligence,
        version=str(run["version"])[:64],
        parameters={"model": run["model"]["sha256"]},
    )
    shown = counted(contents.cells.reset_index(drop=True))
    groups = []
    for number, label in enumerate(in_order(shown["label"].unique()), 1):
        shape = class_of(label)
        cells = shown[shown["label"] == label]
        groups.append(
            AnnotationGroup(
                number=number,
                uid=highdicom.UID(),
                label=shape.title[:64],
                annotated_property_category=codes.SCT.AnatomicalStructure,
                annotated_property_type=Code(shape.name, _SCHEME, shape.title[:64]),
                graphic_type="POLYGON",
                # A polygon of DICOM closes itself.
                graphic_data=[contents.outlines[row][0][:-1].astype(np.float32) for row in cells.index],
                algorithm_type="SEMIAUTOMATIC" if run.get("review") else "AUTOMATIC",
                algorithm_identification=algorithm,
                measurements=_measurements(cells),
                display_color=CIELabColor.from_rgb(*rgb(shape.colour)),
            )
        )
    return groups


def _measurements(cells: pd.DataFrame) -> list[Measurements]:
    from highdicom.ann import Measurements
    from pydicom.sr.codedict import codes
    from pydicom.sr.coding import Code

    units: Mapping[str, Any] = {
        "cell_area_um2": codes.UCUM.SquareMicrometer,
        "nucleus_area_um2": codes.UCUM.SquareMicrometer,
        "confidence": codes.UCUM.NoUnits,
        "cell_id": codes.UCUM.NoUnits,
    }
    names = {
        "cell_area_um2": Code("42798000", "SCT", "Area"),
        "nucleus_area_um2": Code("nucleus_area", _SCHEME, "Area of the nucleus"),
        "confidence": Code("confidence", _SCHEME, "Probability of the model's class"),
        "cell_id": Code("cell_id", _SCHEME, "Number of the cell in the cell table"),
    }
    return [Measurements(names[name], cells[name].to_numpy(np.float32), units[name]) for name in names]
