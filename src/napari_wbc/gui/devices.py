"""Which devices can be chosen, told without the seconds that an import of torch takes."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version


def devices() -> list[str]:
    """Give the devices to list; the classifier checks its device again when it runs."""
    return ["auto", "cpu", "cuda"] if has_cuda() else ["auto", "cpu"]


@cache
def has_cuda() -> bool:
    """Ask the CUDA driver for a GPU, and whether the torch that is installed can use it."""
    try:
        if "+cpu" in version("torch"):
            return False
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        number = ctypes.c_int(0)
        return (
            driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(number)) == 0 and number.value > 0
        )
    except (OSError, AttributeError, PackageNotFoundError):
        return False
