"""The whole path: one count in every format, read again by others, with the same cells in each."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr
from fhir.resources.R4B.bundle import Bundle
from numpy.typing import NDArray
from PIL import Image

import napari_wbc as wbc
from napari_wbc.batch import CountedBefore, ImageCounted, ImageFailed, count_images
from napari_wbc.cli import main
from napari_wbc.count_result import CountResult
from napari_wbc.errors import Cancelled, InputError, OutputError
from napari_wbc.exchange.formats import FORMATS, formats_named
from napari_wbc.execution.progress import CancelToken
from napari_wbc.masks import paint_labels
from napari_wbc.pipeline import CountOptions
from napari_wbc.results import FILES, check_folder
from napari_wbc.review import ReviewSession
from skips import HAS_PANGO

#: All but the one that is about slides in DICOM, and those that cannot be written on this computer.
OF_ANY_SLIDE = [name for name in FORMATS if name != "dicom" and (HAS_PANGO or not name.startswith("pdf"))]


@pytest.fixture(scope="module")
def result(smear_image: NDArray[np.uint8]) -> CountResult:
    return wbc.count(wbc.open_slide(smear_image, name="smear"), um_per_px=0.1)


@pytest.fixture
def field(smear_image: NDArray[np.uint8], tmp_path: Path) -> Path:
    path = tmp_path / "in" / "field.png"
    path.parent.mkdir()
    Image.fromarray(smear_image[:, :600]).save(path)
    return path


def test_every_format_holds_the_same_cells(result: CountResult, tmp_path: Path) -> None:
    files = {file.name: file for file in result.export(OF_ANY_SLIDE, tmp_path / "out")}
    assert sorted(files) == sorted(FORMATS[name].file for name in OF_ANY_SLIDE)
    assert sorted(item.name for item in (tmp_path / "out").iterdir()) == sorted(files)
    labels = list(result.cells["label"])
    assert len(labels) > 5

    features = json.loads(files["cells.geojson"].read_text("utf-8"))["features"]
    assert [f["properties"]["classification"]["name"] for f in features] == labels
    pd.testing.assert_frame_equal(pd.read_parquet(files["cells.parquet"]), result.cells, check_dtype=False)
    coco = json.loads(files["cells.coco.json"].read_text("utf-8"))
    names = {c["id"]: c["name"] for c in coco["categories"]}
    assert [names[a["category_id"]] for a in coco["annotations"]] == labels
    lines = (files["yolo"] / "labels" / "smear.txt").read_text("utf-8").splitlines()
    assert [int(line.split()[0]) for line in lines] == [a["category_id"] - 1 for a in coco["annotations"]]

    painted = zarr.open_group(files["labels.ome.zarr"], mode="r")["labels/cells/0"]
    ids = range(1, len(labels) + 1)
    assert np.array_equal(painted[:], paint_labels(result.masks, ids, result.slide.shape))

    bundle = Bundle.model_validate_json(files["differential.fhir.json"].read_text("utf-8"))
    observations = [e.resource for e in bundle.entry if e.resource.get_resource_type() == "Observation"]
    percents = [
        float(o.valueQuantity.value) for o in observations if o.valueQuantity and o.valueQuantity.code == "%"
    ]
    table = result.differential.table
    assert percents == list(table["percent"][table["in_denominator"] == 1])


def test_a_review_goes_out_as_it_is_now(result: CountResult, tmp_path: Path) -> None:
    session = ReviewSession(result)
    session.relabel([0, 1], "eosinophil")
    session.exclude([2])

    def exported() -> tuple[str, float, list[str]]:
        fhir, coco = session.result().export("fhir,coco", tmp_path)
        resources = [e.resource for e in Bundle.model_validate_json(fhir.read_text("utf-8")).entry]
        [eosinophils] = [
            r for r in resources if r.get_resource_type() == "Observation" and r.code.text == "Eosinophil"
        ]
        content = json.loads(coco.read_text("utf-8"))
        names = {c["id"]: c["name"] for c in content["categories"]}
        return (
            resources[0].status,
            float(eosinophils.valueQuantity.value),
            [names[a["category_id"]] for a in content["annotations"]],
        )

    status, percent, labels = exported()
    assert status == "preliminary"
    assert labels == ["eosinophil", "eosinophil", *result.cells["label"][3:]]
    table = session.differential().table.set_index("class")
    assert percent == table.loc["eosinophil", "percent"]
    session.sign("R. Reader")
    assert exported() == ("final", percent, labels)


def test_the_documentation_lists_every_format() -> None:
    text = (Path(__file__).parents[2] / "docs" / "exchange.md").read_text("utf-8")
    rows = [line.split("|")[1:3] for line in text.splitlines() if line.startswith("| `")]
    listed = {name.split("`")[1]: file.split("`")[1].rstrip("/") for name, file in rows}
    assert listed == {name: fmt.file for name, fmt in FORMATS.items()}


def test_the_command_writes_them_and_resumes(
    field: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["count", str(field), "--out", str(out), "--um-per-px", "0.1", "--resume"]
    assert main([*command, "--export", "fhir, coco,YOLO"]) == 0
    wanted = {"differential.fhir.json", "cells.coco.json", "yolo"}
    assert {item.name for item in (out / "field").iterdir()} == {*FILES, *wanted}
    capsys.readouterr()
    # Results are complete with what was asked for; what is missing is made, what is there stays.
    assert main([*command, "--export", "coco"]) == 0
    assert "counted before" in capsys.readouterr().out
    assert main([*command, "--export", "parquet"]) == 0
    assert "counted before" not in capsys.readouterr().out
    assert (out / "field" / "cells.parquet").is_file()


def test_a_wrong_format_is_said_before_the_work(
    field: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["count", str(field), "--out", str(tmp_path / "out"), "--export", "fhir,excel"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "'excel' is no format" in said
    assert "parquet" in said
    assert not (tmp_path / "out").exists()


def test_a_missing_library_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "napari_wbc.exchange.formats.find_spec", lambda name: None if name == "pyarrow" else find(name)
    )
    with pytest.raises(InputError, match=r"parquet needs pyarrow.*pip install 'napari-wbc\[exchange\]'"):
        formats_named("fhir,parquet")
    assert [fmt.name for fmt in formats_named("fhir")] == ["fhir"]


@pytest.mark.parametrize("name", ["geojson", "ome-zarr", "coco", "yolo"])
def test_cancel_leaves_nothing_behind(result: CountResult, tmp_path: Path, name: str) -> None:
    cancel = CancelToken()

    class Masks(list):
        def __iter__(self):
            for mask in list.__iter__(self):
                yield mask
                cancel.cancel()

        def __getitem__(self, row):
            cancel.cancel()
            return list.__getitem__(self, row)

    contents = replace(result.contents(cancel), masks=Masks(result.masks))
    with pytest.raises(Cancelled):
        FORMATS[name].write(tmp_path / FORMATS[name].file, contents)
    assert list(tmp_path.iterdir()) == []


def test_dicom_of_an_image_that_is_none_fails_before_counting(field: Path, tmp_path: Path) -> None:
    options = CountOptions(um_per_px=0.1)
    events = list(count_images([str(field)], tmp_path / "out", options, exports=["dicom"]))
    [failed] = [event for event in events if isinstance(event, ImageFailed | ImageCounted | CountedBefore)]
    assert isinstance(failed, ImageFailed)
    assert "annotates DICOM slides only" in failed.line


def test_results_with_exports_may_be_replaced_and_others_not(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    (folder / "yolo").mkdir(parents=True)
    (folder / "cells.coco.json").touch()
    assert check_folder(folder) == folder
    (folder / "labels.ome.zarr").touch()
    with pytest.raises(OutputError, match=r"labels\.ome\.zarr"):
        check_folder(folder)
