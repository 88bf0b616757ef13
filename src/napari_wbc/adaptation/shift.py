"""The adapted laboratory among those that slides are compared with: its slides are no strange ones any more."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_wbc.adaptation.start import Start
from napari_wbc.classification.domain_shift import project
from napari_wbc.leukocytes import coarse_class
from napari_wbc.training.trust.cells import JudgedCells

#: What the adapted laboratory is called where others have the name of their data.
THIS_LABORATORY = "this laboratory"
#: Fewer cells of a class give no mean.
_LEAST = 3


def with_this_laboratory(
    start: Start,
    target: JudgedCells,
    replayed: JudgedCells,
    replayed_before: NDArray[np.floating],
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Add the means of the target's cells to the domains that a model knows.

    Parameters
    ----------
    start : Start
        The source.
    target, replayed : JudgedCells
        As the adapted network sees them.
    replayed_before : numpy.ndarray, shape (m, d)
        Embeddings of the replayed cells under the source: by how much the adapted network moves the cells of a domain,
        its means move.

    Returns
    -------
    tensors : dict of str to numpy.ndarray
        ``domains.means``.
    stated : dict
        The entry ``domain_shift``; both empty where the source compares no slides, or the target has no class with
        enough cells.
    """
    told = start.model.info.get("domain_shift")
    if told is None:
        return {}, {}
    basis = np.asarray(start.model.tensors["domains.basis"], float)
    means = np.array(start.model.tensors["domains.means"], float)
    for number, domain in enumerate(told["domains"]):
        inside = replayed.domains == domain
        if inside.any():
            moved = project(replayed.embeddings[inside], basis) - project(replayed_before[inside], basis)
            means[number] += moved.mean(axis=0)
    projected = project(target.embeddings, basis)
    coarse = np.array([coarse_class(str(x)) for x in target.labels])
    of_class = {
        number: projected[coarse == name].mean(axis=0)
        for number, name in enumerate(told["classes"])
        if (coarse == name).sum() >= _LEAST
    }
    if not of_class:
        return {}, {}
    usual = means.mean(axis=0)
    # A class without labels lies where it lies elsewhere, moved as this laboratory moves the others.
    offset = np.mean([mean - usual[number] for number, mean in of_class.items()], axis=0)
    own = np.stack([of_class.get(number, mean + offset) for number, mean in enumerate(usual)])
    tensors = {"domains.means": np.concatenate([means, own[None]]).astype(np.float32)}
    return tensors, {"domain_shift": {**told, "domains": [*told["domains"], THIS_LABORATORY]}}
