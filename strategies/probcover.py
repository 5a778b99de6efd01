"""ProbCover: the items whose balls cover most of the pool.

Two items closer than delta are taken to share a class, so a label covers its ball. delta is the largest radius at which
almost all balls hold one pseudo-class only.

Source: Yehuda, Dekel, Hacohen & Weinshall, "Active Learning Through a Covering Lens", NeurIPS 2022.
"""

import numpy as np
from numpy.typing import NDArray

from strategies.kernels.checks import check_embeddings, check_k, check_labeled, check_weights
from strategies.kernels.kmeans import kmeans, sample
from strategies.kernels.lazy_greedy import lazy_greedy
from strategies.kernels.parallel import one_thread_each
from strategies.kernels.rest import fill_up
from strategies.kernels.types import FloatArray, IntArray

# The graph of balls is one bit a pair: 50 MB at most, however wide the balls are.
_MAX_ROWS = 20_000
_PURITY = 0.95
_FEWEST_CLASSES, _MOST_CLASSES = 10, 100
_PURITY_ROWS = 500  # balls looked at for the purity: a share of 0.95 is then known to 0.01
_PURITY_POOL = 100_000
_BLOCK_ROWS = 1_024  # a multiple of 8, so that blocks of bits begin on whole bytes


def select(
    embeddings: FloatArray,
    k: int,
    *,
    labeled: FloatArray | None,
    weights: FloatArray | None,
    rng: np.random.Generator,
) -> IntArray:
    """Pick items greedily, each the one whose ball holds most items that no ball covers yet.

    delta is the largest radius at which 95 % of the balls (around 500 items) hold items of one k-means cluster only; the
    clusters stand for classes, and as a batch is rarely smaller than the number of classes there are k of them, 10 at
    least and 100 at most.

    Above 20,000 items both the candidates and the items to be covered are a random sample of 20,000 (of k when that is
    more), and above 100,000 the radius is measured among 100,000. A share of the pool covered is then known to 0.004 (one
    standard error at most), but balls of fewer than a few ten-thousandths of the pool cannot be told apart.

    Args:
        embeddings: (n_items, dim) of the candidates.
        k: how many items to pick, 1 to n_items.
        labeled: (n_labeled, dim) of what is labeled or already asked: their balls are covered. None: nothing is.
        weights: (n_items,) >= 0: what each candidate covers is multiplied by it; weight 0 is picked last.
        rng: draws the samples and the start of k-means, and the rest of the batch once everything is covered.

    Returns:
        (k,) distinct positions, the largest gain first. Equal gains: the lowest position first.

    Raises:
        StrategyInputError: the arrays do not fit together, hold NaN, or k is out of range.
    """
    check_embeddings(embeddings)
    n, dim = embeddings.shape
    check_k(k, n)
    labeled = check_labeled(labeled, dim)
    weights = check_weights(weights, n)

    radius = ball_radius(embeddings, min(max(k, _FEWEST_CLASSES), _MOST_CLASSES), rng=rng)
    rows = sample(n, max(_MAX_ROWS, k), rng)
    worth = np.ones(len(rows)) if weights is None else weights[rows]
    with one_thread_each():
        balls = _Balls(embeddings[rows], radius)
        open_bits = balls.everything()
        if labeled is not None:
            open_bits &= ~balls.covered_by(labeled)

    def gain(some: IntArray) -> NDArray[np.float64]:
        new = np.bitwise_count(balls.bits[some] & open_bits).sum(axis=1, dtype=np.int64)
        return np.asarray(new * worth[some], dtype=np.float64)

    def take(row: int) -> None:
        np.bitwise_and(open_bits, ~balls.bits[row], out=open_bits)

    picks = rows[lazy_greedy(len(rows), k, gain, take)]
    return fill_up(picks, k, n, weights, rng)


