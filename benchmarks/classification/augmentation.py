"""What each kind of augmentation costs, and what of the cells that it was trained on the shipped model still knows.

    OMP_NUM_THREADS=1 python -m benchmarks.classification.augmentation

A kind that costs much of the accuracy destroys what a class is told by. Times are CPU time of one thread for a batch of
64 crops, next to the forward and backward pass of the network in the same run. The manifests are those of
benchmarks/robust.toml.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from napari_wbc.classification.bundle import load_model
from napari_wbc.training.augmentation import Augmentation
from napari_wbc.training.config import TrainingConfig
from napari_wbc.training.contact_sheet import choose_cells
from napari_wbc.training.evaluation.metrics import FIVE_CLASSES
from napari_wbc.training.manifests import load_crops, read_manifest
from napari_wbc.training.outputs import CropSource

CONFIG = Path(__file__).resolve().parents[1] / "robust.toml"
BATCH, PER_PAIR, RUNS = 64, 16, 15
USUAL = Augmentation()
# Of kinds that change only a share of the crops, every crop is changed for the accuracy, the usual share for the time.
KINDS = {
    "geometry": ("turn", "flip", "scale", "shift"),
    "stain of another domain": ("stain_swap",),
    "CIELAB statistics": ("stain_lab",),
    "HED jitter": ("stain_jitter",),
    "hue": ("hue",),
    "light": ("light",),
    "edge of the view": ("view_edge",),
    "blur, lost pixels": ("optics",),
    "sharpening": ("sharpen",),
    "colour fringes": ("fringe",),
    "noise": ("noise",),
    "JPEG": ("jpeg",),
    "cut-out": ("cutout",),
}
SHARES = {"stain_swap", "stain_lab", "view_edge", "optics", "sharpen", "fringe", "jpeg", "cutout"}


def milliseconds(function: Callable[[], object]) -> float:
    """Median CPU time."""
    function()
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return 1e3 * float(np.median(times))


def main() -> None:
    torch.set_num_threads(1)
    model = load_model("robust")
    network = model.network()
    rows = read_manifest(TrainingConfig.from_toml(CONFIG).manifests[0])
    rows["label"] = rows["label"].str.replace(r"^neutrophil_.*", "neutrophil", regex=True)
    rows = choose_cells(rows[rows["label"].isin(FIVE_CLASSES)], PER_PAIR, 0).sample(frac=1.0, random_state=0)
    source = CropSource(load_crops(rows.reset_index(drop=True)))
    domains = torch.from_numpy(np.unique(rows["domain"], return_inverse=True)[1])
    five = np.array([[name.split("_")[0] == c for name in model.classes] for c in FIVE_CLASSES])
    truth = np.array([FIVE_CLASSES.index(label) for label in rows["label"]])

    def accuracy(augmentation: Augmentation) -> float:
        generator = torch.Generator().manual_seed(0)
        right = []
        for batch in np.array_split(np.arange(len(rows)), -(-len(rows) // BATCH)):
            images = source.augmented(
                batch, model.input_px, model.view, augmentation, generator, domains[batch]
            )
            with torch.inference_mode():
                probabilities = network(images)[0].softmax(1).numpy()
            right.append((probabilities @ five.T).argmax(axis=1) == truth[batch])
        return float(np.concatenate(right).mean())

    first = np.arange(BATCH)
    images = source.images(first)
    generator = torch.Generator().manual_seed(0)

    def cost(augmentation: Augmentation) -> float:
        return milliseconds(lambda: augmentation(images, model.input_px, generator, domains[:BATCH]))

    network.requires_grad_(True)

    def step() -> None:
        network(source.plain(first, model.input_px, model.view))[0].square().mean().backward()

    none = Augmentation.none()
    resize = cost(none)
    print(f"{len(rows)} cells of five classes; {BATCH} crops a batch\n")
    print("| augmentation | ms | accuracy |\n|---|---|---|")
    print(f"| none (resize only) | {resize:.1f} | {accuracy(none):.3f} |")
    for title, names in KINDS.items():
        usual = replace(none, **{name: getattr(USUAL, name) for name in names})
        every = replace(usual, **{name: 1.0 for name in names if name in SHARES})
        extra = cost(usual) - (0.0 if title == "geometry" else resize)
        print(f"| {title} | {extra:.1f} | {accuracy(every):.3f} |")
    print(f"| all, as trained | {cost(USUAL):.1f} | {accuracy(USUAL):.3f} |")
    print(f"| network, forward and backward | {milliseconds(step):.1f} | |")


if __name__ == "__main__":
    main()
