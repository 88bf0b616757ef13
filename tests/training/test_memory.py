import platform
import subprocess
import sys

import pytest

#: Takes and frees blocks as a training step does, and counts the pages that the system had to clear.
FAULTS = """
import resource, sys, torch
from napari_wbc.training.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def step():
    blocks = [torch.ones(1 << 20) for _ in range(8)]
    del blocks
step(); step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")
def test_freed_memory_is_used_again():
    faults = {
        way: int(
            subprocess.run(
                [sys.executable, "-c", FAULTS, way], capture_output=True, text=True, check=True
            ).stdout
        )
        for way in ("keep", "leave")
    }
    assert faults["keep"] < 0.1 * faults["leave"]
