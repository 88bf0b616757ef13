"""The result of a count: cells, masks, differential and provenance of one slide, and how they are written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_wbc.execution.progress import CancelToken
from napari_wbc.masks import CellMask
from napari_wbc.slides import Scale, Slide

if TYPE_CHECKING:
    from napari_wbc.differential.count import Differential
    from napari_wbc.domain_shift import DomainShift
    from napari_wbc.exchange.formats import Contents
    from napari_wbc.segmentation.quality import RegionQuality
    from napari_wbc.segmentation.slide_model import SlideModel


@dataclass(eq=False)
class CountResult:
    """The differential count of one slide.

    Attributes
    ----------
    slide : Slide
        The image, still open.
    scale : Scale
        µm per px and how it is known.
    cells : pandas.DataFrame
        The cell table, ordered by (y, x); see :mod:`napari_wbc.cell_table`.
    masks : list of CellMask
        One per row of ``cells``.
    differential : Differential
        Counts, percentages, intervals, flags, quality.
    slide_model : SlideModel
        Stain and background that the segmentation went by.
    run : dict
        Provenance, as in ``run.json``.
    embeddings : numpy.ndarray of float16, shape (n, d)
        The classifier's features, one row per cell.
    region_quality : list of RegionQuality
        Quality of the blocks of the slide, row by row.
    domain_shift : DomainShift, optional
        How far the slide lies from those that the model was trained on.
    journal : Path, optional
        Where finished tiles were noted; :meth:`write` removes it.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_wbc as wbc
    >>> result = wbc.count(np.full((200, 300, 3), 235, np.uint8), um_per_px=0.2, device="cpu")
    >>> result.scale.um_per_px, result.scale.origin, len(result.cells), result.embeddings.dtype
    (0.2, 'given', 0, dtype('float16'))
    """

    slide: Slide
    scale: Scale
    cells: pd.DataFrame
    masks: list[CellMask]
    differential: Differential
    slide_model: SlideModel
    run: dict[str, Any]
    embeddings: NDArray[np.float16]
    region_quality: list[RegionQuality]
    domain_shift: DomainShift | None = None
    journal: Path | None = None

    def write(
        self, out_dir: str | Path, *, exports: str | Iterable[str] = (), cancel: CancelToken | None = None
    ) -> Path:
        """Write the folder of results; it appears whole or not at all.

        Parameters
        ----------
        out_dir : str or Path
            Where to; an earlier result in it is replaced, a folder with other files is refused.
        exports : str or iterable of str, optional
            Further files for other programs, as for :meth:`export`.
        cancel : CancelToken, optional
            Stops between the files and leaves nothing behind.

        Returns
        -------
        pathlib.Path
            The folder, with ``cells.csv``, ``differential.csv``, ``differential.json``, ``report.html``,
            ``overlay.png``, ``cells.geojson`` and ``run.json``.

        Raises
        ------
        InputError
            A format is unknown, cannot be about this slide, or needs a library that is not installed.
        OutputError
            The place cannot be written to, or holds files that are not results.
        """
        from napari_wbc.exchange.formats import formats_named
        from napari_wbc.results import write_results

        folder = write_results(
            out_dir,
            slide=self.slide,
            um_per_px=self.scale.um_per_px,
            cells=self.cells,
            masks=self.masks,
            differential=self.differential,
            run=self.run,
            exports=formats_named(exports),
            cancel=cancel,
        )
        if self.journal is not None:
            self.journal.unlink(missing_ok=True)
        return folder

    def export(
        self, formats: str | Iterable[str], folder: str | Path, *, cancel: CancelToken | None = None
    ) -> list[Path]:
        """Write files for other programs.

        Parameters
        ----------
        formats : str or iterable of str
            Some of ``geojson``, ``pdf``, ``pdf-letter``, ``parquet``, ``fhir``, ``ome-zarr``, ``coco``, ``yolo`` and
            ``dicom``, as ``"fhir,coco"`` or one by one.
        folder : str or Path
            Where to, under the names that they have in a folder of results; it is made where it is not there.
        cancel : CancelToken, optional
            Stops between the files, and within a large one.

        Returns
        -------
        list of pathlib.Path
            One file or folder per format; each is whole.

        Raises
        ------
        InputError
            A format is unknown, cannot be about this slide, or needs a library that is not installed.
        OutputError
            The place cannot be written to.

        Examples
        --------
        >>> import napari_wbc as wbc
        >>> wbc.count("smear.png").export("fhir,coco", "results/smear")  # doctest: +SKIP
        """
        from napari_wbc.exchange.formats import formats_named
        from napari_wbc.results import writable_folder

        chosen, folder = formats_named(formats), Path(folder)
        for fmt in chosen:
            fmt.check_slide(self.slide)
        writable_folder(folder)
        contents = self.contents(cancel)
        return [fmt.write(folder / fmt.file, contents) for fmt in chosen]

    def contents(self, cancel: CancelToken | None = None) -> Contents:
        """Give what the writers of :mod:`napari_wbc.exchange` write."""
        from napari_wbc.exchange.formats import Contents

        return Contents(
            self.slide,
            self.scale.um_per_px,
            self.cells,
            self.masks,
            self.differential,
            self.run,
            cancel or CancelToken(),
        )

    def write_labels(self, path: str | Path, *, cancel: CancelToken | None = None) -> Path:
        """Write cells and nuclei as label images, numbered as in the cell table.

        Parameters
        ----------
        path : str or Path
            An OME-TIFF (``.tif``) or a pyramid in OME-Zarr (``.ome.zarr``).
        cancel : CancelToken, optional
            Stops the writing and leaves nothing behind.

        Returns
        -------
        pathlib.Path
            The file or folder.

        Raises
        ------
        OutputError
            The name has no such ending, or the place cannot be written to.
        """
        from napari_wbc.segmentation.label_file import write_labels

        return write_labels(path, self.masks, self.slide.shape, um_per_px=self.scale.um_per_px, cancel=cancel)
