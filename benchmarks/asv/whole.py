"""Time of the main job, end to end."""

from __future__ import annotations

import tempfile
from pathlib import Path

import napari_wbc as wbc
from napari_wbc.slides.synthetic import SmearParameters, write_sample

#: Height and width of the smear, px.
SIZE = (1800, 2400)


class Count:
    """A smear with some 40 leukocytes, as a PNG file."""

    timeout = 300

    def setup(self) -> None:
        """Draw the smear and count it once: what is compiled is compiled, and the model is in the cache of files."""
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name) / "smear.png"
        write_sample(self.file, SmearParameters(height=SIZE[0], width=SIZE[1], seed=1))
        self.result = self._count()
        self.out = Path(self.folder.name) / "results"

    def teardown(self) -> None:
        """Remove the files."""
        self.folder.cleanup()

    def time_count(self) -> None:
        """From the file to the differential."""
        self._count()

    def time_write(self) -> None:
        """Write all files of a result."""
        self.result.write(self.out)

    def peakmem_count(self) -> None:
        """Peak memory of the process."""
        self._count()

    def _count(self) -> wbc.CountResult:
        return wbc.count(self.file, um_per_px=0.1, device="cpu")
