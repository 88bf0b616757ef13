import shutil
from dataclasses import replace

import numpy as np
import pytest
from tests.adaptation.test_adapt import QUICK

import napari_wbc as wbc
from napari_wbc.adaptation.adapt import adapt
from napari_wbc.adaptation.adapter import export_adapter, import_adapter, read_adapter
from napari_wbc.adaptation.fine_tune import fine_tune
from napari_wbc.adaptation.parents import source_of
from napari_wbc.classification.predict import predict_crops
from napari_wbc.errors import InputError, ModelError


@pytest.fixture(scope="module")
def ours(source, target, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ours")
    return fine_tune(source, target, folder / "our-lab", recipe=replace(QUICK, steps=2), device="cpu")


def test_an_adapter_gives_the_same_model_bit_for_bit(source, target, ours, tmp_path):
    file = export_adapter(ours, tmp_path / "our-lab.wbcadapter", source=source)
    assert file.stat().st_size < (source.folder / "model.safetensors").stat().st_size
    back = import_adapter(file, tmp_path / "back", source=source)
    assert back.sha256 == ours.sha256
    assert back.info == {**ours.info, "name": "back"}
    assert back.name == "back"
    told = read_adapter(file)
    assert (told.name, told.parent_sha256) == ("our-lab", source.sha256)
    assert told.card == ours.card
    assert back.card == ours.card
    a, b = (predict_crops(m, target.crops[:4], device="cpu") for m in (ours, back))
    assert (a.probabilities == b.probabilities).all()
    assert (a.novelty == b.novelty).all()


def test_it_holds_no_image(source, ours, tmp_path):
    from safetensors.numpy import load_file

    file = export_adapter(ours, tmp_path / "our-lab.wbcadapter", source=source)
    tensors = load_file(file)
    assert all(name.startswith(("network.", "novelty.", "domains.")) for name in tensors)
    assert all(value.dtype != np.uint8 for value in tensors.values())


def test_it_fits_its_own_model_only(source, ours, tmp_path):
    file = export_adapter(ours, tmp_path / "a.wbcadapter", source=source)
    with pytest.raises(InputError, match="not the model that is needed"):
        import_adapter(file, tmp_path / "no", source="robust")
    with pytest.raises(ModelError, match="is not installed"):
        import_adapter(file, tmp_path / "no")
    with pytest.raises(InputError, match="was not adapted"):
        export_adapter("robust", tmp_path / "b.wbcadapter")
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    "content", [b"", b"no safetensors at all", b"\x10\0\0\0\0\0\0\0" + b'{"a": 1}        ']
)
def test_what_is_no_adapter_is_told(source, tmp_path, content):
    file = tmp_path / "x.wbcadapter"
    file.write_bytes(content)
    with pytest.raises(InputError, match="no lab adapter"):
        import_adapter(file, tmp_path / "no", source=source)


def test_a_damaged_adapter_is_told(source, ours, tmp_path):
    file = export_adapter(ours, tmp_path / "a.wbcadapter", source=source)
    content = bytearray(file.read_bytes())
    content[-5000] ^= 0x55
    file.write_bytes(bytes(content))
    before = shutil.copytree(ours.folder, tmp_path / "kept")
    for place in (tmp_path / "no", before):
        with pytest.raises(InputError, match="damaged"):
            import_adapter(file, place, source=source)
    assert not (tmp_path / "no").exists()
    assert wbc.load_model(before).sha256 == ours.sha256


def test_an_adapted_model_is_adapted_from_its_source_again(source, ours, target, tmp_path, monkeypatch):
    with pytest.raises(ModelError, match="is not installed"):
        adapt(ours, target, device="cpu")
    shutil.copytree(source.folder, tmp_path / "models" / "source")
    monkeypatch.setenv("NAPARI_WBC_MODELS", str(tmp_path / "models"))
    assert source_of(wbc.load_model(ours.folder)).sha256 == source.sha256
