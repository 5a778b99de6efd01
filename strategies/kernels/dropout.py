"""Dropout masks on embeddings: a committee made of one model, each member blind to other columns.

Source: Gal & Ghahramani, "Dropout as a Bayesian Approximation", ICML 2016; one mask for all items, so that a member is one
consistent model: Kirsch, van Amersfoort & Gal, "BatchBALD", NeurIPS 2019.
"""

import numpy as np

from strategies.kernels.types import FloatArray


def masks(dim: int, members: int, rate: float, rng: np.random.Generator) -> FloatArray:
    """Draw the masks of a committee.

    Args:
        dim: width of the embeddings.
        members: how many masks.
        rate: in [0, 1): the probability with which a column is dropped.
        rng: draws.

    Returns:
        (members, dim) float32, to be multiplied with embeddings: 0 where a column is dropped, 1 / (1 - rate) elsewhere, so
        that the mean of a product stays what it was.
    """
    kept = rng.random((members, dim)) >= rate
    return (kept / (1.0 - rate)).astype(np.float32)
