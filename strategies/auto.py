"""Auto, the default: cover the pool first; once there is a model, cover its most uncertain part.

Before there is a model the batch is that of MaxHerding. After it, the most uncertain items are a shortlist, ten times as
long as the batch, and the batch covers this shortlist best together with what is labeled. All of the shortlist counts the
same: a model that errs is unsure about the wrong items, and ranking by its doubts inside the shortlist lost most where it
was least accurate. docs/measured/label-efficiency.md has the measurements, and what else was tried.

Sources: Bae, Noh & Sutherland, "Generalized Coverage for More Robust Low-Budget Active Learning", ECCV 2024
(MaxHerding); Zhdanov, "Diverse mini-batch Active Learning", 2019, arXiv 1901.05954 (diversity on a shortlist by margin).
"""

import numpy as np

from strategies.inputs import Tell, check_uncertainty, say_nothing
from strategies.kernels.checks import check_embeddings, check_k, check_labeled, check_weights, weights_among
from strategies.kernels.copies import first_of_each
from strategies.kernels.ties import levels
from strategies.kernels.types import FloatArray, IntArray

_BATCHES = 10  # on the shortlist; with 20, and with a quarter of the pool, it measured worse


def select(
    embeddings: FloatArray,
    k: int,
    *,
    labeled: FloatArray | None,
    weights: FloatArray | None,
    rng: np.random.Generator,
    uncertainty: FloatArray | None = None,
    tell: Tell = say_nothing,
) -> IntArray:
    """Pick the batch that covers the uncertain part of the pool, or the pool itself before there is a model.

    Args:
        embeddings: (n_items, dim) of the candidates; only the shortlist is copied.
        k: how many items to pick, 1 to n_items.
        labeled: (n_labeled, dim) of what is labeled or already asked; None: nothing is.
        weights: (n_items,) >= 0: uncertainty and what an item adds to the coverage are multiplied by its weight; weight 0
            is picked last. None: all the same.
        rng: orders items of equal uncertainty (to within rounding), and draws the samples that `strategies.kernels.herding.herd`
            takes where the shortlist, or the pool before there is a model, has more than 10,000 items.
        uncertainty: (n_items,) in [0, 1]: 1 - margin. None: there is no model yet.
        tell: gets a sentence where the choice is approximate.

    Returns:
        (k,) distinct positions, the greatest gain first. Exact copies of a pick come last.

    Raises:
        StrategyInputError: the arrays do not fit together, hold NaN, or k is out of range.
    """
    from strategies.kernels.herding import herd  # compiled code: loaded when it is used

    check_embeddings(embeddings)
    n, dim = embeddings.shape
    check_k(k, n)
    labeled = check_labeled(labeled, dim)
    weights = check_weights(weights, n)
    if uncertainty is None:
        found = herd(embeddings, k, labeled=labeled, worth=None, weights=weights, rng=rng, tell=tell)
        return found.positions
    among = _shortlist(embeddings, k, check_uncertainty(uncertainty, n), weights, rng)
    here = weights_among(weights, among)
    found = herd(
        embeddings[among],
        k,
        labeled=labeled,
        worth=None,
        weights=here,
        rng=rng,
        tell=tell,
        items="uncertain items",
    )
    return among[found.positions]


def _shortlist(
    embeddings: FloatArray,
    k: int,
    uncertainty: FloatArray,
    weights: FloatArray | None,
    rng: np.random.Generator,
) -> IntArray:
    """Ascending positions of the most uncertain items: so many that copies of each other do not crowd out the others."""
    n = len(embeddings)
    worth = uncertainty if weights is None else np.where(weights > 0.0, uncertainty * weights, -1.0)
    order = np.lexsort((rng.random(n), -levels(worth)))
    size = wanted = min(n, _BATCHES * k)
    while True:
        shortlist: IntArray = np.sort(order[:size])
        if size == n or len(np.unique(first_of_each(embeddings[shortlist]))) >= wanted / 2:
            return shortlist
        size = min(n, 2 * size)
