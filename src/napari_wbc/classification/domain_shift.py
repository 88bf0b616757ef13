"""Whether a slide looks like those of the laboratories that a model was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_wbc.classification.novelty import unit_length
from napari_wbc.domain_shift import DomainShift
from napari_wbc.leukocytes import coarse_class, is_nucleated

if TYPE_CHECKING:
    from napari_wbc.classification.bundle import Model

#: Fewer cells say nothing about a slide.
LEAST_CELLS = 10


@dataclass(frozen=True, slots=True)
class DomainReference:
    """Where the cells of the training domains lie; it is in the bundle.

    The embedding of a single cell hardly tells its laboratory, the mean of many does. Each cell is compared with the
    cells of its class, so that a slide with a strange class mix, which is what patients have, is no strange slide.

    Attributes
    ----------
    domains, classes : tuple of str
        Names, of domains and of coarse classes.
    basis : numpy.ndarray, shape (d, r)
        Takes embeddings of length 1 to r numbers of variance 1 within a class of a domain.
    means : numpy.ndarray, shape (domains, classes, r)
        Of these numbers.
    cells, limits : numpy.ndarray, shape (s,)
        Number of cells of a slide, ascending, and the 99th percentile of the distance of slides of so many held-out
        cells of the training domains.
    """

    domains: tuple[str, ...]
    classes: tuple[str, ...]
    basis: NDArray[np.float64]
    means: NDArray[np.float64]
    cells: NDArray[np.float64]
    limits: NDArray[np.float64]

    @classmethod
    def of(cls, model: Model) -> DomainReference | None:
        """Read the reference of a bundle, None where it has none."""
        stated = model.info.get("domain_shift")
        if stated is None:
            return None
        return cls(
            domains=tuple(stated["domains"]),
            classes=tuple(stated["classes"]),
            basis=np.asarray(model.tensors["domains.basis"], float),
            means=np.asarray(model.tensors["domains.means"], float),
            cells=np.asarray(stated["cells"], float),
            limits=np.asarray(stated["limits"], float),
        )

    def shift(self, embeddings: NDArray[np.floating], model_labels: Sequence[str]) -> DomainShift | None:
        """Compare the cells of a slide with the training domains.

        Parameters
        ----------
        embeddings : numpy.ndarray, shape (n, d)
            Of the cells, from the network.
        model_labels : sequence of str
            The most likely class of each. Platelets and artifacts, of which any slide may hold any number, do not
            count.

        Returns
        -------
        DomainShift or None
            None where fewer than ``LEAST_CELLS`` cells count.
        """
        coarse = [coarse_class(label) for label in model_labels]
        kept = [i for i, c in enumerate(coarse) if c in self.classes and is_nucleated(c)]
        if len(kept) < LEAST_CELLS:
            return None
        column = np.array([self.classes.index(coarse[i]) for i in kept])
        distances = self.distances(project(np.asarray(embeddings)[kept], self.basis), column)
        nearest = int(distances.argmin())
        limit = float(np.interp(np.log(len(kept)), np.log(self.cells), self.limits))
        return DomainShift(self.domains[nearest], float(distances[nearest]) / limit, len(kept))

    def distances(self, projected: NDArray[np.floating], column: NDArray[np.intp]) -> NDArray[np.float64]:
        """Give the distance of the mean of some cells from each domain, shape ``(domains,)``.

        Parameters
        ----------
        projected : numpy.ndarray, shape (n, r)
            From :func:`project`.
        column : numpy.ndarray of int, shape (n,)
            Class of each cell, as its place in ``classes``.
        """
        share = np.bincount(column, minlength=len(self.classes)) / len(column)
        expected = np.einsum("c,dcr->dr", share, self.means)
        return np.asarray(np.linalg.norm(projected.mean(axis=0) - expected, axis=1))


def project(embeddings: NDArray[np.floating], basis: NDArray[np.floating]) -> NDArray[np.float64]:
    """Take embeddings to the few numbers in which domains are compared."""
    return np.asarray(unit_length(embeddings).astype(float) @ basis)


def slide_shift(
    model: Model, embeddings: NDArray[np.floating], model_labels: Sequence[str]
) -> DomainShift | None:
    """Compare the cells of a slide with the training domains of a model (see :meth:`DomainReference.shift`).

    Returns
    -------
    DomainShift or None
        None where the bundle holds no reference or the slide too few cells.
    """
    reference = DomainReference.of(model)
    return None if reference is None else reference.shift(embeddings, model_labels)
