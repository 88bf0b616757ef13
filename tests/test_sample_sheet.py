"""What a sample sheet says is taken as it stands, or refused in one line that names the place."""

from __future__ import annotations

from pathlib import Path

import pytest
import zarr

from napari_wbc.errors import InputError
from napari_wbc.sample_sheet import SheetRow, batch_rows, read_sheet


def sheet(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "slides.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_full_sheet(tmp_path: Path) -> None:
    (tmp_path / "lab.yaml").write_text("")
    text = (
        "image,slide,um_per_px,wbc,profile\n"
        'in/a1.png,A,0.08,7.2,lab.yaml\n\n"in/a,2.png",A,,7.2,lab.yaml\n/x/b.svs,,,,adult_peripheral_blood\n'
    )
    profile = str(tmp_path / "lab.yaml")
    assert read_sheet(sheet(tmp_path, text)) == [
        SheetRow(str(tmp_path / "in" / "a1.png"), "A", 0.08, 7.2e9, profile),
        SheetRow(str(tmp_path / "in" / "a,2.png"), "A", None, 7.2e9, profile),
        SheetRow(str(Path("/x/b.svs")), "", None, None, "adult_peripheral_blood"),
    ]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("\ufeffImage;Sample;um_per_px;WBC\r\na.png;7;0,08;7,2\r\n", "utf-8"),
        ("image\tsample\tum_per_px\twbc\na.png\t7\t0.08\t7.2\n", "utf-8"),
        ("wbc,um_per_px,slide,image\n7.2,0.08,7,a.png", "utf-8-sig"),
    ],
)
def test_sheets_of_other_programs(tmp_path: Path, text: str, encoding: str) -> None:
    assert read_sheet(sheet(tmp_path, text, encoding)) == [
        SheetRow(str(tmp_path / "a.png"), "7", 0.08, 7.2e9, None)
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("a.png\nb.png\n", "no column image"),
        ("image\n", "names no image"),
        ("image,um_per_pixel\na.png,0.1\n", "'um_per_pixel' is not known; the columns are image, slide"),
        ("image,slide,sample\na.png,1,1\n", "slide is there twice"),
        (
            "image,wbc\na.png,7.2\nb.png,many\n",
            "line 3: wbc is 'many'; give 10^9 per litre from 0.01 to 10000",
        ),
        ("image,wbc\na.png,7200000000\n", "line 2: wbc is '7200000000'"),
        ("image,um_per_px\na.png,nan\n", "line 2: um_per_px is 'nan'"),
        ("image,um_per_px\na.png,0\n", "line 2: um_per_px is '0'; give µm per px from 0.02 to 2"),
        ("image,slide\n,A\n", "line 2: no image"),
        ("image,wbc\na.png,7,2\n", "line 2: more fields than the heading"),
        ("image\na.png\nb.png\n./a.png\n", "a.png is there twice"),
        ("image,slide,wbc\na.png,A,7\nb.png,A,8\n", "slide 'A' differ in wbc"),
        ("image,slide,profile\na.png,A,x\nb.png,A,y\n", "slide 'A' differ in profile"),
    ],
)
def test_a_fault_is_said_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = sheet(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_sheet(path)
    assert said in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_sheet_that_is_no_text_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "slides.csv").write_bytes(b"image\n\xff\xfe.png\n")
    with pytest.raises(InputError, match="UTF-8"):
        read_sheet(tmp_path / "slides.csv")
    with pytest.raises(InputError, match=r"nothing\.csv: the sheet cannot be read"):
        read_sheet(tmp_path / "nothing.csv")


def test_folders_sheets_and_images_together(tmp_path: Path) -> None:
    folder = tmp_path / "fields"
    folder.mkdir()
    for name in ("f10.png", "f2.png", "notes.txt"):
        (folder / name).write_bytes(b"")
    zarr.open_group(str(tmp_path / "s.ome.zarr"), mode="w")
    listed = sheet(tmp_path, "image,wbc\nfields/f2.png,5\nmissing.svs,\n")
    rows = batch_rows([str(listed), str(folder), str(tmp_path / "s.ome.zarr")])
    assert [Path(row.image).name for row in rows] == ["f2.png", "missing.svs", "f10.png", "s.ome.zarr"]
    assert [row.wbc_per_l for row in rows] == [5e9, None, None, None]
    # One input that fails, which does not stop the others.
    (tmp_path / "empty").mkdir()
    assert [row.image for row in batch_rows([str(tmp_path / "empty")])] == [str(tmp_path / "empty")]


def test_a_heading_that_is_no_heading_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"the sheet cannot be read \(field larger than field limit"
    ) as caught:
        read_sheet(sheet(tmp_path, "image" * 40_000 + ",slide\na.png,7\n"))
    assert "\n" not in str(caught.value)


def test_a_sheet_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = sheet(tmp_path, "image\na.png\n")
    with path.open("r+b") as file:
        file.truncate((64 << 20) + 1)
    with pytest.raises(InputError, match="larger than 64 MB, so it is no sample sheet"):
        read_sheet(path)
