"""Uncertainty herding: cover the items that the model is unsure of, each counting by its most similar labeled item.

As MaxHerding, but the coverage of an item is worth its uncertainty. With few labels all items are uncertain and the batch
spreads over the pool; the more the model learns, the more it gathers where classes meet. One strategy for all budgets.

Source: Bae, Oliveira & Sutherland, "Uncertainty Herding: One Active Learning Method for All Label Budgets", ICLR 2025,
arXiv 2412.20644.
"""

import numpy as np

from strategies.inputs import Tell, check_uncertainty, say_nothing
from strategies.kernels.neighbours import Neighbours
from strategies.kernels.types import FloatArray, IntArray


def select(
    embeddings: FloatArray,
    k: int,
    *,
    labeled: FloatArray | None,
    weights: FloatArray | None,
    rng: np.random.Generator,
    uncertainty: FloatArray,
    neighbours: Neighbours | None = None,
    tell: Tell = say_nothing,
) -> IntArray:
    """Pick the batch that covers the uncertain candidates best together with what is labeled.

    Similarity is a Gaussian kernel; its width is the median distance to the (n_items / (n_labeled + k))-th neighbour, so
    it shrinks as labels grow. Up to 10,000 items the greedy choice is exact; `strategies.kernels.herding.herd` says how larger
    pools are sampled, and what that costs.

    Args:
        embeddings: (n_items, dim) of the candidates; not copied.
        k: how many items to pick, 1 to n_items.
        labeled: (n_labeled, dim) of what is labeled or already asked; None: nothing is.
        weights: (n_items,) >= 0: what an item adds to the coverage is multiplied by its weight, so that of two items that
            cover as much the heavier is picked. None: all the same.
        rng: draws the samples; not used up to 10,000 items.
        uncertainty: (n_items,) in [0, 1]: 1 - margin. Where all are 0 every item is worth the same.
        neighbours: of the candidates; used on rows of length 1 where it holds all that matters.
        tell: gets a sentence where the choice is approximate.

    Returns:
        (k,) distinct positions, the greatest gain first. Exact copies of a pick come last.

    Raises:
        StrategyInputError: the arrays do not fit together, hold NaN, or k is out of range.
    """
    from strategies.kernels.herding import herd  # compiled code: loaded when it is used

    worth = check_uncertainty(uncertainty, len(embeddings))
    found = herd(
        embeddings,
        k,
        labeled=labeled,
        worth=worth,
        weights=weights,
        neighbours=neighbours,
        rng=rng,
        tell=tell,
    )
    return found.positions
