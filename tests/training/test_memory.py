import platform
import subprocess
import sys

import pytest

#: Takes and frees blocks as a training step does, and counts the pages that the system had to clear.
FAULTS = """
import resource, torch
from napari_wbc.training.memory import keep_freed_memory
def step():
    blocks = [torch.ones(1 << 20) for _ in range(8)]
    del blocks
def faults():
    step(); step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
usual = faults()
assert keep_freed_memory()
print(usual, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")
def test_freed_memory_is_used_again():
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    usual, kept = map(int, done.stdout.split())
    assert kept < 0.1 * usual
