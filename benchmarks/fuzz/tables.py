"""Readers of texts: tables of cells and of slides, profiles, configurations, and analysers' tables."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path

from benchmarks.fuzz.mutations import any_bytes, json_lines, json_values, table_fields, yaml_values
from benchmarks.fuzz.target import Target
from PIL import Image
from tests.differential.conftest import build

from napari_wbc.adaptation.label_places import LabelPlace, labels_at
from napari_wbc.batch_table import read_summary
from napari_wbc.cell_table import read_cells_csv, write_cells_csv
from napari_wbc.cli.classify import images_of_csv
from napari_wbc.comparison.analyser import read_columns
from napari_wbc.comparison.inputs import read_side
from napari_wbc.comparison.sides import read_slide_names
from napari_wbc.differential.count import differential
from napari_wbc.differential.exports import write_differential_csv, write_differential_json
from napari_wbc.differential.profile_file import parse_profile, profile_text
from napari_wbc.execution.journal import Journal
from napari_wbc.sample_sheet import read_sheet
from napari_wbc.slides.metadata import OmePixels, um_from_aperio
from napari_wbc.training.config import TrainingConfig
from napari_wbc.training.evaluation.results import read_result
from napari_wbc.training.manifests import load_crops, read_manifest
from napari_wbc.training.metrics_log import MetricsLog

_BLOOD = {"neutrophil_segmented": 5, "lymphocyte": 3, "monocyte": 1, "erythroblast": 1, "unidentified": 1}


def _text(*texts: str) -> Callable[[Path], list[bytes]]:
    return lambda _folder: [text.encode() for text in texts]


# ---- tables of cells -------------------------------------------------------------------------------------------


def _cells_seed(folder: Path) -> list[bytes]:
    cells, _, _ = build(_BLOOD)
    return [write_cells_csv(cells, folder / "seed.csv").read_bytes()]


def _read_cells(content: bytes, folder: Path) -> None:
    (folder / "cells.csv").write_bytes(content)
    cells = read_cells_csv(folder / "cells.csv")
    assert list(cells["cell_id"]) == list(range(1, len(cells) + 1))
    assert cells["confidence"].dropna().between(0, 1).all(), "a confidence that is no probability"
    assert cells["novelty"].dropna().between(0, 1).all(), "a novelty outside 0..1"
    assert cells[["y_px", "x_px"]].abs().lt(1e9).all(axis=None), "a place that is none"
    counted = differential(cells)
    percents = counted.table["percent"][counted.table["in_denominator"].astype(bool)]
    assert not len(percents.dropna()) or abs(percents.sum() - 100) < 1e-6, (
        "percentages that do not sum to 100"
    )


def _read_side(name: str) -> Callable[[bytes, Path], None]:
    def read(content: bytes, folder: Path) -> None:
        (folder / name).write_bytes(content)
        side = read_side(folder / name)
        for slide in side.slides.values():
            assert all(0 <= n < 1e12 for n in slide.numbers.values()), "an impossible number of cells"

    return read


def _differential_seeds(folder: Path) -> list[bytes]:
    found = differential(build(_BLOOD)[0], wbc_per_l=7.2e9)
    return [write_differential_csv(found, folder / "seed.csv").read_bytes()]


def _summary_seeds(folder: Path) -> list[bytes]:
    found = differential(build(_BLOOD)[0], wbc_per_l=7.2e9)
    return [write_differential_json(found, folder / "seed.json").read_bytes()]


def _read_summary(content: bytes, folder: Path) -> None:
    (folder / "differential.json").write_bytes(content)
    summary = read_summary(folder)
    assert summary.leukocytes >= 0, "less than no leukocytes"
    assert all(n >= 0 for n in summary.counts.values()), "less than no cells"
    assert sum(summary.counts.values()) == summary.leukocytes, "a total that is not that of its parts"
    assert all(not p < 0 and not p > 100 for p in summary.percents.values()), "an impossible percentage"


# ---- manifests and sheets --------------------------------------------------------------------------------------

_MANIFEST = """path,domain,label,label_raw,group,um_per_px,split,license
a.png,lab,lymphocyte,LYT,s1,0.13,train,MIT
b.png,lab,Lymphocyte (typical),x,s1,0.13,train,MIT
c.png,other,neutrophil,,s2,,test,CC BY 4.0
"""


def _images(folder: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        if not (folder / name).exists():
            Image.new("RGB", (40, 40), (200, 120, 160)).save(folder / name)


def _read_manifest(content: bytes, folder: Path) -> None:
    _images(folder)
    (folder / "m.csv").write_bytes(content)
    rows = read_manifest(folder / "m.csv")
    assert rows["um_per_px"].between(0.02, 2.0).all()
    assert len(load_crops(rows)) == len(rows)
    labels_at(LabelPlace(folder / "m.csv"))


def _read_classified(content: bytes, folder: Path) -> None:
    _images(folder)
    (folder / "m.csv").write_bytes(content)
    for image in images_of_csv(folder / "m.csv", None):
        assert 0.01 <= image.um_per_px <= 5.0, "an impossible scale"


def _read_crop(content: bytes, folder: Path) -> None:
    """A single-cell image of a manifest is altered."""
    (folder / "a.png").write_bytes(content)
    (folder / "one.csv").write_text("path,domain,label\na.png,lab,monocyte\n", encoding="utf-8")
    assert load_crops(read_manifest(folder / "one.csv")).shape[0] == 1


def _crop_seeds(folder: Path) -> list[bytes]:
    found = []
    for kind in ("png", "jpg", "bmp", "tif", "webp", "gif"):
        Image.new("RGB", (40, 40), (200, 120, 160)).save(folder / f"seed.{kind}")
        found.append((folder / f"seed.{kind}").read_bytes())
    return found


_SHEETS = (
    "image,slide,um_per_px,wbc,profile\na1.png,A,0.1,7.2,adult_peripheral_blood\na2.png,A,0.1,7.2,adult_peripheral_blood\n",
    "image;slide;um_per_px;wbc\na1.png;A;0,1;7,2\nb1.png;B;0,12;\n",
)


def _read_sheet(content: bytes, folder: Path) -> None:
    (folder / "slides.csv").write_bytes(content)
    for row in read_sheet(folder / "slides.csv"):
        assert row.image
        assert row.um_per_px is None or 0.02 <= row.um_per_px <= 2.0
        assert row.wbc_per_l is None or 1e7 <= row.wbc_per_l <= 1e13


def _read_names(content: bytes, folder: Path) -> None:
    (folder / "names.csv").write_bytes(content)
    read_slide_names(folder / "names.csv")


# ---- profiles, columns, configurations -------------------------------------------------------------------------


def _profile_seeds(_folder: Path) -> list[bytes]:
    profiles = resources.files("napari_wbc.differential") / "profiles"
    return [(profiles / f"{name}.yaml").read_bytes() for name in ("adult_peripheral_blood", "bone_marrow")]


def _read_profile(content: bytes, folder: Path) -> None:
    (folder / "lab.yaml").write_bytes(content)
    from napari_wbc.differential.profile import load_profile

    profile = load_profile(folder / "lab.yaml")
    assert parse_profile(profile_text(profile)) == profile, (
        "a profile that is another one when written and read"
    )
    found = differential(build(_BLOOD)[0], profile)
    percents = found.table["percent"][found.table["in_denominator"].astype(bool)]
    assert not len(percents.dropna()) or abs(percents.sum() - 100) < 1e-6, (
        "percentages that do not sum to 100"
    )


def _read_columns(content: bytes, folder: Path) -> None:
    (folder / "columns.yaml").write_bytes(content)
    read_columns(folder / "columns.yaml")


_TOML = """manifests = ["a.csv"]
init = ""
input_px = 128
steps = 300
seed = 0
classes = ["lymphocyte", "monocyte"]
[optimizer]
lr = 6e-4
[augmentation]
scale = [0.8, 1.25]
[selection]
candidates = [{ "optimizer.lr" = 1e-3 }]
[second_look]
orientations = 4
below = 0.7
"""


def _read_toml(content: bytes, folder: Path) -> None:
    (folder / "recipe.toml").write_bytes(content)
    TrainingConfig.from_toml(folder / "recipe.toml").fingerprint()


# ---- what runs leave behind ------------------------------------------------------------------------------------

_RESULT = """{"schema": 1, "target": "bccd", "seed": 0, "settings": {"steps": 3}, "about": {"note": "x"},
"unseen": {"metrics": {}}, "in_domain": {}, "classes": ["a", "b"], "groups": "00x3 01 11x2+10"}"""


def _read_result(content: bytes, folder: Path) -> None:
    (folder / "bccd-0.json").write_bytes(content)
    read_result(folder / "bccd-0.json")


def _read_metrics(content: bytes, folder: Path) -> None:
    (folder / "metrics.jsonl").write_bytes(content)
    for line in MetricsLog(folder / "metrics.jsonl").lines():
        assert isinstance(line, dict)


def _journal_seeds(folder: Path) -> list[bytes]:
    path = folder / "seed.journal"
    path.unlink(missing_ok=True)
    with Journal(path, "abc") as journal:
        for number in range(3):
            journal.add(b"tile %d" % number)
    return [path.read_bytes()]


def _read_journal(content: bytes, folder: Path) -> None:
    (folder / "job.journal").write_bytes(content)
    with Journal(folder / "job.journal", "abc") as journal:
        assert all(record.startswith(b"tile ") for record in journal.records()), (
            "a record that was never written"
        )


def _read_ome(content: bytes, _folder: Path) -> None:
    OmePixels(content.decode("utf-8", "replace"))
    um_from_aperio(content.decode("utf-8", "replace"))


_OME = (
    '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels '
    'PhysicalSizeX="0.25" PhysicalSizeXUnit="µm" PhysicalSizeY="0.25" SignificantBits="12"><Channel Name="red"/>'
    "</Pixels></Image></OME>"
)

TARGETS = (
    Target("cells.csv", table_fields, _cells_seed, _read_cells),
    Target("cells.csv in compare", table_fields, _cells_seed, _read_side("cells.csv")),
    Target(
        "labels with places in compare",
        table_fields,
        _text("slide,x_px,y_px,label\na,10,20,monocyte\na,30,40,lymphocyte\nb,1,2,unidentified\n"),
        _read_side("labels.csv"),
    ),
    Target("differential.csv in compare", table_fields, _differential_seeds, _read_side("differential.csv")),
    Target("differential.json", json_values, _summary_seeds, _read_summary),
    Target(
        "table of an analyser",
        table_fields,
        _text(
            "Sample ID,NEUT%,LYMPH%,MONO%,EO%,BASO%,NRBC%,NEUT#\n1,60,30,6,3,1,0,4.3\n2,55.5,35.5,6,2,1,1,4.0\n",
            "slide;seg;band;lymph;mono;n\nA;110;10;60;20;200\nB;100;0;80;20;200\n",
        ),
        _read_side("analyser.csv"),
    ),
    Target(
        "columns of an analyser",
        yaml_values,
        _text('"NEUT%": neutrophil\nID: slide\nx: ignore\n'),
        _read_columns,
    ),
    Target("manifest", table_fields, _text(_MANIFEST), _read_manifest),
    Target(
        "manifest in classify", table_fields, _text(_MANIFEST.replace("s2,,", "s2,0.1,")), _read_classified
    ),
    Target("single-cell image", any_bytes, _crop_seeds, _read_crop),
    Target("sample sheet", table_fields, _text(*_SHEETS), _read_sheet),
    Target(
        "slides of images", table_fields, _text("image,slide\na1.png,A\na2.png,A\nb.png,B\n"), _read_names
    ),
    Target("profile", yaml_values, _profile_seeds, _read_profile),
    Target("training recipe", yaml_values, _text(_TOML), _read_toml),
    Target("result of a run", json_values, _text(_RESULT), _read_result),
    Target(
        "metrics.jsonl",
        json_lines,
        _text('{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.4}\n'),
        _read_metrics,
    ),
    Target("journal", any_bytes, _journal_seeds, _read_journal),
    Target(
        "OME-XML and Aperio's description",
        any_bytes,
        _text(_OME, "Aperio|AppMag = 40|MPP = 0.2527"),
        _read_ome,
    ),
)
