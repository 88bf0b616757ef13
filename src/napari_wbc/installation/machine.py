"""The machine: system, cores, memory, GPU."""

from __future__ import annotations

import os
import platform
import shutil

from napari_wbc.errors import first_line
from napari_wbc.installation.check import Check

#: A count takes about 1.1 GB in the main process and 0.4 GB in each worker; the system needs some, too.
_LEAST_GB = 4.0


def check_python() -> Check:
    """Tell Python and the system."""
    details = {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
    }
    text = f"{details['python']} ({details['implementation']}) on {platform.system()} {platform.machine()}"
    return Check("Python", "ok", text, details)


def check_machine() -> Check:
    """Tell cores and memory; a note where it is little memory."""
    from dask.system import CPU_COUNT

    memory = memory_gb()
    details = {"cores": CPU_COUNT, "memory_gb": None if memory is None else round(memory, 1)}
    text = f"{CPU_COUNT} cores, " + ("memory unknown" if memory is None else f"{memory:.1f} GB of memory")
    if memory is not None and memory < _LEAST_GB:
        return Check(
            "machine", "note", f"{text}; close other programs before a large slide, use --workers 1", details
        )
    return Check("machine", "ok", text, details)


def memory_gb() -> float | None:
    """Give the memory of the machine, 10^9 bytes; None where the system does not say (Windows)."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    except (AttributeError, ValueError, OSError):
        return None


def check_gpu() -> Check:
    """Tell which GPU the classifier uses, and whether it computes what the CPU computes."""
    import torch

    if not torch.cuda.is_available():
        without = {"cuda": False, "built_for_cuda": torch.version.cuda}
        if shutil.which("nvidia-smi"):
            text = (
                f"there is an NVIDIA driver, but torch {torch.__version__} cannot use it; the classifier runs on the "
                "CPU; a build of torch for this driver: https://pytorch.org/get-started"
            )
            return Check("GPU", "note", text, without)
        return Check("GPU", "ok", "none that torch can use; the classifier runs on the CPU", without)
    properties = torch.cuda.get_device_properties(0)
    memory = properties.total_memory / 1e9
    details = {
        "cuda": True,
        "built_for_cuda": torch.version.cuda,
        "name": properties.name,
        "memory_gb": round(memory, 1),
    }
    text = f"{properties.name}, {memory:.0f} GB, CUDA {torch.version.cuda}"
    problem = _gpu_problem()
    if problem:
        return Check(
            "GPU", "failed", f"{text}: {problem}; count with --device cpu, and update the driver", details
        )
    return Check("GPU", "ok", text, details)


def _gpu_problem() -> str:
    """Convolve on both; the sums of 27 products differ in the last digits only."""
    import torch

    generator = torch.Generator().manual_seed(1)
    image = torch.rand(2, 3, 32, 32, generator=generator)
    kernels = torch.rand(4, 3, 3, 3, generator=generator)
    wanted = torch.nn.functional.conv2d(image, kernels)
    try:
        found = torch.nn.functional.conv2d(image.cuda(), kernels.cuda()).cpu()
    except RuntimeError as error:
        return f"it does not compute ({first_line(error)})"
    # TF32 keeps 10 bits: 27 products of at most 1 may be off by 27 / 1024.
    return (
        "" if torch.allclose(found, wanted, atol=0.03, rtol=0) else "it computes something else than the CPU"
    )
