"""Coverage (k-center greedy, Core-Set): always ask about the item farthest from everything labeled or picked.

Source: Gonzalez, "Clustering to minimize the maximum intercluster distance", 1985; as a query strategy: Sener & Savarese,
"Active Learning for Convolutional Neural Networks: A Core-Set Approach", ICLR 2018.

Distances come from FAISS. The picks are exactly those of a pass over all distances in float64 at every pick, for a small
part of the work; how, says `kernels/farthest.py`. Between rounds most distances stay what they were: `select_and_keep` returns what it knows of them, and
takes it back in the next round, when more is labeled.
"""

import numpy as np

from strategies.errors import StrategyInputError
from strategies.kernels.checks import check_embedding_shape, check_k, check_labeled, check_weights
from strategies.kernels.kept_distances import DistanceMemory, KeptDistances
from strategies.kernels.parallel import one_thread_each
from strategies.kernels.types import FloatArray, IntArray


def select(
    embeddings: FloatArray,
    k: int,
    *,
    labeled: FloatArray | None,
    weights: FloatArray | None,
    rng: np.random.Generator,
    distances: DistanceMemory | None = None,
) -> IntArray:
    """Pick k items, each the farthest (Euclidean) from what is labeled and from the picks before it.

    Args:
        embeddings: (n_items, dim) of the candidates; not copied, so a memory-mapped array may exceed memory.
        k: how many items to pick, 1 to n_items.
        labeled: (n_labeled, dim) of what is labeled or already asked. None: the first pick is drawn at random.
        weights: (n_items,) >= 0: the distance of each item is multiplied by its weight; weight 0 is picked last.
        rng: draws the first pick when nothing is labeled (among the items of largest weight); not used otherwise.
        distances: gives those of the batch before, and gets those of this one; they change no pick. None: none are kept.

    Returns:
        (k,) distinct positions, the largest distance first. Equal distances: the lowest position first.

    Raises:
        StrategyInputError: the arrays do not fit together, hold NaN, or k is out of range.
    """
    kept = None if distances is None else distances.recall()
    picks, found = select_and_keep(embeddings, k, labeled=labeled, weights=weights, rng=rng, kept=kept)
    if distances is not None:
        distances.keep(found)
    return picks


def select_and_keep(
    embeddings: FloatArray,
    k: int,
    *,
    labeled: FloatArray | None,
    weights: FloatArray | None,
    rng: np.random.Generator,
    kept: KeptDistances | None = None,
) -> tuple[IntArray, KeptDistances]:
    """As `select`, with distances kept from round to round; the picks are the same with and without.

    Args:
        embeddings: as for `select`.
        k: as for `select`.
        labeled: as for `select`; with `kept`, its first rows are those that were labeled then, in the same order.
        weights: as for `select`.
        rng: as for `select`.
        kept: of the round before, for these candidates (`KeptDistances.take` follows a pool that has lost some).

    Returns:
        The picks, and the distances to `labeled` to be kept: the picks are not part of them, as nobody has answered yet.

    Raises:
        StrategyInputError: as for `select`, or `kept` does not fit the candidates or the labeled rows.
    """
    check_embedding_shape(embeddings)
    n, dim = embeddings.shape
    check_k(k, n)
    labeled = check_labeled(labeled, dim)
    weights = check_weights(weights, n)
    _check_kept(kept, n, 0 if labeled is None else len(labeled))
    # Its many small products are too small to be shared out: threads that wait for each other tripled its time.
    with one_thread_each():
        return _search(embeddings, k, labeled, weights, rng, kept)


def _search(
    embeddings: FloatArray,
    k: int,
    labeled: FloatArray | None,
    weights: FloatArray | None,
    rng: np.random.Generator,
    kept: KeptDistances | None,
) -> tuple[IntArray, KeptDistances]:
    n = len(embeddings)
    from strategies.kernels.farthest import FarthestSearch  # compiled code: loaded when used

    search = FarthestSearch(embeddings, weights, room=k + (0 if labeled is None else len(labeled)))
    picks: list[int] = []
    if labeled is None:
        heaviest = np.arange(n) if weights is None else np.flatnonzero(weights == weights.max())
        picks.append(int(rng.choice(heaviest)))
        search.meet(embeddings[picks], keep=k)
        search.remove(picks[0])
    else:
        # Copies of a labeled item add nothing, and without them near ties in float64 have few centers to look at.
        firsts = np.sort(np.unique(labeled, axis=0, return_index=True)[1])
        bound = None if kept is None else kept.squared
        seen = None if kept is None else np.searchsorted(firsts, kept.met)
        search.meet(labeled[firsts], keep=k, bound=bound, seen=seen)
    while len(picks) < k:
        pick = search.farthest()
        if pick is None:  # whatever is left coincides with a center or has weight 0
            left = np.setdiff1d(np.arange(n), picks)
            picks.extend(left[: k - len(picks)].tolist())
            break
        picks.append(pick)
        search.add_center(pick)
    if labeled is None:
        keep = KeptDistances(np.full(n, np.inf, dtype=np.float32), np.zeros(n, dtype=np.int32))
    else:
        met = np.append(firsts, len(labeled))[search.seen]
        keep = KeptDistances(search.first_bound, met.astype(np.int32))
    return np.array(picks, dtype=np.int64), keep


def _check_kept(kept: KeptDistances | None, n: int, n_labeled: int) -> None:
    if kept is None:
        return
    if kept.squared.shape != (n,) or kept.met.shape != (n,):
        raise StrategyInputError(
            f"The kept distances are for {len(kept):,} items, but there are {n:,} candidates. Take those of the candidates."
        )
    if n and (kept.met.min() < 0 or kept.met.max() > n_labeled):
        raise StrategyInputError(
            f"The kept distances are to {int(kept.met.max()):,} labeled rows, but there are {n_labeled:,}. "
            "Labeled rows are only ever added, at the end; start over without kept distances."
        )
    if not (kept.squared >= 0.0).all():  # NaN fails as well
        raise StrategyInputError("Kept distances are squared distances, 0 or more. Start over without them.")
