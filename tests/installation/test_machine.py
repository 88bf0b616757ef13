"""What is said of a machine: little memory, a GPU that torch cannot use, one that computes wrongly."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from napari_wbc.installation import machine
from napari_wbc.installation.machine import check_gpu, check_machine


@pytest.mark.parametrize(
    ("memory", "status", "text"),
    [
        (3.9, "note", "3.9 GB of memory; close other programs before a large slide, use --workers 1"),
        (4.0, "ok", "4.0 GB of memory"),
        (None, "ok", "memory unknown"),
    ],
)
def test_little_memory_is_a_note(
    monkeypatch: pytest.MonkeyPatch, memory: float | None, status: str, text: str
) -> None:
    monkeypatch.setattr(machine, "memory_gb", lambda: memory)
    found = check_machine()
    assert (found.status, found.details["memory_gb"]) == (status, memory)
    assert found.text.endswith(text)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU as torch describes it; what is sent to it stays here."""
    properties = SimpleNamespace(name="Drawn 100", total_memory=80e9)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)
    monkeypatch.setattr(torch.Tensor, "cuda", lambda tensor: tensor)


@pytest.mark.usefixtures("gpu")
def test_a_gpu_that_computes_what_the_cpu_computes() -> None:
    found = check_gpu()
    assert found.status == "ok"
    assert found.text.startswith("Drawn 100, 80 GB, CUDA ")
    assert found.details["cuda"] is True


@pytest.mark.usefixtures("gpu")
def test_a_gpu_that_computes_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    # TF32 may be off by 27 / 1024; this one is off by more.
    monkeypatch.setattr(torch.Tensor, "cuda", lambda tensor: tensor + 0.05)
    found = check_gpu()
    assert found.status == "failed"
    assert "it computes something else than the CPU; count with --device cpu" in found.text


@pytest.mark.usefixtures("gpu")
def test_a_gpu_that_does_not_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(tensor: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no kernel image is available\nand more")

    monkeypatch.setattr(torch.Tensor, "cuda", refuse)
    found = check_gpu()
    assert found.status == "failed"
    assert "it does not compute (no kernel image is available); count with --device cpu" in found.text


@pytest.mark.parametrize(("driver", "status"), [(None, "ok"), ("/usr/bin/nvidia-smi", "note")])
def test_a_driver_without_a_torch_for_it_is_a_note(
    monkeypatch: pytest.MonkeyPatch, driver: str | None, status: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(machine.shutil, "which", lambda _: driver)
    found = check_gpu()
    assert (found.status, found.details["cuda"]) == (status, False)
    assert ("cannot use it" in found.text) == (driver is not None)
    assert "the classifier runs on the CPU" in found.text
