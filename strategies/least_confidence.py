"""Least confidence: ask about the items whose most likely class is the least likely.

Source: Lewis & Gale, "A Sequential Algorithm for Training Text Classifiers", SIGIR 1994.
"""

import numpy as np

from strategies.kernels.types import FloatArray


def score(probs: FloatArray) -> FloatArray:
    """Score each item by the probability that its predicted class is wrong.

    Args:
        probs: (n_items, n_classes) class probabilities, each row sums to 1.

    Returns:
        (n_items,) in [0, 1 - 1 / n_classes], unitless; higher = ask first. 0 is a certain prediction.

    Raises:
        StrategyInputError: fewer than two classes, or a row that is not a probability vector.
    """
    from strategies.kernels.row_scores import top_two  # compiled code: loaded when used

    best, _second = top_two(probs)
    # Rows may sum to 1.001, so a certain prediction may read 1.001 as well.
    wrong: FloatArray = np.maximum(1.0 - best, 0.0)
    return wrong
