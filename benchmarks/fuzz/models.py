"""Readers of models and of reviews; checksums are made right again, as whoever makes a hostile file does."""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from benchmarks.fuzz.mutations import any_bytes, json_lines, json_values
from benchmarks.fuzz.target import Target
from safetensors.numpy import save
from tests.differential.conftest import build

import napari_wbc as wbc
from napari_wbc.adaptation.adapter import import_adapter, read_adapter
from napari_wbc.adaptation.own_models import OwnModel, own_models
from napari_wbc.cell_table import write_cells_csv
from napari_wbc.classification.bundle import load_model, read_info, save_bundle, verify_bundle
from napari_wbc.classification.network import build_network
from napari_wbc.classification.predict import label_predictions, predict_crops
from napari_wbc.classification.replay import Replay, load_replay, packed_replay
from napari_wbc.cohort.page import _provenance
from napari_wbc.comparison.inputs import read_side
from napari_wbc.differential.count import differential
from napari_wbc.differential.provenance_rows import provenance_rows
from napari_wbc.provenance import read_run, same_run
from napari_wbc.review.folder import COUNT, DESCRIPTION, LOG, open_session, reviewed_cells, save_session
from napari_wbc.segmentation.model_file import load_slide_model
from napari_wbc.slides.synthetic import SmearParameters, SyntheticSmear

_ROBUST = Path(__file__).resolve().parents[2] / "models" / "robust" / "model.json"


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()


# ---- bundles -----------------------------------------------------------------------------------------------------


@cache
def _bundle() -> Path:
    """A small bundle with all that a bundle can have."""
    torch.manual_seed(0)
    folder = Path(tempfile.mkdtemp()) / "tiny"
    network = build_network("mobilenet_v2", 12)
    tensors = {f"network.{k}": v.numpy() for k, v in network.state_dict().items()}
    random = np.random.default_rng(0)
    tensors["novelty.reference"] = random.normal(size=(20, 1280)).astype(np.float16)
    tensors["domains.basis"] = random.normal(size=(1280, 3)).astype(np.float32)
    info = json.loads(_ROBUST.read_text(encoding="utf-8"))
    shift = info["domain_shift"]
    tensors["domains.means"] = random.normal(size=(len(shift["domains"]), len(shift["classes"]), 3)).astype(
        np.float32
    )
    for name in ("metrics", "training", "replay", "training_domains", "schema_version", "sha256"):
        del info[name]
    save_bundle(folder, tensors, info, "# tiny\n")
    model = load_model(folder)
    maps = random.normal(size=(6, 4, 3, 3)).astype(np.float16)
    replay = Replay(maps, np.array(["monocyte"] * 6), np.array(["bccd"] * 6), np.arange(6) > 3)
    content, stated = packed_replay(replay, model.sha256, {"bccd": "MIT"})
    save_bundle(
        folder, tensors, {**info, "replay": stated}, "# tiny\n", further={"replay.safetensors": content}
    )
    return folder


def _info() -> dict[str, Any]:
    return dict(json.loads((_bundle() / "model.json").read_text(encoding="utf-8")))


def _use(folder: Path) -> None:
    """Load a bundle and let it see a cell."""
    model = load_model(folder)
    crop = np.random.default_rng(0).integers(0, 256, (1, 160, 160, 3), np.uint8)
    said = predict_crops(model, crop, device="cpu")
    assert abs(float(said.probabilities.sum()) - 1) < 1e-3, "probabilities that do not sum to 1"
    assert 0 <= float(said.novelty[0]) <= 1, "a novelty outside 0..1"
    labels = label_predictions(model, said)
    assert 0 <= float(labels.confidence[0]) <= 1, "a confidence that is no probability"
    OwnModel.of("x", folder, read_info(folder))
    load_replay(model)


def _altered_bundle(folder: Path, changes: Mapping[str, bytes]) -> Path:
    place = folder / "bundle"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for file in _bundle().iterdir():
        if file.name in changes:
            (place / file.name).write_bytes(changes[file.name])
        else:
            os.link(file, place / file.name) if file.stat().st_dev == place.stat().st_dev else shutil.copy(
                file, place
            )
    return place


def _read_info(content: bytes, folder: Path) -> None:
    _use(_altered_bundle(folder, {"model.json": content}))


