import subprocess
import sys

import torch

from napari_wbc.adaptation.adam import Adam


def test_it_goes_where_the_class_of_torch_goes():
    ours, theirs = (torch.arange(6.0).reshape(2, 3).requires_grad_() for _ in range(2))
    mine, other = Adam([ours]), torch.optim.Adam([theirs], lr=0.1)
    for step in range(5):
        for p in (ours, theirs):
            ((p - step) ** 2).sum().backward()
        mine.step(0.1)
        other.step()
        other.zero_grad()
        assert ours.grad is None
    assert torch.allclose(ours, theirs, atol=1e-6)
    assert not torch.allclose(ours, torch.arange(6.0).reshape(2, 3))


def test_refining_brings_in_no_compiler(source, target, tmp_path):
    """The LLVM of triton crashes a process that draws with Mesa; only a process of its own shows what is imported."""
    import numpy as np

    np.savez(
        tmp_path / "cells.npz",
        crops=target.crops,
        labels=target.labels,
        slides=target.slides,
        names=target.names,
    )
    code = f"""
import sys
import numpy as np
from napari_wbc.adaptation.adapt import adapt
from napari_wbc.adaptation.cells import LabelledCells
from napari_wbc.adaptation.recipe import Recipe
with np.load({str(tmp_path / "cells.npz")!r}) as kept:
    cells = LabelledCells(kept["crops"], kept["labels"], kept["slides"], kept["names"])
adapted = adapt({str(source.folder)!r}, cells, recipe=Recipe(views=1, steps=2), device="cpu")
assert len(adapted.weights) > 10, "nothing but the last layer was refined"
print([name for name in ("triton", "torch._dynamo") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
