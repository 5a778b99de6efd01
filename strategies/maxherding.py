"""MaxHerding: pick the items that best cover the whole pool, each item counting by its most similar pick.

Greedy maximisation of the pool's mean similarity to its nearest labeled item, which for a monotone submodular objective
is within 1 - 1/e of the best possible batch. Unlike k-center it goes where the items are, not where the outliers are.

Source: Bae, Noh & Sutherland, "Generalized Coverage for More Robust Low-Budget Active Learning", ECCV 2024; the shrinking
kernel width: Bae, Oliveira & Sutherland, "Uncertainty Herding: One Active Learning Method for All Label Budgets", ICLR
2025, arXiv 2412.20644.
"""

import numpy as np

from strategies.inputs import Tell, say_nothing
from strategies.kernels.neighbours import Neighbours
from strategies.kernels.types import FloatArray, IntArray


def select(
    embeddings: FloatArray,
    k: int,
    *,
    labeled: FloatArray | None,
    weights: FloatArray | None,
    rng: np.random.Generator,
    neighbours: Neighbours | None = None,
    tell: Tell = say_nothing,
) -> IntArray:
    """Pick the batch that covers the candidates best together with what is labeled.

    Similarity is a Gaussian kernel; its width is the median distance to the (n_items / (n_labeled + k))-th neighbour,
    the share of the pool that each label has to stand for, so it shrinks as labels grow. Up to 10,000 items the greedy
    choice is exact; `strategies.kernels.herding.herd` says how larger pools are sampled, and what that costs.

    Args:
        embeddings: (n_items, dim) of the candidates; not copied.
        k: how many items to pick, 1 to n_items.
        labeled: (n_labeled, dim) of what is labeled or already asked; None: nothing is.
        weights: (n_items,) >= 0: what an item adds to the coverage is multiplied by its weight, so that of two items that
            cover as much the heavier is picked. None: all the same.
        rng: draws the samples; not used up to 10,000 items.
        neighbours: of the candidates; used on rows of length 1 where it holds all that matters.
        tell: gets a sentence where the choice is approximate.

    Returns:
        (k,) distinct positions, the greatest gain first. Exact copies of a pick come last.

    Raises:
        StrategyInputError: the arrays do not fit together, hold NaN, or k is out of range.
    """
    from strategies.kernels.herding import herd  # compiled code: loaded when it is used

    found = herd(
        embeddings,
        k,
        labeled=labeled,
        worth=None,
        weights=weights,
        neighbours=neighbours,
        rng=rng,
        tell=tell,
    )
    return found.positions
