"""What is odd about a cell: flags that travel with it into the cell table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_wbc.segmentation.morphology import Mask

#: Wider edges of nuclei are out of focus. In focus they are 1.0 to 1.6 µm wide, smoothing included.
BLURRED_UM = 1.9
#: A naked nucleus, spread and fuzzy, of at least that area is a smudge.
SMUDGE_UM2 = 130.0
#: No single cell is larger: several cells, or platelets, that could not be told apart.
CLUMP_CELL_UM2, CLUMP_NUCLEUS_UM2 = 420.0, 220.0


def cell_flags(q: NDArray[np.float32], nucleus: Mask, cell: Mask, um: float) -> tuple[str, ...]:
    """Flag a cell.

    Parameters
    ----------
    q : numpy.ndarray of float32, shape (height, width)
        Density along the nuclear axis.
    nucleus, cell : numpy.ndarray of bool, shape (height, width)
        Outlines.
    um : float
        µm per px.

    Returns
    -------
    tuple of str
        Of ``blurred`` (the edge of the nucleus is out of focus), ``smudge`` (a large naked nucleus with a fuzzy
        edge) and ``clump`` (larger than one cell can be).
    """
    flags = []
    nucleus_um2, cell_um2 = float(nucleus.sum()) * um**2, float(cell.sum()) * um**2
    width = edge_width_um(q, nucleus, um)
    blurred = width > BLURRED_UM
    rim = (np.sqrt(cell_um2) - np.sqrt(nucleus_um2)) / np.sqrt(np.pi)
    if blurred and nucleus_um2 >= SMUDGE_UM2 and rim < width:
        flags.append("smudge")
    elif blurred:
        flags.append("blurred")
    if cell_um2 > CLUMP_CELL_UM2 or nucleus_um2 > CLUMP_NUCLEUS_UM2:
        flags.append("clump")
    return tuple(flags)


def edge_width_um(q: NDArray[np.float32], nucleus: Mask, um: float) -> float:
    """Width over which the density falls at the outline of a nucleus, µm: the fall divided by the steepest slope."""
    padded = np.pad(q, 3, mode="edge")
    mask = np.pad(nucleus, 3)
    rim = mask & ~ndimage.binary_erosion(mask)
    if not rim.any():
        return 0.0
    down, right = np.gradient(padded, um)
    slope = down * down + right * right
    steepest = float(np.sqrt(np.median(ndimage.maximum_filter(slope, 5)[rim])))
    fall = float(np.percentile(padded[mask], 75) - np.percentile(padded[~mask], 25))
    return fall / max(steepest, 1e-6)
