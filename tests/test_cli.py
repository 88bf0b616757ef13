"""The command line: results, exit status, and one plain line for everything that is wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from napari_wbc.cli import main
from napari_wbc.cli.places import result_folders
from napari_wbc.results import FILES
from napari_wbc.slides.synthetic import SyntheticSmear
from skips import needs_posix_signals


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """Give what stands on stderr: one line of ours, no warning and no traceback."""
    text = capsys.readouterr().err
    assert text.count("\n") == 1, text
    assert text.startswith("napari-wbc: ")
    assert "Traceback" not in text
    return text


def hidden_files(folder: Path) -> list[Path]:
    return list(folder.rglob(".*"))


@pytest.fixture
def small_file(smear: SyntheticSmear, smear_image: NDArray[np.uint8], tmp_path: Path) -> Path:
    """A part of the smear around one leukocyte: quick to count."""
    path = tmp_path / "in" / "small.png"
    path.parent.mkdir()
    cells = smear.truth()
    cell = cells[cells["y_px"].between(200, 600) & cells["x_px"].between(300, 900)].iloc[0]
    y, x = round(cell.y_px) - 200, round(cell.x_px) - 300
    Image.fromarray(smear_image[y : y + 400, x : x + 600]).save(path)
    return path


# The bad inputs: how the file is made, and a word that the complaint must hold.


def _missing(path: Path) -> Path:
    return path / "missing.png"


def _empty(path: Path) -> Path:
    (path / "empty.png").touch()
    return path / "empty.png"


def _noise() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)


def _halved(file: Path) -> Path:
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    return file


def _truncated(path: Path) -> Path:
    Image.fromarray(_noise()).save(path / "cut.png")
    return _halved(path / "cut.png")


def _truncated_jpeg(path: Path) -> Path:
    Image.fromarray(_noise()).save(path / "cut.jpg")
    return _halved(path / "cut.jpg")


def _truncated_tiff(path: Path) -> Path:
    tifffile.imwrite(path / "cut.tif", _noise(), photometric="rgb")
    return _halved(path / "cut.tif")


def _mislabelled(path: Path) -> Path:
    (path / "letter.tif").write_text("Dear Sir or Madam, this is no image at all.")
    return path / "letter.tif"


def _not_a_slide(path: Path) -> Path:
    (path / "fake.svs").write_bytes(b"II*\0" + bytes(100))
    return path / "fake.svs"


def _directory(path: Path) -> Path:
    (path / "folder").mkdir()
    return path / "folder"


def _grey(path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 255, (300, 300), np.uint8)
    Image.fromarray(noise).save(path / "grey.png")
    return path / "grey.png"


def _grey_stored_as_rgb(path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 255, (300, 300), np.uint8)
    Image.fromarray(np.dstack([noise] * 3)).save(path / "grey_rgb.png")
    return path / "grey_rgb.png"


def _white(path: Path) -> Path:
    Image.new("RGB", (300, 200), (255, 255, 255)).save(path / "white.png")
    return path / "white.png"


def _one_pixel(path: Path) -> Path:
    Image.new("RGB", (1, 1), (200, 180, 190)).save(path / "dot.png")
    return path / "dot.png"


def _not_finite(path: Path) -> Path:
    tifffile.imwrite(path / "nan.tif", np.full((50, 50, 3), np.nan, np.float32), photometric="rgb")
    return path / "nan.tif"


BAD_INPUTS = {
    _missing: "no such file",
    _empty: "empty",
    _truncated: "cut.png",
    _truncated_jpeg: "cut.jpg",
    _truncated_tiff: "cut.tif",
    _mislabelled: "not an image",
    _not_a_slide: "fake.svs",
    _directory: "folder",
    _grey: "grey",
    _grey_stored_as_rgb: "grey",
    _white: "--um-per-px",
    _one_pixel: "--um-per-px",
    _not_finite: "nan.tif",
}


@pytest.mark.parametrize(
    ("make", "word"), BAD_INPUTS.items(), ids=lambda value: getattr(value, "__name__", "")
)
def test_bad_input_is_one_plain_line(
    make: object, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = make(tmp_path)  # type: ignore[operator]
    assert main(["count", str(bad), "--out", str(tmp_path / "out")]) == 1
    line = complaint(capsys)
    assert line.startswith(f"napari-wbc: {bad}")
    assert word in line
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("make", [_white, _one_pixel])
def test_blank_image_of_known_scale_has_no_cells(
    make: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blank = make(tmp_path)  # type: ignore[operator]
    assert main(["count", str(blank), "--out", str(tmp_path / "out"), "--um-per-px", "0.1"]) == 0
    assert "No leukocyte" in capsys.readouterr().out
    assert sorted(item.name for item in (tmp_path / "out" / blank.stem).iterdir()) == sorted(FILES)


def test_bad_inputs_do_not_stop_the_batch(
    small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, make in enumerate(BAD_INPUTS):
        (tmp_path / str(number)).mkdir()
        make(tmp_path / str(number))
    bad = [str(make(tmp_path / str(number)) if make is _missing else next((tmp_path / str(number)).iterdir()))
           for number, make in enumerate(BAD_INPUTS)]  # fmt: skip
    blank = sum(make in (_white, _one_pixel) for make in BAD_INPUTS)
    out = tmp_path / "out"
    assert main(["count", *bad, str(small_file), "--out", str(out), "--um-per-px", "0.1"]) == 1
    written = capsys.readouterr()
    lines = written.err.splitlines()
    assert len(lines) == len(bad) - blank + 1
    assert (
        lines[-1]
        == f"napari-wbc: {len(bad) - blank} of {len(bad) + 1} images failed; the others are finished"
    )
    assert sorted(folder.name for folder in out.iterdir() if folder.is_dir()) == ["dot", "small", "white"]
    assert hidden_files(out) == []


def test_count_writes_the_contract_and_prints_the_table(
    small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "out"
    assert main(["count", str(small_file), "--out", str(out), "--um-per-px", "0.1", "--wbc", "7.2"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert str(small_file) in printed.out
    assert "Neutrophil" in printed.out
    assert "research use only" in printed.out
    assert re.search(
        r"^Scale: 0\.1\d+ µm per px, .+\nStain: (confidence 0|typical)", printed.out, re.MULTILINE
    )
    assert sorted(item.name for item in (out / "small").iterdir()) == sorted(FILES)
    run = json.loads((out / "small" / "run.json").read_text(encoding="utf-8"))
    assert run["parameters"]["wbc_per_l"] == 7.2e9
    assert main(["count", str(small_file), "--out", str(out), "--um-per-px", "0.1", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_scale_is_estimated_from_red_cells(
    smear_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["count", str(smear_file), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    run = json.loads((tmp_path / "out" / "smear" / "run.json").read_text(encoding="utf-8"))
    assert run["scale"]["origin"] == "red_cells"
    assert run["scale"]["um_per_px"] == pytest.approx(0.1, rel=0.1)


def test_progress_is_drawn_when_asked_for(
    small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["count", str(small_file), "--out", str(tmp_path / "out"), "--um-per-px", "0.1", "--progress"]
    assert main(argv) == 0
    assert "Finding and classifying cells" in capsys.readouterr().err


def test_resume_skips_what_is_done(
    small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out" / "small"
    argv = ["count", str(small_file), "--out", str(tmp_path / "out"), "--um-per-px", "0.1"]

    def counts_again(*more: str) -> bool:
        before = (folder / "run.json").stat().st_mtime_ns if (folder / "run.json").exists() else 0
        assert main([*argv, "--resume", *more]) == 0
        skipped = "counted before" in capsys.readouterr().out
        again = (folder / "run.json").stat().st_mtime_ns != before
        assert skipped != again
        return again

    assert counts_again()
    assert not counts_again()
    assert counts_again("--wbc", "5"), "other parameters"
    assert counts_again(), "and back"
    (folder / "report.html").unlink()
    assert counts_again(), "incomplete"
    with Image.open(small_file) as before:
        image = np.array(before)
    image[0, 0] = 0
    Image.fromarray(image).save(small_file)
    assert counts_again(), "another image"
    assert not counts_again()


def test_same_stem_does_not_overwrite(small_file: Path, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    other = tmp_path / "b" / "small.png"
    Image.new("RGB", (200, 200), (250, 248, 249)).save(other)
    out = tmp_path / "out"
    argv = [
        "count",
        str(small_file),
        str(other),
        str(small_file),
        "--out",
        str(out),
        "--um-per-px",
        "0.1",
        "--quiet",
    ]
    assert main(argv) == 0
    cells = [len(pd.read_csv(folder / "cells.csv")) for folder in sorted(out.iterdir()) if folder.is_dir()]
    assert len(cells) == 2
    assert cells[0] > 0
    assert cells[1] == 0


def test_result_folders_are_distinct_and_stable() -> None:
    out = Path("out")
    folders = result_folders(["a/x.png", "b/x.png", "c/x.jpg", "y.ome.tiff", "a/x.png", "z.ome.zarr/"], out)
    assert list(folders) == ["a/x.png", "b/x.png", "c/x.jpg", "y.ome.tiff", "z.ome.zarr/"]
    assert [folder.name for folder in folders.values()] == ["x.png", "x.png-2", "x.jpg", "y", "z"]
    assert [f.name for f in result_folders(["A.png", "a.png"], out).values()] == ["A.png", "a.png-2"]


BAD_USAGE = [
    ([], "COMMAND"),
    (["cuont"], "cuont"),
    (["count", "IMAGE"], "--out"),
    (["count", "--out", "OUT"], "IMAGE"),
    (["count", "IMAGE", "--out", "OUT", "--um-per-px", "0"], "µm per px"),
    (["count", "IMAGE", "--out", "OUT", "--um-per-px", "-1"], "µm per px"),
    (["count", "IMAGE", "--out", "OUT", "--um-per-px", "1000"], "µm per px"),
    (["count", "IMAGE", "--out", "OUT", "--um-per-px", "nan"], "µm per px"),
    (["count", "IMAGE", "--out", "OUT", "--um-per-px", "abc"], "no number"),
    (["count", "IMAGE", "--out", "OUT", "--workers", "0"], "--workers"),
    (["count", "IMAGE", "--out", "OUT", "--wbc", "-3"], "white cell count"),
    (["count", "IMAGE", "--out", "OUT", "--device", "tpu"], "--device"),
    (["count", "IMAGE", "--out", "OUT", "--model", "rubust"], "robust"),
    (["count", "IMAGE", "--out", "OUT", "--profile", "nowhere.yaml"], "nowhere.yaml"),
    (["count", "IMAGE", "--out", "IMAGE"], "file is in the way"),
    (["count", "IMAGE", "--out", "IMAGE/below"], "file is in the way"),
    (["segment", "IMAGE", "--out", "OUT/labels.png"], ".ome.zarr"),
    (["segment", "IMAGE", "--out", "IMAGE/labels.tif"], "file is in the way"),
    (["classify", "IMAGE", "--out", "OUT.csv", "--model", "rubust"], "robust"),
    (["sample", "--out", "OUT.png", "--size", "big"], "WIDTHxHEIGHT"),
    (["sample", "--out", "OUT.png", "--size", "0x5"], "WIDTHxHEIGHT"),
    (["sample", "--out", "OUT.png", "--seed", "-1"], "seed"),
    (["models"], "ACTION"),
    (["models", "show", "rubust"], "robust"),
]


@pytest.mark.parametrize(
    ("argv", "word"), BAD_USAGE, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_bad_usage_is_one_plain_line_and_status_2(
    argv: list[str], word: str, small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [part.replace("IMAGE", str(small_file)).replace("OUT", str(tmp_path / "out")) for part in argv]
    assert main(argv) == 2
    assert word in complaint(capsys)
    assert [item for item in tmp_path.rglob("*") if item.is_file()] == [small_file]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_folder(small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    assert main(["count", str(small_file), "--out", str(tmp_path / "locked")]) == 2
    assert "cannot be written" in complaint(capsys)


def test_folder_with_other_files_is_left_alone(
    small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    precious = tmp_path / "out" / "small" / "notes.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("years of work")
    assert main(["count", str(small_file), "--out", str(tmp_path / "out"), "--um-per-px", "0.1"]) == 1
    assert "notes.txt" in complaint(capsys)
    assert precious.read_text() == "years of work"


def _broken_bundle(folder: Path, how: str) -> Path:
    from napari_wbc.classification.bundle import find_model

    shutil.copytree(find_model("robust"), folder)
    weights = folder / "model.safetensors"
    if how == "weights altered":
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
    elif how == "weights missing":
        weights.unlink()
    elif how == "no JSON":
        (folder / "model.json").write_text("{")
    elif how == "newer":
        info = json.loads((folder / "model.json").read_text())
        (folder / "model.json").write_text(json.dumps(info | {"schema_version": 99}))
    elif how == "no bundle":
        (folder / "model.json").unlink()
    return folder


@pytest.mark.parametrize("how", ["weights altered", "weights missing", "no JSON", "newer", "no bundle"])
def test_broken_bundle_is_one_plain_line(
    how: str, small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = _broken_bundle(tmp_path / "bundle", how)
    argv = [
        "count",
        str(small_file),
        "--out",
        str(tmp_path / "out"),
        "--model",
        str(bundle),
        "--um-per-px",
        "0.1",
    ]
    assert main(argv) == 2
    assert str(bundle) in complaint(capsys)
    assert main(["models", "verify", str(bundle)]) == 1
    assert str(bundle) in complaint(capsys)


def test_models_list_show_verify(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list"]) == 0
    assert capsys.readouterr().out.startswith("robust")
    assert main(["models", "show", "robust"]) == 0
    assert "sha256" in capsys.readouterr().out
    assert main(["models", "verify", "robust"]) == 0
    assert "intact" in capsys.readouterr().out


def test_sample_is_repeatable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.png", "b.png"):
        assert main(["sample", "--out", str(tmp_path / name), "--size", "300x200", "--seed", "5"]) == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.truth.csv").read_bytes() == (tmp_path / "b.truth.csv").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (300, 200)
    assert hidden_files(tmp_path) == []


@pytest.mark.parametrize("name", ["slide.ome.tiff", "slide.ome.zarr", "slide.svs"])
def test_sample_slides_can_be_counted(name: str, tmp_path: Path) -> None:
    assert main(["sample", "--out", str(tmp_path / name), "--size", "700x500", "--quiet"]) == 0
    assert main(["count", str(tmp_path / name), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    run = json.loads((tmp_path / "out" / "slide" / "run.json").read_text(encoding="utf-8"))
    assert run["scale"]["origin"] == "metadata"
    assert run["scale"]["um_per_px"] == pytest.approx(0.1)


def test_segment_writes_labels_and_table(
    small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "labels.tif"
    assert main(["segment", str(small_file), "--out", str(out), "--um-per-px", "0.1"]) == 0
    assert "labels.tif" in capsys.readouterr().out
    cells, nuclei = tifffile.imread(out)
    table = pd.read_csv(tmp_path / "labels.csv")
    assert cells.shape == (400, 600)
    assert cells.dtype == np.int32
    assert list(np.unique(cells)) == [0, *table["cell_id"]]
    assert not (nuclei[cells == 0]).any()
    assert hidden_files(tmp_path) == []


def test_segment_names_a_bad_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["segment", str(tmp_path / "no.png"), "--out", str(tmp_path / "labels.ome.zarr")]) == 1
    assert "no such file" in complaint(capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("argv", [["count", "--out", "results"], ["segment", "--out", "labels.tif"]])
def test_scheduler_that_is_none_is_said_at_once(
    argv: list[str], small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, option, name = argv
    scheduler = ["--scheduler", "carrier-pigeon://roof"]
    assert (
        main([command, str(small_file), option, str(tmp_path / name), "--um-per-px", "0.1", *scheduler]) == 2
    )
    assert "no dask scheduler answers there" in complaint(capsys)


@pytest.fixture
def cell_folder(smear_image: NDArray[np.uint8], tmp_path: Path) -> Path:
    folder = tmp_path / "cells"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(smear_image[100 * number : 100 * number + 250, :250]).save(folder / f"{number}.png")
    return folder


def test_classify_folder(cell_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "classes.csv"
    assert main(["classify", str(cell_folder), "--um-per-px", "0.1", "--out", str(out)]) == 0
    table = pd.read_csv(out)
    assert list(table["path"]) == [str(cell_folder / f"{n}.png") for n in range(3)]
    assert list(table.columns[:3]) == ["path", "label", "confidence"]
    assert "p_lymphocyte" in table.columns
    assert "3 cells" in capsys.readouterr().out


def test_classify_manifest_and_go_on_after_bad_images(
    cell_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (cell_folder / "bad.png").write_text("no image")
    manifest = tmp_path / "manifest.csv"
    rows = [("cells/0.png", 0.1), ("cells/bad.png", 0.1), ("cells/2.png", 0.2), ("cells/gone.png", 0.1)]
    pd.DataFrame(rows, columns=["path", "um_per_px"]).to_csv(manifest, index=False)
    out = tmp_path / "classes.csv"
    assert main(["classify", str(manifest), "--out", str(out), "--quiet"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "cells/bad.png" in lines[0]
    assert "cells/gone.png" in lines[1]
    assert list(pd.read_csv(out)["path"]) == ["cells/0.png", "cells/2.png"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "CSV"),
        ("file,um_per_px\na.png,0.1\n", "path"),
        ("path\na.png\n", "um_per_px"),
        ("path,um_per_px\na.png,0.1\nb.png,fine\n", "line 3"),
    ],
)
def test_classify_names_a_bad_manifest(
    text: str, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(text)
    assert main(["classify", str(manifest), "--out", str(tmp_path / "out.csv")]) == 1
    assert word in complaint(capsys)
    assert not (tmp_path / "out.csv").exists()


def test_unexpected_error_is_one_line_and_debug_shows_more(
    small_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("an error\nof two lines")

    monkeypatch.setattr("napari_wbc.batch.count_events", fail)
    argv = ["count", str(small_file), "--out", str(tmp_path / "out")]
    assert main(argv) == 1
    line = complaint(capsys)
    assert "ZeroDivisionError: an error" in line
    assert "--debug" in line
    assert main([*argv, "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


# A few through a real process: the entry point, signals and pipes.


def command(*argv: str | Path) -> list[str]:
    return [
        sys.executable,
        "-c",
        "import sys; from napari_wbc.cli import main; sys.exit(main())",
        *map(str, argv),
    ]


def test_real_process_reports_bad_input(tmp_path: Path) -> None:
    done = subprocess.run(
        command("count", _truncated_tiff(tmp_path), "--out", tmp_path / "out"), capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("napari-wbc: ")
    assert done.stderr.count("\n") == 1, done.stderr


def test_reader_that_goes_away_is_no_error() -> None:
    argv = command("models", "show", "robust")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


@needs_posix_signals
@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_leaves_nothing_half_written(
    smear_image: NDArray[np.uint8], tmp_path: Path, workers: str
) -> None:
    image = tmp_path / "large.png"
    Image.fromarray(np.tile(smear_image, (3, 3, 1))).save(image, compress_level=1)
    out = tmp_path / "out"
    argv = command("count", image, "--out", out, "--um-per-px", "0.1", "--workers", workers, "--progress")
    # A group of its own, as a terminal makes it: Ctrl-C reaches the workers too.
    process = subprocess.Popen(
        argv,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell starts background jobs with Ctrl-C ignored, and the tests may be such a job.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    seen = ""
    while "Finding and" not in seen:
        letter = process.stderr.read(1)
        assert letter, seen
        seen += letter
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    pressed = time.perf_counter()
    _, rest = process.communicate(timeout=60)
    assert time.perf_counter() - pressed < 30
    assert process.returncode == 130, rest
    assert "Traceback" not in rest
    assert rest.splitlines()[-1].startswith("napari-wbc: interrupted")
    # What was finished may be noted for --resume.
    assert {item.name for item in out.iterdir()} <= {"large.journal"}