def _read_weights(content: bytes, folder: Path) -> None:
    info = {**_info(), "sha256": _digest(content)}
    info.pop("replay")
    changes = {"model.json": json.dumps(info).encode(), "model.safetensors": content}
    _use(_altered_bundle(folder, changes))


def _alter_header(content: bytes, random: Random) -> bytes:
    """Alter what stands before the numbers of a safetensors file, as JSON or as bytes."""
    length = int.from_bytes(content[:8], "little")
    head, rest = content[8 : 8 + length], content[8 + length :]
    kind = random.randrange(4)
    if kind == 0:
        return any_bytes(content, random)
    head = json_values(head.strip(), random) if kind > 1 else any_bytes(head, random)
    size = length if random.random() < 0.1 else len(head)
    return size.to_bytes(8, "little") + head + rest


def _weights_seeds(_folder: Path) -> list[bytes]:
    return [(_bundle() / "model.safetensors").read_bytes()]


def _read_replay(content: bytes, folder: Path) -> None:
    info = _info()
    info["replay"]["sha256"] = _digest(content)
    changes = {"model.json": json.dumps(info).encode(), "replay.safetensors": content}
    replay = load_replay(load_model(_altered_bundle(folder, changes)))
    assert replay is not None
    assert np.isfinite(replay.maps).all()


@cache
def _adapter() -> bytes:
    """As :func:`napari_wbc.adaptation.adapter.export_adapter` writes one: the last layer is another one."""
    base = load_model(_bundle())
    changed = {"network.head.bias": base.tensors["network.head.bias"] + np.float32(1)}
    tensors = {**base.tensors, **changed}
    whole = _digest(save({k: np.ascontiguousarray(v) for k, v in tensors.items()}))
    info = {"adaptation": {"parent": {"name": "tiny", "sha256": base.sha256}}, "temperature": 1.5}
    told = {
        "format": "napari-wbc lab adapter", "version": "1",
        "parent": json.dumps({"name": "tiny", "sha256": base.sha256}),
        "info": json.dumps(info), "dropped": json.dumps(["confusion", "replay"]), "card": "# ours\n", "sha256": whole,
    }  # fmt: skip
    return bytes(save(changed, metadata=told))


def _alter_adapter(content: bytes, random: Random) -> bytes:
    """Alter also the JSON texts within the header."""
    if random.random() < 0.4:
        return _alter_header(content, random)
    length = int.from_bytes(content[:8], "little")
    head = json.loads(content[8 : 8 + length])
    entry = random.choice(["parent", "info", "dropped"])
    head["__metadata__"][entry] = json_values(head["__metadata__"][entry].encode(), random).decode(
        "utf-8", "replace"
    )
    text = json.dumps(head).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def _read_adapter(content: bytes, folder: Path) -> None:
    (folder / "a.wbcadapter").write_bytes(content)
    read_adapter(folder / "a.wbcadapter")
    place = folder / "imported"
    shutil.rmtree(place, ignore_errors=True)
    try:
        model = import_adapter(folder / "a.wbcadapter", place, source=_bundle())
    except wbc.errors.WbcError:
        assert not place.exists(), "a refused adapter left a model behind"
        raise
    assert model.folder == place
    os.environ["NAPARI_WBC_MODELS"] = str(folder)
    own_models()
    verify_bundle(place)


# ---- counts and reviews ------------------------------------------------------------------------------------------


@cache
def _review() -> Path:
    """A review of a small count, with two changes in its log."""
    from PIL import Image

    folder = Path(tempfile.mkdtemp())
    smear = SyntheticSmear(SmearParameters(height=500, width=700, um_per_px=0.1, seed=3))
    Image.fromarray(smear.draw(0, 0, 500, 700)).save(folder / "smear.png")
    result = wbc.count(folder / "smear.png", um_per_px=0.1, device="cpu")
    assert len(result.cells) >= 2
    session = save_session(result, folder / "smear.wbcreview")
    session.relabel([0], "monocyte")
    session.exclude([1])
    session.undo()
    return folder


def _altered_review(folder: Path, changes: Mapping[str, bytes]) -> Path:
    place = folder / "smear.wbcreview"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(_review() / "smear.wbcreview", place)
    if not (folder / "smear.png").exists():
        shutil.copy(_review() / "smear.png", folder / "smear.png")
    for name, content in changes.items():
        (place / name).write_bytes(content)
    return place


