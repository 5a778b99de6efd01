"""TypiClust: from each of the largest clusters without a label, the most typical item.

Made for the first labels, when there is no model worth asking: dense regions first, outliers never.

Source: Hacohen, Dekel & Weinshall, "Active Learning on a Budget: Opposite Strategies Suit High and Low Budgets",
ICML 2022 (TPC_RP).
"""

import numpy as np

from strategies.kernels.checks import check_embeddings, check_k, check_labeled, check_weights
from strategies.kernels.kmeans import kmeans, nearest_centre, sample
from strategies.kernels.parallel import one_thread_each
from strategies.kernels.rest import fill_up
from strategies.kernels.ties import ranking
from strategies.kernels.types import FloatArray, IntArray

_MAX_CLUSTERS = 500
_NEIGHBOURS = 20
_SMALL = 5  # clusters of fewer items are outliers, chosen from when there are no others
_MEMBERS = (
    2_048  # of a cluster's items the typical one is looked for among at most so many: 3 GFLOP a cluster
)


def select(
    embeddings: FloatArray,
    k: int,
    *,
    labeled: FloatArray | None,
    weights: FloatArray | None,
    rng: np.random.Generator,
) -> IntArray:
    """Pick the most typical items of the largest uncovered clusters.

    The pool is clustered by k-means into n_labeled + k clusters, 500 at most. Next comes the cluster with the fewest
    labeled items and picks, of equals the largest; in it the item with the smallest mean distance to its 20 nearest
    neighbours in the cluster (half of the cluster when that is fewer). In clusters of more than 2,048 items it is looked
    for among 2,048 drawn at random.

    Args:
        embeddings: (n_items, dim) of the candidates.
        k: how many items to pick, 1 to n_items.
        labeled: (n_labeled, dim) of what is labeled or already asked; None: nothing is.
        weights: (n_items,) >= 0: an item's mean distance is divided by its weight; weight 0 is picked last.
        rng: draws the start of k-means and the samples.

    Returns:
        (k,) distinct positions, in the order picked.

    Raises:
        StrategyInputError: the arrays do not fit together, hold NaN, or k is out of range.
    """
    check_embeddings(embeddings)
    n, dim = embeddings.shape
    check_k(k, n)
    labeled = check_labeled(labeled, dim)
    weights = check_weights(weights, n)

    n_labeled = 0 if labeled is None else len(labeled)
    clusters = kmeans(embeddings, min(n_labeled + k, _MAX_CLUSTERS, n), rng=rng)
    count = len(clusters.centres)
    covered = np.zeros(count, dtype=np.int64)
    if labeled is not None:
        covered += np.bincount(nearest_centre(labeled, clusters.centres), minlength=count)
    size = np.bincount(clusters.labels, minlength=count)
    members = _Members(embeddings, clusters.labels, count, weights, rng)

    picks: list[int] = []
    with one_thread_each():
        open_clusters = np.ones(count, dtype=bool)
        while len(picks) < k and open_clusters.any():
            order = np.lexsort((-size, covered, size < _SMALL, ~open_clusters))
            cluster = int(order[0])
            pick = members.next(cluster)
            if pick is None:
                open_clusters[cluster] = False
                continue
            picks.append(pick)
            covered[cluster] += 1
    return fill_up(picks, k, n, weights, rng)


class _Members:
    """The items of each cluster in the order of typicality, worked out when the cluster is first asked."""

    def __init__(
        self,
        rows: FloatArray,
        labels: IntArray,
        count: int,
        weights: FloatArray | None,
        rng: np.random.Generator,
    ) -> None:
        self.rows = rows
        self.by_cluster = np.argsort(labels, kind="stable")
        self.ends = np.cumsum(np.bincount(labels, minlength=count))
        self.weights = weights
        self.rng = rng
        self.queues: dict[int, list[int]] = {}

    def next(self, cluster: int) -> int | None:
        """The most typical item not given yet; None: there is none (of a weight above 0)."""
        if cluster not in self.queues:
            begin = self.ends[cluster - 1] if cluster else 0
            self.queues[cluster] = self._order(self.by_cluster[begin : self.ends[cluster]])[::-1].tolist()
        queue = self.queues[cluster]
        return queue.pop() if queue else None

    def _order(self, members: IntArray) -> IntArray:
        members = members[sample(len(members), _MEMBERS, self.rng)]
        distance = _mean_distance(self.rows[members].astype(np.float32, copy=False))
        if self.weights is not None:
            worth = self.weights[members]
            wanted = np.flatnonzero(worth > 0.0)
            members, distance = members[wanted], distance[wanted] / worth[wanted]
        order: IntArray = members[ranking(-distance)]
        return order


def _mean_distance(rows: FloatArray) -> FloatArray:
    """(n,) mean distance of each row to its nearest others, the inverse of its typicality; 0 for a row alone."""
    if len(rows) <= 1:
        return np.zeros(len(rows))
    count = min(_NEIGHBOURS, max(1, len(rows) // 2))
    lengths = np.einsum("ij,ij->i", rows, rows)
    squared = rows @ (-2.0 * rows.T)
    squared += lengths[:, None]
    squared += lengths
    np.fill_diagonal(squared, np.inf)
    nearest = np.partition(squared, count - 1, axis=1)[:, :count]
    distances: FloatArray = np.sqrt(np.maximum(nearest, 0.0)).mean(axis=1)
    return distances
