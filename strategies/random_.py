"""Random sampling: ask about a uniform sample. The yardstick for every other strategy, and unbiased for estimates."""

import numpy as np

from strategies.kernels.checks import check_embeddings, check_k, check_weights
from strategies.kernels.types import FloatArray, IntArray


def select(
    embeddings: FloatArray,
    k: int,
    *,
    labeled: FloatArray | None,  # noqa: ARG001  chance does not look at what is labeled
    weights: FloatArray | None,
    rng: np.random.Generator,
) -> IntArray:
    """Draw k distinct items.

    Args:
        embeddings: (n_items, dim) of the candidates; only their number matters.
        k: how many items to pick, 1 to n_items.
        labeled: not used.
        weights: (n_items,) >= 0: drawn one after the other, each time in proportion to the weights of what is left; an
            item of weight 0 is drawn only when nothing else is left. None: every item is as likely as any other.
        rng: source of randomness.

    Returns:
        (k,) distinct positions in the order drawn.

    Raises:
        StrategyInputError: k or the weights do not fit the candidates.
    """
    if embeddings.ndim != 2:
        check_embeddings(embeddings)
    n = len(embeddings)
    check_k(k, n)
    weights = check_weights(weights, n)
    if weights is None:
        return rng.choice(n, size=k, replace=False).astype(np.int64)
    # The k smallest of independent exponential arrival times with rates `weights` are such a draw (Efraimidis &
    # Spirakis, "Weighted random sampling with a reservoir", 2006). Rate 0 never arrives; among those chance decides.
    arrivals = np.full(n, np.inf)
    np.divide(rng.exponential(size=n), weights, out=arrivals, where=weights > 0)
    order: IntArray = np.lexsort((rng.random(n), arrivals))[:k]
    return order
