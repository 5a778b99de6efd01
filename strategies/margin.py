"""Margin sampling: ask about the items where the top two classes are nearly tied.

Source: Scheffer, Decomain & Wrobel, "Active Hidden Markov Models for Information Extraction", IDA 2001.
"""

import numpy as np

from strategies.kernels.types import FloatArray


def score(probs: FloatArray) -> FloatArray:
    """Score each item by how close its two most likely classes are.

    Args:
        probs: (n_items, n_classes) class probabilities, each row sums to 1.

    Returns:
        (n_items,) in [0, 1], unitless; higher = ask first. 1 is an exact tie.

    Raises:
        StrategyInputError: fewer than two classes, or a row that is not a probability vector.
    """
    from strategies.kernels.row_scores import top_two  # compiled code: loaded when used

    best, second = top_two(probs)
    # Rows may sum to 1.001, so a certain prediction may read 1.001 as well.
    return np.maximum(1.0 - (best - second), 0.0)
