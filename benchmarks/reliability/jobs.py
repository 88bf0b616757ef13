"""The jobs that are disturbed: small, but on the way that every user takes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

UM_PER_PX = 0.1
#: Small tiles, and few cells for a record of the journal: a small image has as many steps as a slide.
_CORE_PX, _CELLS = 200, 3
_CLASSES = ("lymphocyte", "monocyte", "eosinophil")


@dataclass(frozen=True)
class Job:
    """A command and what it writes.

    Attributes
    ----------
    name : str
        As in the tables.
    work : callable
        What the process runs.
    argv : callable
        Gives its arguments for a folder ``out``.
    way_on : tuple of str
        Further arguments with which it goes on.
    before : callable, optional
        Makes an earlier result in ``out``; it has to be there whole until the new one is.
    leaves : tuple of str
        Names of entries of ``out`` that a job that was killed may leave, as patterns.
    most_lines : int
        Of its complaint when it fails: one of each image, and of several also how many failed, and that their
        tables could not be written.
    """

    name: str
    work: Callable[..., int]
    argv: Callable[[Path], list[str]]
    way_on: tuple[str, ...] = ()
    before: Callable[[Path], None] | None = None
    leaves: tuple[str, ...] = ()
    most_lines: int = 1

    def arguments(self, out: Path, *, again: bool) -> tuple[list[str]]:
        """Give what the process is called with; ``again`` where it goes on."""
        return ([*self.argv(out), *(self.way_on if again else ())],)


def command(argv: list[str]) -> int:
    """Run a command as a terminal does, on small tiles."""
    from napari_wbc import found_cells
    from napari_wbc.cli import main
    from napari_wbc.segmentation import tiles

    plan = tiles.plan_tiles
    tiles.plan_tiles = lambda shape, um_per_px: plan(shape, um_per_px, core_px=_CORE_PX)
    found_cells._ENOUGH_CELLS = _CELLS
    return main(argv)


def quick_fine_tune(argv: list[str]) -> int:
    """Run ``fine-tune`` with few steps."""
    from napari_wbc.adaptation import adapt as adapting
    from napari_wbc.adaptation.recipe import Recipe

    recipe = Recipe(views=2, steps=4)
    adapting.Recipe = lambda: recipe  # type: ignore[assignment,misc]
    return command(argv)


def quick_train(argv: list[str]) -> int:
    """Run ``train``, its state kept at every step."""
    from napari_wbc.training import fit

    fit.fit_network.__kwdefaults__["checkpoint_seconds"] = 0.0
    return command(argv)


def draw_fields(folder: Path, n: int, height: int = 800, width: int = 1200) -> list[Path]:
    """Draw fields of a smear; those that are there already are kept."""
    from PIL import Image

    from napari_wbc.slides.synthetic import SmearParameters, SyntheticSmear

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for seed in range(n):
        path = folder / f"field{seed}.png"
        if not path.is_file():
            parameters = SmearParameters(height=height, width=width, um_per_px=UM_PER_PX, seed=seed)
            Image.fromarray(SyntheticSmear(parameters).draw(0, 0, height, width)).save(path)
        paths.append(path)
    return paths


def tiled_slide(folder: Path, seed: int = 3) -> Path:
    """Draw a field as a tiled, compressed TIFF, of which a count reads a part at a time."""
    import numpy as np
    import tifffile

    path = folder / f"slide{seed}.tif"
    if not path.is_file():
        import imagecodecs  # noqa: F401 - tifffile compresses with it

        from napari_wbc.slides.synthetic import SmearParameters, SyntheticSmear

        folder.mkdir(parents=True, exist_ok=True)
        parameters = SmearParameters(height=800, width=1200, um_per_px=UM_PER_PX, seed=seed)
        pixels = np.asarray(SyntheticSmear(parameters).draw(0, 0, 800, 1200))
        tifffile.imwrite(path, pixels, tile=(128, 128), compression="deflate", photometric="rgb")
    return path


def counting(name: str, images: list[Path], *more: str, before: Callable[[Path], None] | None = None) -> Job:
    """Count images."""

    def argv(out: Path) -> list[str]:
        named = ["count", *map(str, images), "--out", str(out)]
        return [*named, "--um-per-px", str(UM_PER_PX), "--quiet", *more]

    most_lines = 1 if len(images) == 1 else len(images) + 2
    return Job(name, command, argv, ("--resume",), before, ("*.journal",), most_lines)


def training(folder: Path) -> Job:
    """Train on drawn cells, with a choice among two domains and a soup of two."""
    from tests.training.drawn_cells import CLASSES, write_manifest

    recipe = folder / "recipe.toml"
    if not recipe.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        write_manifest(folder, 20)
        recipe.write_text(
            f'manifests = ["cells.csv"]\nclasses = {json.dumps(CLASSES)}\ninit = ""\n'
            "input_px = 32\nsteps = 8\nbatch = 4\nholdout = 0.3\n"
            "[soup]\nmembers = 2\n[selection]\nevery = 4\n"
        )

    def argv(out: Path) -> list[str]:
        return ["train", str(recipe), "--out", str(out / "model"), "--device", "cpu", "--quiet"]

    return Job("train", quick_train, argv, leaves=("model.training",))


def fine_tuning(folder: Path) -> Job:
    """Adapt a small model to drawn cells of another stain; an earlier adapted model is there already."""
    from PIL import Image
    from tests.adaptation.drawn import drawn_cells, drawn_manifest
    from tests.training.drawn_cells import small_config

    from napari_wbc.training.replay import add_replay
    from napari_wbc.training.train import train

    source, labels = folder / "source" / "model", folder / "labels"
    if not labels.is_dir():
        source.parent.mkdir(parents=True, exist_ok=True)
        manifest = drawn_manifest(source.parent, 120, seed=1)
        flat = {"stain_swap": 0.0, "stain_jitter": 0.0, "depth": 0.0, "hue": 0.0, "light": 0.2, "cutout": 0.0}
        recipe = small_config(
            manifests=[str(manifest)], classes=("lymphocyte", "eosinophil", "monocyte"), init="robust", input_px=48,
            steps=24, batch=16, holdout=0.25, optimizer={"lr": 1e-3}, average={"decay": 0.7}, augmentation=flat,
        )  # fmt: skip
        add_replay(train(recipe, source, device="cpu"), [manifest])
        cells = drawn_cells(72, seed=7, stain="green")
        for i, (crop, label, slide) in enumerate(zip(cells.crops, cells.labels, cells.slides, strict=True)):
            place = labels / label / slide
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(crop).save(place / f"{i}.png")

    def argv(out: Path) -> list[str]:
        named = ["fine-tune", "--model", str(source), "--labels", str(labels), "--out", str(out / "ours")]
        return [*named, "--um-per-px", str(25 / 160), "--device", "cpu", "--quiet"]

    return Job("fine-tune", quick_fine_tune, argv)


def edit_review(folder: str, seed: int, until: int) -> int:
    """Open a review and change it at random, a line on stdout after every change that was made."""
    from napari_wbc.review.folder import open_session

    for number in edits(open_session(folder), seed, until):
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
    return 0


def edits(session: Any, seed: int, until: int) -> Iterator[int]:
    """Change a review at random until there are so many edits; give the number of each when it was made.

    The draws go by the seed and the number of the edit, so that a review that was killed goes on with what was next.
    """
    import numpy as np

    for number in range(edits_made(session), until):
        _one_edit(session, np.random.default_rng([seed, number]))
        yield number + 1


def _one_edit(session: Any, random: Any) -> None:
    """Make one edit that changes the log by exactly one line."""
    rows = sorted(random.choice(len(session.cells), 2, replace=False).tolist())
    kind = random.integers(0, 5)
    if kind == 0 and session.undo_text:
        session.undo()
    elif kind == 1 and session.redo_text:
        session.redo()
    elif kind == 2 and (session.cells["status"].iloc[rows] != "excluded").any():
        session.exclude(rows)
    else:
        # A name that no cell has yet is a change in any case.
        session.relabel(rows, f"{random.choice(_CLASSES)} {edits_made(session)}")


def edits_made(session: Any) -> int:
    """Give how many lines the log of a review has."""
    return len(session._entries)
