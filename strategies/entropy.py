"""Entropy sampling: ask about the items whose predicted classes are spread the most.

Source: Shannon, "A Mathematical Theory of Communication", 1948; as a query strategy: Settles & Craven, "An Analysis of
Active Learning Strategies for Sequence Labeling Tasks", EMNLP 2008.
"""

import numpy as np

from strategies._checks import prob_blocks
from strategies._types import FloatArray


def score(probs: FloatArray) -> FloatArray:
    """Score each item by the entropy of its class probabilities.

    Args:
        probs: (n_items, n_classes) class probabilities, each row sums to 1.

    Returns:
        (n_items,) in [0, log(n_classes)], nats; higher = ask first. 0 is a certain prediction (0 log 0 counts as 0).

    Raises:
        StrategyInputError: fewer than two classes, or a row that is not a probability vector.
    """
    scores = np.empty(len(probs), dtype=np.result_type(probs, np.float32))
    for rows, block in prob_blocks(probs):
        # The smallest normal number stands in for 0 inside the logarithm only: 0 times its finite log is 0.
        logs = np.maximum(block, np.finfo(block.dtype).tiny)
        np.log(logs, out=logs)
        # Rounding can leave -1e-7 for a certain prediction, and negative entropy does not exist.
        scores[rows] = np.maximum(-np.einsum("ij,ij->i", block, logs), 0.0)
    return scores
