"""Groups of images that must not be torn apart by a split: slides, patients and near-duplicates.

Published data sets hold the same cell more than once (two overlapping fields, the same file under two names). Where
one copy is trained on and the other tested on, the test measures memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

#: Side of the small images that are compared, px.
THUMBNAIL_PX = 32
#: Bits of the hash that two images of the same cell may differ in (of 64).
_MOST_BITS = 8
#: Correlation of the small images of one cell, at least.
_LEAST_CORRELATION = 0.97
#: Cosine of their embeddings, at least.
_LEAST_COSINE = 0.9
#: Images compared at once: 2048 x 8192 products of 64 bits take some 64 MB.
_BLOCK, _WIDE_BLOCK = 2048, 8192


def thumbnails(crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Shrink images for :func:`near_duplicate_pairs`.

    Parameters
    ----------
    crops : numpy.ndarray of uint8, shape (n, height, width, 3)
        The images.

    Returns
    -------
    numpy.ndarray of uint8, shape (n, 32, 32, 3)
    """
    small = np.empty((len(crops), THUMBNAIL_PX, THUMBNAIL_PX, 3), np.uint8)
    for i, crop in enumerate(crops):
        shrunk = Image.fromarray(crop).resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BOX)
        small[i] = np.asarray(shrunk)
    return small


def perceptual_hashes(small: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Give 64 bits per image: which of the 8 x 8 lowest frequencies of a cosine transform exceed their median.

    Light, contrast, compression and size hardly change them (the "pHash" of Zauner 2010, "Implementation and
    benchmarking of perceptual image hash functions").

    Parameters
    ----------
    small : numpy.ndarray of uint8, shape (n, 32, 32, 3)
        From :func:`thumbnails`.

    Returns
    -------
    numpy.ndarray of bool, shape (n, 64)
    """
    bits = np.empty((len(small), 64), bool)
    for start in range(0, len(small), _WIDE_BLOCK):
        part = small[start : start + _WIDE_BLOCK].astype(np.float32).mean(axis=3)
        frequencies = dctn(part, axes=(1, 2))[:, :8, :8].reshape(len(part), 64)
        bits[start : start + len(part)] = frequencies > np.median(frequencies, axis=1, keepdims=True)
    return bits


def near_duplicate_pairs(
    small: NDArray[np.uint8], embeddings: NDArray[np.floating] | None = None
) -> NDArray[np.intp]:
    """Find pairs of images that show the same cell.

    The hash proposes pairs; the correlation of the small images, and of the embeddings where there are some,
    confirms them: the hash alone joins different cells that lie alike.

    Parameters
    ----------
    small : numpy.ndarray of uint8, shape (n, 32, 32, 3)
        From :func:`thumbnails`. 100,000 took 21 s of one core and 0.65 GB of memory.
    embeddings : numpy.ndarray, shape (n, d), optional
        Of a network.

    Returns
    -------
    numpy.ndarray of int, shape (m, 2)
        Pairs of rows, the smaller one first, in order.
    """
    # With bits as +1 and -1, the product of two hashes is 64 minus twice the number of bits that differ; a matrix
    # product compares all of a block at the speed of the machine.
    signs = np.where(perceptual_hashes(small), np.float32(1), np.float32(-1))
    least = 64 - 2 * _MOST_BITS - 0.5
    found = []
    for top in range(0, len(signs), _BLOCK):
        for left in range(top, len(signs), _WIDE_BLOCK):
            near = signs[top : top + _BLOCK] @ signs[left : left + _WIDE_BLOCK].T > least
            if not near.any():
                continue
            i, j = np.nonzero(near)
            i, j = i + top, j + left
            found.append(_confirmed(np.stack([i[i < j], j[i < j]], axis=1), small, embeddings))
    pairs = np.concatenate(found) if found else np.zeros((0, 2), np.intp)
    return np.asarray(pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))])


def _confirmed(
    pairs: NDArray[np.intp], small: NDArray[np.uint8], embeddings: NDArray[np.floating] | None
) -> NDArray[np.intp]:
    kept = np.zeros(len(pairs), bool)
    # Many images that look alike (empty windows, say) are proposed all with all: a part at a time.
    for start in range(0, len(pairs), _WIDE_BLOCK):
        part = pairs[start : start + _WIDE_BLOCK]
        kept[start : start + len(part)] = _cosines(small, part, centred=True) > _LEAST_CORRELATION
        if embeddings is not None:
            kept[start : start + len(part)] &= _cosines(embeddings, part, centred=False) > _LEAST_COSINE
    return np.asarray(pairs[kept])


def _cosines(rows: NDArray[np.generic], pairs: NDArray[np.intp], *, centred: bool) -> NDArray[np.float32]:
    sides = []
    for side in pairs.T:
        values = rows[side].reshape(len(side), -1).astype(np.float32)
        if centred:
            values -= values.mean(axis=1, keepdims=True)
        sides.append(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6))
    return np.asarray(np.einsum("nk,nk->n", *sides), np.float32)


def near_duplicate_groups(
    crops: NDArray[np.uint8],
    groups: Sequence[str],
    embeddings: NDArray[np.floating] | None = None,
) -> list[str]:
    """Join rows that share a group or show the same cell.

    Parameters
    ----------
    crops : numpy.ndarray of uint8, shape (n, height, width, 3)
        Images of one domain.
    groups : sequence of str
        Known group of each image (slide, patient), or an empty text.
    embeddings : numpy.ndarray, shape (n, d), optional
        Of a network, as further evidence.

    Returns
    -------
    list of str
        A group for every image: a known one keeps its name; where near-duplicates tie several together, the first
        in the order of the rows gives the name. The others are ``g0``, ``g1``, and so on.

    Examples
    --------
    >>> noise = np.random.default_rng(0).integers(0, 255, (3, 32, 32, 3), dtype=np.uint8)
    >>> near_duplicate_groups(noise[[0, 1, 0, 2]], ["slide 1", "", "", ""])
    ['slide 1', 'g0', 'slide 1', 'g1']
    """
    small = crops if crops.shape[1:3] == (THUMBNAIL_PX, THUMBNAIL_PX) else thumbnails(crops)
    pairs = near_duplicate_pairs(small, embeddings)
    left, right = list(pairs[:, 0]), list(pairs[:, 1])
    known: dict[str, int] = {}
    for i, group in enumerate(groups):
        if group:
            left.append(known.setdefault(group, i))
            right.append(i)
    graph = coo_matrix((np.ones(len(left), bool), (left, right)), shape=(len(crops), len(crops)))
    _, component = connected_components(graph, directed=False)
    names: dict[int, str] = {}
    for c, group in zip(component, groups, strict=True):
        if group:
            names.setdefault(c, group)
    taken = set(groups)
    number = 0
    for c in component:
        if c not in names:
            while f"g{number}" in taken:
                number += 1
            names[c] = f"g{number}"
            number += 1
    return [names[c] for c in component]
