"""Synthetic pools of unit-length embeddings: three kinds of structure, copies, and probabilities.

Each is drawn slice by slice into one float32 array, so that making a million rows needs little more than the rows.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

DIM = 384
CLASSES = 77
_HEAPS = 200
_SLICE = 65_536


def clustered(n: int, seed: int = 0) -> FloatArray:
    """200 round heaps of equal size; two rows of one heap have a cosine of about 0.67."""
    rng = np.random.default_rng([seed, 1])
    middles = _unit(_normal(rng, _HEAPS, DIM))
    heap = rng.integers(_HEAPS, size=n)
    return _drawn(n, lambda rows: middles[heap[rows]] + _normal(rng, len(heap[rows]), DIM) * _per_row(0.7))


def low_rank(n: int, seed: int = 0) -> FloatArray:
    """200 heaps of unequal size, each flat: spread over 24 directions of its own."""
    rng = np.random.default_rng([seed, 2])
    middles = _unit(_normal(rng, _HEAPS, DIM))
    reach = 1.0 / np.sqrt(np.arange(1, 25, dtype=np.float32))
    reach *= 0.8 / np.linalg.norm(reach)
    directions = _normal(rng, _HEAPS, len(reach), DIM) * _per_row(1.0) * reach[None, :, None]
    sizes = rng.lognormal(size=_HEAPS)
    heap = rng.choice(_HEAPS, size=n, p=sizes / sizes.sum())

    def draw(rows: slice) -> FloatArray:
        here = heap[rows]
        out = middles[here] + _normal(rng, len(here), DIM) * _per_row(0.1)
        for one in np.unique(here):
            mine = np.flatnonzero(here == one)
            out[mine] += _normal(rng, len(mine), len(reach)) @ directions[one]
        return out

    return _drawn(n, draw)


def text_like(n: int, seed: int = 0) -> FloatArray:
    """Small topics of 50 themes, all spread along the same uneven axes, so that they run into each other.

    Made after sentences embedded by all-MiniLM-L6-v2. Of 50,000 of those, 19 % have to be looked at to find 95 % of the 32
    nearest neighbours by cells, of 50,000 of these 23 %; the other pools here come apart into heaps, and take 1 %.
    """
    rng = np.random.default_rng([seed, 9])
    axes = np.arange(1, DIM + 1, dtype=np.float32) ** np.float32(-0.4)
    axes /= np.linalg.norm(axes)
    themes = _unit(_normal(rng, 50, DIM) * axes)
    topics = _unit(_normal(rng, max(n // 10, 1), DIM) * axes)
    topics += themes[rng.integers(len(themes), size=len(topics))]
    topics *= np.float32(0.3)
    sizes = rng.lognormal(size=len(topics))
    topic = rng.choice(len(topics), size=n, p=sizes / sizes.sum())

    def draw(rows: slice) -> FloatArray:
        here = topic[rows]
        apart = rng.uniform(0.6, 1.0, size=(len(here), 1)).astype(np.float32)
        return topics[here] + apart * _normal(rng, len(here), DIM) * axes

    return _drawn(n, draw)


def sphere(n: int, seed: int = 0) -> FloatArray:
    """Uniform on the sphere: no structure at all."""
    rng = np.random.default_rng([seed, 3])
    return _drawn(n, lambda rows: _normal(rng, rows.stop - rows.start, DIM))


def copies(n: int, seed: int = 0) -> FloatArray:
    """`clustered`, but every second row is an exact copy of one of the first 500."""
    rows = clustered(n, seed)
    rows[1::2] = rows[np.random.default_rng([seed, 4]).integers(min(500, n), size=len(rows[1::2]))]
    return rows


def near_copies(n: int, seed: int = 0) -> FloatArray:
    """`clustered`, but 5 % of the rows are noisy copies of others: their cosine is 0.95 to 0.999."""
    rows = clustered(n, seed)
    rng = np.random.default_rng([seed, 8])
    changed, source = np.split(rng.permutation(n)[: 2 * (n // 20)], 2)
    cosine = rng.uniform(0.95, 0.999, size=(len(changed), 1)).astype(np.float32)
    noise = _unit(_normal(rng, len(changed), DIM))
    rows[changed] = _unit(cosine * rows[source] + np.sqrt(1.0 - np.square(cosine)) * noise)
    return rows


KINDS: dict[str, Callable[[int], FloatArray]] = {
    "clustered": clustered,
    "lowrank": low_rank,
    "text-like": text_like,
    "sphere": sphere,
    "copies": copies,
}


def linear_head(seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Weight (classes, dim) and bias (classes,) of a head whose predictions reach from sure to torn."""
    rng = np.random.default_rng([seed, 5])
    return 3.0 * _normal(rng, CLASSES, DIM), 0.1 * _normal(rng, CLASSES)


def probabilities(n: int, seed: int = 0) -> FloatArray:
    """(n, classes): what that head says of `clustered` rows."""
    weight, bias = linear_head(seed)
    rng = np.random.default_rng([seed, 6])
    middles = _unit(_normal(rng, _HEAPS, DIM))
    out = np.empty((n, CLASSES), dtype=np.float32)
    for start in range(0, n, _SLICE):
        block = out[start : start + _SLICE]
        rows = _unit(
            middles[rng.integers(_HEAPS, size=len(block))] + _normal(rng, len(block), DIM) * _per_row(0.7)
        )
        np.exp(rows @ weight.T + bias, out=block)
        block /= block.sum(axis=1, keepdims=True)
    return out


def labeled_positions(n: int, m: int, seed: int = 0) -> NDArray[np.int64]:
    """(m,) distinct random positions: what is labeled already."""
    return np.random.default_rng([seed, 7]).permutation(n)[:m]


def _normal(rng: np.random.Generator, *shape: int) -> FloatArray:
    return rng.standard_normal(shape, dtype=np.float32)


def _per_row(length: float) -> np.float32:
    """The scale per column at which a row of normal draws has about this length."""
    return np.float32(length / np.sqrt(DIM))


def _unit(rows: FloatArray) -> FloatArray:
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def _drawn(n: int, draw: Callable[[slice], FloatArray]) -> FloatArray:
    out = np.empty((n, DIM), dtype=np.float32)
    for start in range(0, n, _SLICE):
        rows = slice(start, min(start + _SLICE, n))
        out[rows] = _unit(draw(rows))
    return out