def ball_radius(embeddings: FloatArray, n_classes: int, *, rng: np.random.Generator) -> float:
    """The largest radius at which 95 % of the balls around items are pure: of one pseudo-class.

    A ball is pure up to the distance to the nearest item of another class, so the radius is the 5 % quantile of these.

    Args:
        embeddings: (n_items, dim) float, at least one item.
        n_classes: how many pseudo-classes k-means makes.
        rng: draws the items looked at, and the start of k-means.

    Returns:
        The radius; infinity when there are not two pseudo-classes.
    """
    pool = embeddings[sample(len(embeddings), _PURITY_POOL, rng)].astype(np.float32, copy=False)
    labels = kmeans(pool, min(n_classes, len(pool)), rng=rng).labels
    few = sample(len(pool), _PURITY_ROWS, rng)
    nearest = np.full(len(few), np.inf, dtype=np.float32)
    with one_thread_each():
        lengths = np.einsum("ij,ij->i", pool, pool)
        for start in range(0, len(pool), _BLOCK_ROWS):
            part = slice(start, start + _BLOCK_ROWS)
            squared = pool[few] @ (-2.0 * pool[part].T) + lengths[few][:, None] + lengths[part]
            squared[labels[few][:, None] == labels[part]] = np.inf
            np.minimum(nearest, squared.min(axis=1), out=nearest)
    # infinities are rounded to themselves, never interpolated
    return float(np.quantile(np.sqrt(np.maximum(nearest, 0.0)), 1.0 - _PURITY, method="lower"))


class _Balls:
    """Which items lie in the ball around each item, one bit a pair.

    Attributes:
        bits: (n, n / 64) uint64; what is past the last item is 0.
    """

    def __init__(self, rows: FloatArray, radius: float) -> None:
        n = len(rows)
        self.points, self.mirror = _augmented(rows)
        longest = float(-2.0 * self.mirror[:, -1].min(initial=0.0))
        # An item is in its own ball, and so is its copy: squared distances err by this much.
        self.floor = -0.5 * (radius**2 + 1e-6 * longest)
        packed = np.zeros((n, 8 * -(-n // 64)), dtype=np.uint8)
        for start in range(0, n, _BLOCK_ROWS):
            stop = min(start + _BLOCK_ROWS, n)
            # Balls are mutual: what is above the diagonal is below it too.
            inside = self.points[start:stop] @ self.mirror[start:].T >= self.floor
            across = np.packbits(inside, axis=1, bitorder="little")
            packed[start:stop, start // 8 : start // 8 + across.shape[1]] = across
            down = np.packbits(inside[:, stop - start :].T, axis=1, bitorder="little")
            packed[stop:, start // 8 : start // 8 + down.shape[1]] = down
        self.bits: NDArray[np.uint64] = packed.view(np.uint64)

    def everything(self) -> NDArray[np.uint64]:
        """(n / 64,) a bit for each item."""
        return _as_bits(np.ones(len(self.points), dtype=bool))

    def covered_by(self, labeled: FloatArray) -> NDArray[np.uint64]:
        """(n / 64,) the items in the ball of something labeled."""
        covered = np.zeros(len(self.points), dtype=bool)
        for start in range(0, len(labeled), _BLOCK_ROWS):
            mirror = _augmented(labeled[start : start + _BLOCK_ROWS])[1]
            covered |= (self.points @ mirror.T).max(axis=1) >= self.floor
        return _as_bits(covered)


def _augmented(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Rows with two more columns, on the left and on the right side of a product that gives -|x - y|^2 / 2."""
    rows = rows.astype(np.float32, copy=False)
    half = -0.5 * np.einsum("ij,ij->i", rows, rows)[:, None]
    ones = np.ones_like(half)
    return np.hstack((rows, half, ones)), np.hstack((rows, ones, half))


def _as_bits(flags: NDArray[np.bool_]) -> NDArray[np.uint64]:
    packed = np.zeros(8 * -(-len(flags) // 64), dtype=np.uint8)
    some = np.packbits(flags, bitorder="little")
    packed[: len(some)] = some
    bits: NDArray[np.uint64] = packed.view(np.uint64)
    return bits
