"""Models are data: nothing in a bundle, an adapter or a state of training runs, and sizes are bounded before use."""

from __future__ import annotations

import hashlib
import io
import json
import math
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load, save
from tests.classification.test_bundle import bundle

from napari_wbc.adaptation.adapter import import_adapter, read_adapter
from napari_wbc.classification.bundle import INFO_FILE, WEIGHTS_FILE, load_model, read_card, verify_bundle
from napari_wbc.classification.predict import classify
from napari_wbc.errors import InputError, ModelError, WbcError
from napari_wbc.found_cells import Found
from napari_wbc.masks import CellMask
from napari_wbc.training.checkpoint import RunState

#: The last layer of the network would have 500 MB.
MANY = [f"c{i}" for i in range(100_000)]


class Exploit:
    """Pickled, it makes a file when it is read."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


@pytest.fixture
def folder(tmp_path):
    return bundle(tmp_path / "tiny")


def rewrite(folder: Path, weights: bytes | None = None, **changes: object) -> None:
    """Alter a bundle, its checksum made right again."""
    info = json.loads((folder / INFO_FILE).read_text(encoding="utf-8"))
    if weights is not None:
        (folder / WEIGHTS_FILE).write_bytes(weights)
        info["sha256"] = hashlib.sha256(weights).hexdigest()
    (folder / INFO_FILE).write_text(json.dumps({**info, **changes}), encoding="utf-8")


def test_pickled_weights_are_refused_and_run_nothing(folder, tmp_path):
    for weights in (pickle.dumps(Exploit(tmp_path / "ran")), _torch_file(Exploit(tmp_path / "ran"))):
        rewrite(folder, weights)
        with pytest.raises(ModelError, match="safetensors"):
            load_model(folder)
    assert not (tmp_path / "ran").exists()


def test_an_array_of_objects_is_refused_and_runs_nothing(tmp_path):
    file = io.BytesIO()
    np.savez(file, plain=np.array([Exploit(tmp_path / "ran")], object))
    with pytest.raises(ValueError, match="pickle"):
        Found.from_bytes(file.getvalue())
    assert not (tmp_path / "ran").exists()


def test_the_state_of_a_training_runs_nothing(tmp_path):
    (tmp_path / "state.pt").write_bytes(_torch_file({"fingerprint": Exploit(tmp_path / "ran")}))
    state = RunState(None, None, None, None, None, None, None)
    with pytest.raises(InputError, match="cannot be read as the state of a training"):
        state.restore(tmp_path / "state.pt", "abc")
    assert not (tmp_path / "ran").exists()


def _torch_file(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"classes": MANY, "class_priors": dict.fromkeys(MANY, 1e-5)}, "classes"),
        ({"architecture": {"name": ["mobilenet_v2"]}}, "architecture"),
        ({"architecture": {"name": "mobilenet_v2", "arguments": [1]}}, "architecture"),
        ({"architecture": {"name": "os.system", "arguments": {}}}, "unknown architecture"),
        ({"architecture": {"name": "mobilenet_v2", "arguments": {"width": 10**9}}}, "cannot be built"),
        ({"normalisation": {}}, "normalisation"),
        ({"confusion": {"said": [["monocyte"]], "unseen": {}, "held_out": {}}}, "list of classes"),
        ({"confusion": {"said": ["monocyte", "monocyte"], "unseen": {}, "held_out": {}}}, "lists other classes"),
        (
            {"confusion": {"said": ["monocyte"], "unseen": {"a": {"monocyte": [10**400]}}, "held_out": {}}},
            "not 1 counts",
        ),
    ],
)  # fmt: skip
def test_a_description_that_asks_for_too_much_is_refused(folder, changes, word):
    rewrite(folder, **changes)
    with pytest.raises(ModelError, match=word) as caught:
        verify_bundle(folder)
    assert str(caught.value).isprintable()


def test_a_weight_that_is_no_number_gives_no_label(folder, tmp_path):
    """Its checksum may be right; the first class would be said of every cell."""
    from PIL import Image

    tensors = load((folder / WEIGHTS_FILE).read_bytes())
    name = max(tensors, key=lambda name: tensors[name].ndim)
    tensors[name] = tensors[name].copy()
    tensors[name].flat[0] = np.nan
    rewrite(folder, save(tensors))
    Image.new("RGB", (160, 160), (200, 100, 150)).save(tmp_path / "cell.png")
    with pytest.raises(ModelError, match="no finite output"):
        classify([tmp_path / "cell.png"], model=folder, um_per_px=0.15)


def test_a_header_that_claims_more_than_the_file_holds_is_refused(folder):
    content = (folder / WEIGHTS_FILE).read_bytes()
    head = json.dumps(
        {"network.x": {"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 4 * 10**18]}}
    )
    for weights in (
        (2**62).to_bytes(8, "little") + content[8:],
        len(head).to_bytes(8, "little") + head.encode() + bytes(64),
        b"",
    ):
        rewrite(folder, weights)
        with pytest.raises(ModelError, match="no safetensors file"):
            load_model(folder)


def test_a_file_that_is_larger_than_a_model_is_not_read(folder):
    with (folder / WEIGHTS_FILE).open("r+b") as file:
        file.truncate(3 << 30)  # sparse: it takes no room on the disk
    with pytest.raises(ModelError, match="larger than 1 GB"):
        load_model(folder)
    with (folder / INFO_FILE).open("r+b") as file:
        file.truncate(1 << 30)
    with pytest.raises(ModelError, match="larger than 16 MB"):
        load_model(folder)


def test_a_card_is_shown_as_far_as_it_is_a_card(folder):
    (folder / "CARD.md").write_bytes(b"\xff# Card\n" + b"x" * (3 << 20))
    assert len(read_card(folder)) == 1 << 20


def test_an_adapter_names_no_place_and_no_code(folder, tmp_path):
    base = load_model(folder)
    told = {
        "format": "napari-wbc lab adapter", "version": "1", "card": "", "sha256": "0" * 64, "dropped": "[]",
        "parent": json.dumps({"name": "../../etc/passwd", "sha256": base.sha256}),
        "info": json.dumps({"name": "../../../evil", "architecture": {"name": "__import__('os')"}}),
    }  # fmt: skip
    file = tmp_path / "evil.wbcadapter"
    tensors = {"network.head.bias": np.zeros(2, np.float32)}
    file.write_bytes(save(tensors, metadata=told))
    assert read_adapter(file).parent == "../../etc/passwd"  # a text to be shown, never a path
    with pytest.raises(InputError, match="damaged"):
        import_adapter(file, tmp_path / "new", source=folder)
    whole = hashlib.sha256(
        save({k: np.ascontiguousarray(v) for k, v in {**base.tensors, **tensors}.items()})
    ).hexdigest()
    sound = save(tensors, metadata=told)
    length = int.from_bytes(sound[:8], "little")
    for version in (math.inf, math.nan, None, []):
        head = json.loads(sound[8 : 8 + length])
        head["__metadata__"]["version"] = version
        altered = json.dumps(head).encode()
        file.write_bytes(len(altered).to_bytes(8, "little") + altered + sound[8 + length :])
        with pytest.raises(InputError, match="no lab adapter"):
            read_adapter(file)
    file.write_bytes(save(tensors, metadata={**told, "sha256": whole}))
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(WbcError):
        verify_bundle(import_adapter(file, tmp_path / "new", source=folder).folder)
    assert {p.name for p in tmp_path.iterdir()} - set(before) <= {"new"}


def test_a_count_that_would_unpack_to_gigabytes_is_not_unpacked():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../plain.npy", b"x")
    content = bytearray(file.getvalue())
    directory = content.find(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = (2**32 - 2).to_bytes(4, "little")
    with pytest.raises(ValueError, match="unpack to 4"):
        Found.from_bytes(bytes(content))


def test_a_mask_must_fill_its_box():
    """Runs of 65,535 px in a few bytes would be a mask of any size."""
    runs = np.array([1, 3], "<u2").tobytes()
    assert CellMask.from_runs((0, 0, 2, 2), runs, runs).cell.sum() == 3
    for box, other in (((0, 0, 2, 3), runs), ((0, 0, 10**6, 10**6), runs), ((0, 0, 2, 2), b"\xff\xff" * 9)):
        with pytest.raises(ValueError, match="does not fill its box"):
            CellMask.from_runs(box, other, other)


def test_a_slide_is_no_image_of_a_cell(tmp_path):
    from PIL import Image

    Image.new("RGB", (9000, 3), (200, 100, 150)).save(tmp_path / "wide.png")
    with pytest.raises(InputError, match="no image of a single cell"):
        classify([tmp_path / "wide.png"], um_per_px=0.1)


def test_loading_gives_the_tensors_that_were_saved(folder):
    """The other half: what is sound is read as it is."""
    stored = load((folder / WEIGHTS_FILE).read_bytes())
    read = load_model(folder).tensors
    assert all((read[name] == value).all() for name, value in stored.items())
