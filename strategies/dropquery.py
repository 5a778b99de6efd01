"""DropQuery: items whose predicted class changes when columns of the embedding are dropped, spread out by k-means.

Source: Gupte, Aklilu, Nirschl & Yeung-Levy, "Revisiting Active Learning in the Era of Vision Foundation Models",
TMLR 2024.
"""

import numpy as np

from strategies.inputs import Predict
from strategies.kernels.checks import check_embeddings, check_k, check_labeled, check_weights, weights_among
from strategies.kernels.committee import dropout_masks
from strategies.kernels.kmeans import kmeans, representatives, sample
from strategies.kernels.predict import PREDICT_ROWS, predict_checked
from strategies.kernels.ties import likeliest
from strategies.kernels.types import FloatArray, IntArray

_MASKS, _RATE = 3, 0.75  # as in the paper
_MAX_CANDIDATES = 50_000  # 77 MB of embeddings at 384 columns


def select(
    embeddings: FloatArray,
    k: int,
    *,
    labeled: FloatArray | None,
    weights: FloatArray | None,
    rng: np.random.Generator,
    predict: Predict,
) -> IntArray:
    """Pick the items nearest to k-means centres of those that dropout makes change class.

    Candidates are the items whose class changes under at least half of 3 masks, each of which drops three columns of four.
    When they are fewer than k, items that change under fewer masks join them, in the end all. Of more than 50,000
    (or k) candidates a random sample of so many is clustered. What is labeled takes part
    in the clustering as centres that stay where they are.

    Args:
        embeddings: (n_items, dim) of the candidates; only those that change are clustered.
        k: how many items to pick, 1 to n_items.
        labeled: (n_labeled, dim) of what is labeled or already asked; None: nothing is.
        weights: (n_items,) >= 0: an item pulls so much at its centre, and its squared distance to the centre is divided by
            it; weight 0 is picked last.
        rng: draws the masks and the start of k-means.
        predict: embeddings (m, dim) -> probabilities (m, n_classes).

    Returns:
        (k,) distinct positions: of the largest cluster first.

    Raises:
        StrategyInputError: the arrays do not fit together, hold NaN, k is out of range, or the predictions are not
            probabilities.
    """
    check_embeddings(embeddings)
    n, dim = embeddings.shape
    check_k(k, n)
    labeled = check_labeled(labeled, dim)
    weights = check_weights(weights, n)

    changes = _count_changes(embeddings, predict, dropout_masks(dim, _MASKS, _RATE, rng))
    if weights is not None:
        changes[weights == 0.0] = -1
    needed = -(-_MASKS // 2)
    while needed > -1 and np.count_nonzero(changes >= needed) < k:
        needed -= 1
    chosen = np.flatnonzero(changes >= needed)
    chosen = chosen[sample(len(chosen), max(_MAX_CANDIDATES, k), rng)]
    pull = weights_among(weights, chosen)
    clusters = kmeans(embeddings[chosen], k, rng=rng, weights=pull, fixed=labeled)
    picks: IntArray = chosen[representatives(clusters, k, pull)]
    return picks


def _count_changes(embeddings: FloatArray, predict: Predict, dropped: FloatArray) -> IntArray:
    """(n,) under how many masks the likeliest class of each item is another one."""
    changes = np.zeros(len(embeddings), dtype=np.int64)
    for start in range(0, len(embeddings), PREDICT_ROWS):
        rows = slice(start, start + PREDICT_ROWS)
        block = embeddings[rows]
        before = likeliest(predict_checked(predict, block))
        for mask in dropped:
            # in the embeddings' own precision, which is what the model is used to
            masked = block * mask.astype(block.dtype, copy=False)
            changes[rows] += likeliest(predict_checked(predict, masked)) != before
    return changes
