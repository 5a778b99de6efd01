"""Margin and k-means: the most uncertain items, spread out.

The ten times as many most uncertain items as asked for are clustered, and the item nearest to each centre is asked about.

Source: Zhdanov, "Diverse mini-batch Active Learning", 2019, arXiv 1901.05954 (with beta = 10).
"""

import numpy as np

from strategies.inputs import check_uncertainty
from strategies.kernels.checks import check_embeddings, check_k, check_labeled, check_weights, weights_among
from strategies.kernels.kmeans import kmeans, representatives
from strategies.kernels.ties import ranking
from strategies.kernels.types import FloatArray, IntArray

_SHORTLIST = 10  # items per pick


def select(
    embeddings: FloatArray,
    k: int,
    *,
    labeled: FloatArray | None,
    weights: FloatArray | None,
    rng: np.random.Generator,
    uncertainty: FloatArray,
) -> IntArray:
    """Pick the items nearest to k-means centres of the 10 k most uncertain items.

    What is labeled takes part as centres that stay where they are, so that the free centres go where no label is.

    Args:
        embeddings: (n_items, dim) of the candidates; only the shortlist is clustered.
        k: how many items to pick, 1 to n_items.
        labeled: (n_labeled, dim) of what is labeled or already asked; None: nothing is.
        weights: (n_items,) >= 0: uncertainty is multiplied by it, an item pulls so much at its centre, and its squared
            distance to the centre is divided by it; weight 0 is picked last.
        rng: draws the start of k-means.
        uncertainty: (n_items,) in [0, 1], 1 = an exact tie of the two likeliest classes.

    Returns:
        (k,) distinct positions: of the largest cluster first.

    Raises:
        StrategyInputError: the arrays do not fit together, hold NaN, or k is out of range.
    """
    check_embeddings(embeddings)
    n, dim = embeddings.shape
    check_k(k, n)
    labeled = check_labeled(labeled, dim)
    weights = check_weights(weights, n)
    uncertain = check_uncertainty(uncertainty, n)

    worth = uncertain if weights is None else uncertain * weights
    if weights is not None:
        worth = np.where(weights > 0.0, worth, -1.0)  # even after items without any uncertainty
    shortlist = ranking(worth)[: _SHORTLIST * k]
    pull = weights_among(weights, shortlist)
    clusters = kmeans(embeddings[shortlist], k, rng=rng, weights=pull, fixed=labeled)
    picks: IntArray = shortlist[representatives(clusters, k, pull)]
    return picks
