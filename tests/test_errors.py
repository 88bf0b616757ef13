"""What is said of errors that are not ours."""

import pytest

from napari_wbc.errors import expected_line


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        # As said by torch, oneDNN, the loader of libraries, the system, ONNX Runtime: none uses MemoryError.
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried"
        ),
        RuntimeError("could not create a primitive"),
        ImportError("/usr/lib/libx.so: failed to map segment from shared object"),
        OSError(12, "Cannot allocate memory"),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_too_little_memory_is_told_whoever_says_so(error) -> None:
    assert "not enough memory" in (expected_line(error) or "")


def test_what_nobody_can_act_on_is_not_explained() -> None:
    assert expected_line(RuntimeError("shapes (3,) and (4,) do not fit")) is None
