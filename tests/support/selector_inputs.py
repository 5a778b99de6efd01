"""What selectors need beside embeddings, made up for any rows: so that one contract holds for every selector."""

from typing import get_args

import numpy as np

from strategies.inputs import Inputs, Need
from strategies.kernels.neighbours import Neighbours
from strategies.registry import Selector

N_CLASSES = 3
_N_NEIGHBOURS = 8
_EVERYTHING = get_args(Need)
_BLOCK_ROWS = 1_000


def predict(rows):
    """(m, 3) probabilities of a fixed linear model."""
    head = 4.0 * np.random.default_rng(5).standard_normal((rows.shape[1], N_CLASSES))
    logits = rows.astype(np.float64) @ head
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


def margin_uncertainty(rows):
    """(n,) 1 - margin of `predict`."""
    top_two = np.partition(predict(rows), -2, axis=1)[:, -2:]
    return 1.0 - (top_two[:, 1] - top_two[:, 0])


def neighbours(rows):
    """The 8 nearest of each row by cosine, exactly."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = (rows / np.where(lengths == 0, 1, lengths)).astype(np.float32)
    n, count = len(rows), min(_N_NEIGHBOURS, len(rows) - 1)
    near = np.full((n, _N_NEIGHBOURS), -1, dtype=np.int32)
    cosines = np.zeros((n, _N_NEIGHBOURS), dtype=np.float32)
    for start in range(0, n, _BLOCK_ROWS):
        block = unit[start : start + _BLOCK_ROWS] @ unit.T
        own = np.arange(len(block))
        block[own, start + own] = -np.inf
        found = np.argsort(-block, axis=1, kind="stable")[:, :count]
        near[start : start + len(block), :count] = found
        cosines[start : start + len(block), :count] = np.take_along_axis(block, found, axis=1)
    return Neighbours(near, cosines)


def inputs(rows, needs=_EVERYTHING, weights=None):
    """What is needed about these rows; rows that no model could look at get a placeholder that fits their number."""
    usable = isinstance(rows, np.ndarray) and rows.ndim == 2 and np.isfinite(rows).all()
    known = rows if usable else np.zeros((len(rows), 1), dtype=np.float32)
    return Inputs(
        uncertainty=margin_uncertainty(known) if "uncertainty" in needs else None,
        predict=predict if "predict" in needs else None,
        neighbours=neighbours(known) if "neighbours" in needs else None,
        weights=weights,
    )


def select(selector: Selector, rows, k, *, labeled=None, weights=None, rng, uses=False):
    """Call a selector with all that it needs, and on request with what it may use beside that."""
    uses = selector.uses if uses else ()
    needed = inputs(rows, (*selector.needs, *uses)).for_needs(selector.needs, selector.name, uses)
    return selector.select(rows, k, labeled=labeled, weights=weights, rng=rng, **needed)
