"""Entropy sampling: ask about the items whose predicted classes are spread the most.

Source: Shannon, "A Mathematical Theory of Communication", 1948; as a query strategy: Settles & Craven, "An Analysis of
Active Learning Strategies for Sequence Labeling Tasks", EMNLP 2008.
"""

from strategies.kernels.types import FloatArray


def score(probs: FloatArray) -> FloatArray:
    """Score each item by the entropy of its class probabilities.

    Args:
        probs: (n_items, n_classes) class probabilities, each row sums to 1.

    Returns:
        (n_items,) in [0, log(n_classes)], nats; higher = ask first. 0 is a certain prediction (0 log 0 counts as 0).

    Raises:
        StrategyInputError: fewer than two classes, or a row that is not a probability vector.
    """
    from strategies.kernels.row_scores import entropies  # compiled code: loaded when used

    return entropies(probs)
