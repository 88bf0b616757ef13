"""Images made to harm: one plain line for each, in bounded memory, and never pixels that nobody stored."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hostile.corpus import CORPUS, PICTURE
from napari_wbc.cli import main
from napari_wbc.errors import InputError
from napari_wbc.slides import open_slide
from napari_wbc.slides.embedded_size import embedded_size
from napari_wbc.slides.levels import downsample_of


def _read_corner(path: Path) -> None:
    slide = open_slide(path)
    slide.read(0, 0, 0, min(64, slide.shape[0]), min(64, slide.shape[1]))


@pytest.mark.parametrize("make", CORPUS, ids=lambda make: make.__name__)
def test_a_hostile_image_is_one_plain_line(make, tmp_path):
    path = make(tmp_path)
    with pytest.raises(InputError, match=CORPUS[make]) as caught:
        _read_corner(path)
    assert str(caught.value).isprintable()
    assert str(path) in str(caught.value)


_READ = """
import json, resource, sys
from pathlib import Path
sys.path[:0] = [{tests!r}]
import imagecodecs, tifffile, zarr
from hostile.corpus import CORPUS
from napari_wbc.errors import InputError
from napari_wbc.slides import open_slide
folder, most = Path(sys.argv[1]), {{}}
made = {{make.__name__: make(folder) for make in CORPUS}}
for name, path in made.items():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        open_slide(path).read(0, 0, 0, 60, 60)
    except InputError:
        pass
    most[name] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
print(json.dumps(most))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is counted otherwise elsewhere")
def test_no_bomb_takes_memory(tmp_path):
    """What a bomb asks for is never made room for: 12 GB, 10 GB, 3 GB; 300 MB would be seen here."""
    tests = str(Path(__file__).resolve().parents[1])
    run = subprocess.run(
        [sys.executable, "-c", _READ.format(tests=tests), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert {name: mb for name, mb in json.loads(run.stdout.splitlines()[-1]).items() if mb > 300} == {}


def test_a_hostile_image_does_not_stop_the_others(tmp_path, small_file, capsys):
    bad = [str(make(tmp_path)) for make in CORPUS]
    out = tmp_path / "out"
    assert main(["count", *bad, str(small_file), "--out", str(out), "--um-per-px", "0.1", "--quiet"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(bad) + 1, lines
    assert all(line.startswith("napari-wbc: ") and line.isprintable() for line in lines)
    assert not any("Unexpected" in line for line in lines)
    assert [f.name for f in out.iterdir() if f.is_dir()] == ["small"]


def test_a_copy_of_one_px_is_asked_at_once():
    """One factor after the other would be a thousand million."""
    assert downsample_of((10**9, 10**9), (1, 1)) == 2.0**29
    assert downsample_of((1003, 100001), (62, 6250)) == 16.0
    assert downsample_of((3000, 3000), (1000, 1000)) == 3.0


def test_what_a_picture_says_of_itself():
    import imagecodecs

    assert embedded_size(imagecodecs.jpeg8_encode(PICTURE), 7) == (60, 80)
    code = imagecodecs.jpeg2k_encode(PICTURE, codecformat="j2k", reversible=True)
    assert embedded_size(code, 33005) == (60, 80)
    assert embedded_size(imagecodecs.webp_encode(PICTURE), 50001) == (60, 80)
    assert embedded_size(b"\xff\xd8", 7) is None
