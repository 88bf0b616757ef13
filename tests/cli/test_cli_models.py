"""``napari-wbc models``, and bundles that are broken."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from command_line import complaint
from napari_wbc.cli import main


def test_models_list_show_verify(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list"]) == 0
    assert capsys.readouterr().out.startswith("robust")
    assert main(["models", "show", "robust"]) == 0
    assert "sha256" in capsys.readouterr().out
    assert main(["models", "verify", "robust"]) == 0
    assert "intact" in capsys.readouterr().out


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
