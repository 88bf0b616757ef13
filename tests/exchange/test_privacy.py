"""Nothing that a file says of a patient, and nothing of its label or macro image, reaches any output."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom import dcmread

from napari_wbc.cli import main
from napari_wbc.exchange.formats import FORMATS
from pyramid_files import reduced
from skips import HAS_PANGO
from slides.dicom_file import write_dicom

#: Stands in every field of the files, and as the colour of label and macro image.
SECRET, SECRET_COLOUR = "Zzyzx-Secretson", (7, 7, 200)


def as_svs(folder: Path, image: NDArray[np.uint8]) -> Path:
    height, width = image.shape[:2]
    about = (
        f"Aperio Image Library v12.0.15\r\n{width}x{height} [0,0 {width}x{height}] (240x240) JPEG/RGB Q=90"
    )
    about += (
        f"|AppMag = 100|MPP = 0.1|Patient = {SECRET}|Title = {SECRET}|Filename = {SECRET}|User = {SECRET}"
    )
    label = np.full((200, 300, 3), SECRET_COLOUR, np.uint8)
    tags = [(315, 2, 0, SECRET, True), (33432, 2, 0, SECRET, True)]
    options = {"photometric": "rgb", "compression": "jpeg", "metadata": None, "extratags": tags}
    with tifffile.TiffWriter(folder / "slide.svs") as tif:
        tif.write(image, tile=(240, 240), description=about, **options)
        tif.write(reduced(image, 4), description=f"{about}\r\nthumbnail", **options)
        for name, kind in (("label", 1), ("macro", 9)):
            tif.write(label, description=f"Aperio\r\n{name} 300x200 {SECRET}", subfiletype=kind, **options)
    return folder / "slide.svs"


def as_ome_tiff(folder: Path, image: NDArray[np.uint8]) -> Path:
    metadata = {
        "axes": "YXS",
        "Name": SECRET,
        "Description": SECRET,
        "PhysicalSizeX": 0.1,
        "PhysicalSizeY": 0.1,
    }
    tifffile.imwrite(folder / "slide.ome.tif", image, ome=True, photometric="rgb", metadata=metadata)
    return folder / "slide.ome.tif"


def as_png(folder: Path, image: NDArray[np.uint8]) -> Path:
    info = PngInfo()
    for key in ("Title", "Author", "Description"):
        info.add_text(key, SECRET)
    Image.fromarray(image).save(folder / "slide.png", pnginfo=info)
    return folder / "slide.png"


def as_dicom(folder: Path, image: NDArray[np.uint8]) -> Path:
    file = write_dicom(folder / "series", image, um_per_px=0.1)
    for instance in file.parent.iterdir():
        header = dcmread(instance)
        for field in (
            "PatientName",
            "PatientID",
            "ContainerIdentifier",
            "StudyDescription",
            "AccessionNumber",
        ):
            setattr(header, field, SECRET[:16])
        header.save_as(instance)
    return file


def texts_of(file: Path) -> str:
    """Give all that a program could read in a file, unpacked."""
    content = file.read_bytes()
    text = content.decode("latin-1")
    if file.suffix == ".parquet":
        table = pq.read_table(file)
        text += str(table.schema.metadata) + table.to_pandas().to_csv()
    if file.suffix == ".png":
        text += str(Image.open(file).info)
    return text


def pictures_of(file: Path) -> list[NDArray[np.uint8]]:
    """Give the pictures in a file: of a page, those that it embeds."""
    if file.suffix == ".png":
        return [np.asarray(Image.open(file).convert("RGB"))]
    if file.suffix != ".html":
        return []
    found = re.findall(r"data:image/[a-z]+;base64,([A-Za-z0-9+/=]+)", file.read_text("utf-8"))
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(b))).convert("RGB")) for b in found]


@pytest.mark.parametrize("make", [as_svs, as_ome_tiff, as_png, as_dicom])
def test_no_output_tells_of_the_patient(make, smear_image, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    image = make(tmp_path / "in", np.ascontiguousarray(smear_image[:480, :640]))
    formats = [name for name in FORMATS if name != "dicom" or make is as_dicom]
    formats = [name for name in formats if HAS_PANGO or not name.startswith("pdf")]
    out = tmp_path / "out"
    command = ["count", str(image), "--out", str(out), "--um-per-px", "0.1", "--export", ",".join(formats)]
    assert main(command) == 0
    said = capsys.readouterr()
    assert "secretson" not in (said.out + said.err).lower()
    files = [file for file in out.rglob("*") if file.is_file()]
    assert {FORMATS[name].file for name in formats} <= {item.name for item in out.glob("*/*")}
    assert json.loads(next(out.rglob("run.json")).read_text("utf-8"))["cells"] > 0
    for file in files:
        assert "zzyzx" not in texts_of(file).lower(), file.name
        for picture in pictures_of(file):
            off = np.abs(picture.astype(int) - SECRET_COLOUR).max(axis=-1)
            assert off.min() > 20, file.name


def test_a_name_like_a_patients_is_said_once(smear_image, tmp_path, capsys):
    image = tmp_path / "Doe_John.png"
    Image.fromarray(smear_image[:300, :300]).save(image)
    command = ["count", str(image), "--out", str(tmp_path / "out"), "--um-per-px", "0.1"]
    assert main(command) == 0
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "'Doe_John.png' looks like a name" in said
    assert main([*command, "--quiet"]) == 0
    assert capsys.readouterr().err == ""
