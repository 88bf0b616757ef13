"""A few commands through a real process: the entry point, signals and pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from bad_images import truncated_tiff
from numpy.typing import NDArray
from PIL import Image

from skips import needs_posix_signals


def command(*argv: str | Path) -> list[str]:
    return [
        sys.executable,
        "-c",
        "import sys; from napari_wbc.cli import main; sys.exit(main())",
        *map(str, argv),
    ]


def test_real_process_reports_bad_input(tmp_path: Path) -> None:
    done = subprocess.run(
        command("count", truncated_tiff(tmp_path), "--out", tmp_path / "out"), capture_output=True, text=True
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
