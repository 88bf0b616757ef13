"""Cells per second of the classifier, beside a ResNet-50 cell by cell and the limit of the machine.

    python -m benchmarks.classification.speed --threads 1
    python -m benchmarks.classification.speed --threads 2
    python -m benchmarks.classification.speed --device cuda --cells 100000

All parts are measured in one process and in turns, so that what else the machine does falls on all of them. With one
thread the time of the processor counts, which other programs hardly lengthen; with several, or a GPU, the wall's. The
processor's time is written in any case: threads that spin while they wait for each other show there.

Every cell is looked at once, and, in a measurement of its own, in all orientations of the bundle: what a slide takes
lies between the two, by the share of its cells that the model is unsure of.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import napari_wbc.classification  # noqa: F401 - before torch: it tells waiting threads not to spin

RESULTS = Path(__file__).parents[1] / "results" / "classification"
_RESNET_PX = 224
_REPEATS = 3


def crops_like_cells(cells: int, side: int) -> NDArray[np.uint8]:
    """Draw discs on a bright ground with noise: the content does not matter for the speed, the size does."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side] - side // 2
    kinds = []
    for radius in np.linspace(0.15, 0.4, 64) * side:
        disc = np.where((np.hypot(y, x) < radius)[..., None], (120, 70, 150), (225, 205, 215))
        kinds.append((disc + random.normal(0, 8, disc.shape)).clip(0, 255).astype(np.uint8))
    return np.stack(kinds)[np.arange(cells) % len(kinds)]


def operations(network: Any, side: int) -> float:
    """Count the floating point operations of one image: two for every weight that a place of an output takes."""
    import torch

    count = 0.0

    def add(layer: Any, _inputs: Any, output: Any) -> None:
        nonlocal count
        places = output[0, 0].numel() if isinstance(layer, torch.nn.Conv2d) else 1
        count += 2.0 * layer.weight.numel() * places

    hooks = [
        layer.register_forward_hook(add)
        for layer in network.modules()
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear)
    ]
    device = next(network.parameters()).device
    with torch.inference_mode():
        network(torch.zeros(1, 3, side, side, device=device))
    for hook in hooks:
        hook.remove()
    return count


def clocked(work: Callable[[], object]) -> tuple[float, float]:
    """Give wall and processor seconds of a piece of work."""
    wall, busy = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - busy