def _open(place: Path) -> None:
    session = open_session(place, image=place.parent / "smear.png")
    try:
        counted = session.result()
        for mask in counted.masks:
            assert mask.cell.any()
        percents = counted.differential.table["percent"][
            counted.differential.table["in_denominator"].astype(bool)
        ]
        assert not len(percents.dropna()) or abs(percents.sum() - 100) < 1e-6, (
            "percentages that do not sum to 100"
        )
        counted.write(place.parent / "out")
    finally:
        session.count.slide.close()
    reviewed_cells(place)


def _part(name: str) -> Callable[[Path], list[bytes]]:
    return lambda _folder: [(_review() / "smear.wbcreview" / name).read_bytes()]


def _read_review_part(name: str) -> Callable[[bytes, Path], None]:
    return lambda content, folder: _open(_altered_review(folder, {name: content}))


def _chained(content: bytes) -> bytes:
    """Give the lines the checksums that they would have had."""
    chain, lines = "", []
    for line in content.splitlines():
        try:
            entry = json.loads(line)
            entry.pop("chain", None)
            text = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
            chain = sha256(f"{chain}{text}".encode()).hexdigest()[:16]
            lines.append(f'{text[:-1]}{"," if entry else ""}"chain":"{chain}"}}'.encode())
        except (ValueError, AttributeError, TypeError):
            lines.append(line)
    return b"\n".join(lines) + b"\n"


def _read_log(content: bytes, folder: Path) -> None:
    _open(_altered_review(folder, {LOG: _chained(content)}))


def _alter_count(content: bytes, random: Random) -> bytes:
    """Alter one array of an npz, mostly the JSON that tells what the others mean."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = random.choice([*parts, "plain.npy", "plain.npy"])
    if name == "plain.npy":
        plain = np.load(io.BytesIO(parts[name]), allow_pickle=False).tobytes()
        file = io.BytesIO()
        np.save(file, np.frombuffer(json_values(plain, random), np.uint8))
        parts[name] = file.getvalue()
    else:
        parts[name] = any_bytes(parts[name], random)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, part in parts.items():
            archive.writestr(entry, part)
    return file.getvalue() if random.random() < 0.9 else any_bytes(file.getvalue(), random)


def _read_count(content: bytes, folder: Path) -> None:
    description = json.loads((_review() / "smear.wbcreview" / DESCRIPTION).read_text(encoding="utf-8"))
    description["count_sha256"] = _digest(content)
    _open(_altered_review(folder, {DESCRIPTION: json.dumps(description).encode(), COUNT: content}))


def _run_seeds(_folder: Path) -> list[bytes]:
    description = json.loads((_review() / "smear.wbcreview" / DESCRIPTION).read_text(encoding="utf-8"))
    return [json.dumps(description["run"]).encode()]


def _read_run(content: bytes, folder: Path) -> None:
    place = folder / "results"
    place.mkdir(exist_ok=True)
    (place / "run.json").write_bytes(content)
    run = read_run(place)
    same_run(run, image_sha256="a", model_sha256="b", parameters={})
    if run is not None:
        cells = build({"monocyte": 2})[0]
        write_cells_csv(cells, place / "cells.csv")
        read_side(place)
        provenance_rows(run, differential(cells))
        _provenance([run])
    load_slide_model(place)


TARGETS = (
    Target(
        "model.json of a bundle",
        json_values,
        lambda _f: [(_bundle() / "model.json").read_bytes()],
        _read_info,
    ),
    Target("model.safetensors", _alter_header, _weights_seeds, _read_weights),
    Target(
        "replay.safetensors",
        _alter_header,
        lambda _f: [(_bundle() / "replay.safetensors").read_bytes()],
        _read_replay,
    ),
    Target("lab adapter", _alter_adapter, lambda _f: [_adapter()], _read_adapter),
    Target("review.json", json_values, _part(DESCRIPTION), _read_review_part(DESCRIPTION)),
    Target("changes.jsonl, checksums right", json_lines, _part(LOG), _read_log),
    Target("changes.jsonl", any_bytes, _part(LOG), _read_review_part(LOG)),
    Target("count.npz of a review, checksum right", _alter_count, _part(COUNT), _read_count),
    Target("run.json", json_values, _run_seeds, _read_run),
)
