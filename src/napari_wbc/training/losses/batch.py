"""What a loss is told: once about all training rows, then about each batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from napari_wbc.leukocytes import coarse_class
from napari_wbc.training.manifests import label_members


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """The rows that a run trains on, as numbers.

    Attributes
    ----------
    members : numpy.ndarray of bool, shape (n, k)
        The classes that the label of each row allows.
    domains, labels : numpy.ndarray of int, shape (n,)
        Domain and label of each row, indices into the names.
    weights : numpy.ndarray, shape (n,)
        The probability with which each row is drawn; sums to 1.
    class_names : tuple of str
        The classes of the model, in the order of its outputs.
    domain_names, label_names : tuple of str
        What the indices stand for.
    """

    members: NDArray[np.bool_]
    domains: NDArray[np.int64]
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]
    class_names: tuple[str, ...]
    domain_names: tuple[str, ...]
    label_names: tuple[str, ...]

    @classmethod
    def of(
        cls,
        domains: Sequence[str],
        labels: Sequence[str],
        weights: NDArray[np.float64],
        class_names: Sequence[str],
    ) -> TrainingRows:
        """Give domains and labels their numbers.

        Examples
        --------
        >>> rows = TrainingRows.of(["b", "a"], ["neutrophil", "monocyte"], np.array([0.5, 0.5]),
        ...                        ["neutrophil_segmented", "neutrophil_band", "monocyte"])
        >>> rows.domain_names, rows.domains.tolist()
        (('a', 'b'), [1, 0])
        >>> rows.members[0].tolist()
        [True, True, False]
        """
        domain_names, domain_index = np.unique(np.asarray(domains, str), return_inverse=True)
        label_names, label_index = np.unique(np.asarray(labels, str), return_inverse=True)
        return cls(
            members=label_members(labels, class_names),
            domains=domain_index.astype(np.int64),
            labels=label_index.astype(np.int64),
            weights=np.asarray(weights, np.float64),
            class_names=tuple(class_names),
            domain_names=tuple(domain_names.tolist()),
            label_names=tuple(label_names.tolist()),
        )

    @property
    def label_sets(self) -> NDArray[np.bool_]:
        """The classes that each label allows, shape ``(labels, k)``."""
        return label_members(self.label_names, self.class_names)

    @property
    def narrow_labels(self) -> NDArray[np.bool_]:
        """Tell which labels stay within one coarse class, shape ``(labels,)``.

        "Neutrophil" does, "leukocyte" does not: cells of such a label are no class that could be drawn together.
        """
        coarse = np.array([coarse_class(c) for c in self.class_names])
        return np.array([len(set(coarse[row])) == 1 for row in self.label_sets], bool)

    def class_shares(self) -> NDArray[np.float64]:
        """Give the share of each class among the samples drawn from each domain, shape ``(domains, k)``.

        A coarse label spreads its weight evenly over its classes. A row of zeros is a domain that is never drawn.
        """
        spread = self._drawn()
        shares = np.stack([spread[self.domains == d].sum(axis=0) for d in range(len(self.domain_names))])
        return np.asarray(shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-12))

    def drawn_per_class(self) -> NDArray[np.float64]:
        """Give how many samples of each class are drawn in n draws, shape ``(k,)``; n is the number of rows.

        Where every row is drawn alike this is the number of training samples. A sampler that favours rare classes
        has evened out part of their rarity, which a loss must not even out once more.
        """
        return np.asarray(self._drawn().sum(axis=0) * len(self.weights))

    def _drawn(self) -> NDArray[np.float64]:
        """Give how much of each class a draw of each row is expected to bring, shape ``(n, k)``."""
        sizes = np.maximum(self.members.sum(axis=1, keepdims=True), 1)
        return np.asarray(self.members / sizes * self.weights[:, None])


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch as the losses see it, all on one device.

    Attributes
    ----------
    logits : torch.Tensor, shape (n, k)
        Outputs of the network.
    embeddings : torch.Tensor, shape (n, d)
        What the last layer of the network sees.
    members : torch.Tensor of bool, shape (n, k)
        The classes that each label allows.
    domains, labels : torch.Tensor of int, shape (n,)
        As in :class:`TrainingRows`.
    step : int
        Steps taken before this batch.
    """

    logits: Tensor
    embeddings: Tensor
    members: Tensor
    domains: Tensor
    labels: Tensor
    step: int
