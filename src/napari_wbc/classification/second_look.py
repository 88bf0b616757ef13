"""A second look at cells that a model is unsure of: the same crop turned, and the mean of what it gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from napari_wbc.classification.conformal import coarse_probabilities
from napari_wbc.errors import InputError

#: Quarter turns, and the same of the mirror image.
ORIENTATIONS = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class SecondLook:
    """When a crop is seen in more than one orientation, and in how many.

    A cell has no upright position, so every orientation is as good as the first; the mean over some of them has less
    chance in it. For a cell that the first one leaves no doubt about, nothing would change.

    Attributes
    ----------
    orientations : {1, 2, 4, 8}
        In how many an unsure cell is seen; 1 is no second look.
    below : float
        A cell is unsure when its likeliest coarse class has a lower probability than this, before the temperature:
        that is fitted on what both looks give together.
    """

    orientations: int = 1
    below: float = 1.0

    def __post_init__(self) -> None:
        if self.orientations not in ORIENTATIONS:
            raise InputError(f"orientations must be 1, 2, 4 or 8, not {self.orientations}")
        if not 0 <= self.below <= 1:
            raise InputError(f"below must lie between 0 and 1, not {self.below}")

    def unsure(
        self, logits: NDArray[np.floating], classes: Sequence[str], log_prior: NDArray[np.floating]
    ) -> NDArray[np.intp]:
        """Give the rows that need a second look.

        Parameters
        ----------
        logits : numpy.ndarray, shape (n, k)
            Of the first look.
        classes : sequence of str
            Of the k columns.
        log_prior : numpy.ndarray, shape (k,)
            Added to the logits.

        Examples
        --------
        >>> import numpy as np
        >>> look = SecondLook(orientations=4, below=0.7)
        >>> look.unsure(np.array([[3.0, 0.0], [0.5, 0.0]]), ["monocyte", "lymphocyte"], np.zeros(2)).tolist()
        [1]
        """
        if self.orientations == 1 or not len(logits):
            return np.zeros(0, np.intp)
        _, sums = coarse_probabilities(softmax(np.asarray(logits, float) + log_prior, axis=1), classes)
        return np.flatnonzero(sums.max(axis=1) < self.below)

    def outputs(
        self,
        look: Callable[[NDArray[np.intp], Sequence[int]], tuple[NDArray[np.float32], NDArray[np.float32]]],
        number: int,
        classes: Sequence[str],
        log_prior: NDArray[np.floating],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Give logits ``(n, k)`` and embeddings ``(n, d)``: means over the orientations that each cell is seen in.

        Parameters
        ----------
        look : callable
            Takes rows and orientations (:func:`~napari_wbc.classification.crops.turned`); gives the means of logits
            and embeddings over them.
        number : int
            Of the cells.
        classes, log_prior
            As for :meth:`unsure`.
        """
        logits, embeddings = look(np.arange(number), (0,))
        again = self.unsure(logits, classes, log_prior)
        if len(again):
            further = range(1, self.orientations)
            for first, mean in zip((logits, embeddings), look(again, further), strict=True):
                first[again] += (mean - first[again]) * (len(further) / self.orientations)
        return logits, embeddings