def measure(cells: int, device: str, threads: int) -> dict[str, Any]:
    """Measure all parts in turns; of each the best turn counts."""
    import torch

    import napari_wbc as wbc
    from napari_wbc.classification.crops import prepare
    from napari_wbc.classification.engines import build_engine
    from napari_wbc.classification.engines.torch_engine import TorchEngine
    from napari_wbc.classification.predict import predict_crops
    from napari_wbc.slides.crops import CROP_PX

    torch.set_num_threads(threads)
    shipped = wbc.load_model("robust")
    once, always = (
        replace(shipped, info={**shipped.info, "second_look": {**shipped.info["second_look"], **second}})
        for second in ({"orientations": 1}, {"below": 1.0})
    )
    model = once
    network = model.network(device)
    crops = crops_like_cells(cells, CROP_PX)
    some = crops[: min(cells, 512)]
    in_torch = TorchEngine(network, device)
    torch_model = replace(model, _engines={device: in_torch})
    engine = build_engine(network, device, model.input_px)
    batch = prepare(crops[: engine.batch_crops], model.input_px, view=model.view, device=device)
    torch_batch = prepare(crops[: in_torch.batch_crops], model.input_px, view=model.view, device=device)
    torch_batch = torch_batch.contiguous(memory_format=torch.channels_last)
    short = copy.deepcopy(network).bfloat16()
    matrix = torch.rand((2048, 2048), device=device)

    def waited(work: Callable[[], object]) -> Callable[[], object]:
        def run() -> None:
            with torch.inference_mode():
                work()
            if device == "cuda":
                torch.cuda.synchronize()

        return run

    parts: dict[str, tuple[int, Callable[[], object]]] = {
        "everything": (cells, lambda: predict_crops(model, crops, device=device)),
        "everything_in_every_orientation": (len(some), lambda: predict_crops(always, some, device=device)),
        "everything_in_torch": (len(some), lambda: predict_crops(torch_model, some, device=device)),
        "preparation": (
            engine.batch_crops,
            lambda: prepare(crops[: engine.batch_crops], model.input_px, view=model.view, device=device),
        ),
        "network": (engine.batch_crops, lambda: list(engine.outputs([batch]))),
        "network_in_torch": (in_torch.batch_crops, waited(lambda: network(torch_batch))),
        "matrix_product": (1, waited(lambda: matrix @ matrix)),
    }
    if device == "cpu":
        # The libraries of torch and NumPy know different processors well; the faster one shows the limit.
        plain = matrix.numpy()
        parts["matrix_product_numpy"] = (1, lambda: plain @ plain)
        parts["network_in_torch_bfloat16"] = (
            in_torch.batch_crops,
            waited(lambda: short(torch_batch.bfloat16())),
        )
    resnet = _resnet(device)
    parts["resnet50_one_by_one"] = (
        4,
        waited(lambda: [_one_by_one(resnet, crop, device) for crop in crops[:4]]),
    )
    best: dict[str, dict[str, float]] = {}
    for name, (_, work) in parts.items():
        if name != "everything":
            work()
        elif device == "cuda":
            predict_crops(model, some, device=device)
    for _ in range(_REPEATS):
        for name, (count, work) in parts.items():
            wall, busy = clocked(work)
            before = best.setdefault(name, {"wall_s": np.inf, "cpu_s": np.inf})
            best[name] = {
                "wall_s": min(before["wall_s"], wall / count),
                "cpu_s": min(before["cpu_s"], busy / count),
            }
    # One thread: the time of the processor, which other programs cannot lengthen. Several, or a GPU: the wall's.
    clock = "cpu_s" if device == "cpu" and threads == 1 else "wall_s"
    flops = operations(network, model.input_px)
    products = [values[clock] for name, values in best.items() if name.startswith("matrix_product")]
    limit = 2.0 * 2048.0**3 / min(products)
    figures: dict[str, Any] = {
        "cells": cells,
        "device": device if device == "cpu" else torch.cuda.get_device_name(),
        "threads": threads,
        "clock": clock,
        "engine": engine.name,
        "processor": platform.machine(),
        "load": os.getloadavg()[0],
        "cells_per_s": 1.0 / best["everything"][clock],
        "seconds_for_10000_cells": 1e4 * best["everything"][clock],
        "seconds_for_10000_cells_a_quarter_unsure": 1e4
        * (0.75 * best["everything"][clock] + 0.25 * best["everything_in_every_orientation"][clock]),
        "us_per_cell": {
            of: {name: 1e6 * values[of] for name, values in best.items() if not name.startswith("matrix")}
            for of in ("wall_s", "cpu_s")
        },
        "gflop_per_cell": flops / 1e9,
        "matrix_product_gflop_per_s": limit / 1e9,
        "share_of_limit_network": flops / best["network"][clock] / limit,
        "share_of_limit_everything": flops / best["everything"][clock] / limit,
    }
    figures["times_resnet50"] = best["resnet50_one_by_one"][clock] / best["everything"][clock]
    return figures


def _resnet(device: str) -> Any:
    """Build a ResNet-50 with random weights: the usual per-cell classifier."""
    import torch
    from torchvision.models import resnet50

    torch.manual_seed(0)
    return resnet50(weights=None).eval().to(device)


def _one_by_one(resnet: Any, crop: NDArray[np.uint8], device: str) -> Any:
    from napari_wbc.classification.crops import prepare

    return resnet(prepare(crop[None], _RESNET_PX, device=device))


def main() -> None:
    """Measure and write one file."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.classification.speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    figures = measure(arguments.cells, arguments.device, arguments.threads)
    arguments.results.mkdir(parents=True, exist_ok=True)
    place = arguments.device if arguments.device == "cuda" else f"cpu-{arguments.threads}"
    text = json.dumps(figures, indent=1, default=float)
    (arguments.results / f"speed-{place}.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
