"""Time of the slide model and of the two passes, per stain of the drawn smear.

Drawn smears, so that the suites run without the development images. Only times of one machine compare.
"""

from __future__ import annotations

from typing import ClassVar

from napari_wbc.segmentation import fit_slide_model, plan_tiles, segment_tile
from napari_wbc.segmentation.cells import FINE_UM, outline_cell
from napari_wbc.segmentation.grid import Grid, RememberingGrid
from napari_wbc.segmentation.nuclei import find_nuclei
from napari_wbc.segmentation.slide_model import COARSE_UM
from napari_wbc.slides import open_slide
from napari_wbc.slides.synthetic import SmearParameters, SyntheticSmear

#: Side of the smear, px.
SIDE = 3000


class Segmentation:
    """A smear of 9 megapixels, in memory."""

    params: ClassVar[list[str]] = ["may_gruenwald_giemsa", "giemsa_phone"]
    param_names: ClassVar[list[str]] = ["stain"]
    timeout = 300

    def setup(self, stain: str) -> None:
        """Draw the smear, and let what is compiled be compiled."""
        smear = SyntheticSmear(SmearParameters(height=SIDE, width=SIDE, stain=stain, seed=1))
        self.um = smear.parameters.um_per_px
        self.slide = open_slide(smear.draw(0, 0, SIDE, SIDE))
        self.model = fit_slide_model(self.slide, self.um)
        self.tiles = plan_tiles(self.slide.shape, self.um)
        self.fine = Grid.at(self.slide, self.um, FINE_UM, not_coarser=True)
        self.coarse = RememberingGrid.at(self.slide, self.um, COARSE_UM)
        self.nuclei = [find_nuclei(self.slide, tile, self.model, self.coarse) for tile in self.tiles]
        self.time_both_passes(stain)

    def time_slide_model(self, stain: str) -> None:  # noqa: ARG002
        """Fit the slide model."""
        fit_slide_model(self.slide, self.um)

    def time_first_pass(self, stain: str) -> None:  # noqa: ARG002
        """Find the nuclei."""
        coarse = Grid.at(self.slide, self.um, COARSE_UM)
        for tile in self.tiles:
            find_nuclei(self.slide, tile, self.model, coarse)

    def time_second_pass(self, stain: str) -> None:  # noqa: ARG002
        """Outline the cells around nuclei that are known."""
        for around in self.nuclei:
            for nucleus in around.nuclei:
                outline_cell(self.slide, nucleus, around, self.model, self.coarse, self.fine)

    def time_both_passes(self, stain: str) -> None:  # noqa: ARG002
        """Find and outline the cells, and measure the regions."""
        for tile in self.tiles:
            segment_tile(self.slide, tile, self.model, self.um)

    def peakmem_both_passes(self, stain: str) -> None:
        """Peak memory of finding and outlining, the smear included."""
        self.time_both_passes(stain)
