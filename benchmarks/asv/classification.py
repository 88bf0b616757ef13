"""Time of the classifier on the CPU: by the engine that a user of this environment gets."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from napari_wbc.classification.bundle import load_model, verify_bundle
from napari_wbc.classification.predict import predict_crops
from napari_wbc.classification.slide_cells import predict_cells
from napari_wbc.slides import open_slide
from napari_wbc.slides.crops import CROP_PX
from napari_wbc.slides.synthetic import EVERY_CLASS, SmearParameters, SyntheticSmear

#: Numbers of cells.
CELLS = [16, 128]
#: Side of the smear that they are read from, px.
SIDE = 2000


class Classification:
    """Cells of a drawn smear."""

    params: ClassVar[list[int]] = CELLS
    param_names: ClassVar[list[str]] = ["cells"]
    timeout = 300

    def setup(self, cells: int) -> None:
        """Draw a smear, and let the engine be built."""
        parameters = SmearParameters(height=SIDE, width=SIDE, seed=2, composition=EVERY_CLASS)
        smear = SyntheticSmear(parameters)
        self.um = parameters.um_per_px
        self.slide = open_slide(smear.draw(0, 0, SIDE, SIDE))
        truth = smear.truth()[["y_px", "x_px"]].to_numpy()
        self.centres = np.resize(truth, (cells, 2))
        self.crops = np.random.default_rng(0).integers(0, 255, (cells, CROP_PX, CROP_PX, 3), np.uint8)
        self.model = load_model("robust")
        predict_crops(self.model, self.crops[:1], device="cpu")

    def time_crops(self, cells: int) -> None:  # noqa: ARG002
        """Classify crops that are in memory; of noise, so that all are seen a second time."""
        predict_crops(self.model, self.crops, device="cpu")

    def time_cells_of_a_slide(self, cells: int) -> None:  # noqa: ARG002
        """Read, cut, normalise and classify cells of a slide."""
        predict_cells(self.model, self.slide, self.centres, um_per_px=self.um, device="cpu")


class Bundle:
    """The model that comes with the package."""

    timeout = 120

    def time_load(self) -> None:
        """Read it and check its checksum."""
        load_model("robust")

    def time_verify(self) -> None:
        """Check all of it and run its network once."""
        verify_bundle("robust")
