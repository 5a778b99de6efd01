"""k-means and its start: the right distribution, the right clusters, centres that stay where they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.kernels.kmeans import Clusters, kmeans, nearest_centre, representatives
from strategies.kernels.plusplus import draw_centres
from strategies.kernels.rest import fill_up


def heaps(rng, n, dim, count, spread=0.2):
    middles = 5.0 * rng.standard_normal((count, dim))
    which = rng.integers(0, count, n)
    return (middles[which] + spread * rng.standard_normal((n, dim))).astype(np.float32), which


def squared_distances(rows, points):
    return np.square(rows[:, None].astype(np.float64) - points).sum(-1)


class PlainCentres:
    """Centres on rows, measured one difference at a time."""

    def __init__(self, rows, first):
        self.rows, self.chosen, self.measured = rows, list(first), 0

    def __len__(self):
        return len(self.chosen)

    def add(self, position):
        self.chosen.append(position)

    def squared(self, positions, first):
        self.measured += len(positions)
        return squared_distances(self.rows[positions], self.rows[self.chosen[first:]]).min(axis=1)


def test_draws_have_the_distribution_of_kmeans_plus_plus():
    """By loose and old bounds, pairs of centres are drawn as often as by exact distances."""
    rows = np.array([[0.0], [1.0], [2.0], [5.0]])
    weights = np.array([1.0, 2.0, 1.0, 0.5])
    loose = np.array([9.0, 30.0, 4.0, 25.0])
    counts = np.zeros((4, 4))
    rng = np.random.default_rng(0)
    draws = 6_000
    for _ in range(draws):
        first, second = draw_centres(PlainCentres(rows, [0]), loose, 2, weights=weights, rng=rng)
        counts[first, second] += 1
    away = weights * np.square(rows[:, 0])
    for first in range(1, 4):
        nearest = weights * np.minimum(np.square(rows[:, 0]), np.square(rows[:, 0] - rows[first, 0]))
        expected = draws * away[first] / away.sum() * nearest / nearest.sum()
        assert (np.abs(counts[first] - expected) <= 5 * np.sqrt(expected + 1)).all()
    assert counts[0].sum() == counts[:, 0].sum() == 0


def test_few_items_are_measured():
    """100 centres among 20,000 items take fewer looks than one pass."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((20_000, 16))
    centres = PlainCentres(rows, [0])
    picks = draw_centres(centres, squared_distances(rows, rows[:1])[:, 0], 100, weights=None, rng=rng)
    assert len(set(picks)) == 100
    assert centres.measured < 5_000


def test_drawing_ends_when_everything_is_a_centre():
    """Of three different rows in thousands, with bounds that promise more, three are drawn."""
    rows = np.repeat(np.eye(4), 1_500, axis=0)
    picks = draw_centres(
        PlainCentres(rows, [0]), np.full(6_000, 9.0), 50, weights=None, rng=np.random.default_rng(0)
    )
    assert sorted(pick // 1_500 for pick in picks) == [1, 2, 3]


def test_clusters_are_the_heaps():
    """Well separated heaps are found, whichever of them the rows begin with."""
    rows, which = heaps(np.random.default_rng(1), 2_000, 8, 6)
    clusters = kmeans(rows, 6, rng=np.random.default_rng(0))
    pairs = set(zip(which.tolist(), clusters.labels.tolist(), strict=True))
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}) == 6


def test_clusters_learnt_from_a_sample_hold_all_items():
    """With more than 256 items per centre, centres come from a sample and every item has its nearest centre."""
    rows, _ = heaps(np.random.default_rng(2), 3_000, 4, 3)
    clusters = kmeans(rows, 3, rng=np.random.default_rng(0), fixed=rows[:2])
    assert clusters.labels.shape == (3_000,)
    assert len(np.unique(clusters.labels[clusters.labels >= 0])) == 3


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 80), k=st.integers(1, 8), fixed=st.integers(0, 3))
def test_every_item_is_with_its_nearest_centre(seed, n, k, fixed):
    """Labels and distances are those of the plain search over free and fixed centres."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, 3)).astype(np.float32)
    rows[rng.random(n) < 0.3] = rows[0]
    held = rows[rng.integers(0, n, fixed)] if fixed else None
    clusters = kmeans(rows, k, rng=rng, weights=rng.random(n), fixed=held)
    free = squared_distances(rows, clusters.centres).min(axis=1)
    stays = squared_distances(rows, held).min(axis=1) if fixed else np.full(n, np.inf)
    np.testing.assert_allclose(clusters.squared, np.minimum(free, stays), atol=1e-4)
    assert (stays[clusters.labels == -1] <= free[clusters.labels == -1] + 1e-4).all()
    assert len(clusters.centres) <= k
    if not fixed:
        np.testing.assert_array_equal(nearest_centre(rows, clusters.centres), clusters.labels)


def test_weights_pull_at_centres():
    """The centre of one cluster is the weighted mean."""
    rows = np.array([[0.0], [1.0], [4.0]], dtype=np.float32)
    clusters = kmeans(rows, 1, rng=np.random.default_rng(0), weights=np.array([1.0, 0.0, 3.0]))
    assert clusters.centres[0, 0] == pytest.approx(3.0)


def test_fixed_centres_hold_their_surroundings():
    """One free centre goes to the heap without a label, not between the heaps."""
    rows, which = heaps(np.random.default_rng(4), 400, 6, 2)
    clusters = kmeans(rows, 1, rng=np.random.default_rng(0), fixed=rows[which == 0][:3])
    assert (clusters.labels[which == 1] == 0).all()
    assert (clusters.labels[which == 0] == -1).all()
    np.testing.assert_allclose(clusters.centres[0], rows[which == 1].mean(axis=0), atol=0.1)


def test_representatives_worked_example():
    """The nearest of the large cluster, of the small one, then the second nearest of each; what is held comes last."""
    clusters = Clusters(
        centres=np.zeros((2, 1), dtype=np.float32),
        labels=np.array([0, 1, 0, 0, -1, 1, -1]),
        squared=np.array([3.0, 2.0, 1.0, 2.0, 0.1, 5.0, 0.2], dtype=np.float32),
    )
    assert representatives(clusters, 7, None).tolist() == [2, 1, 3, 5, 0, 6, 4]
    weights = np.array([9.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    assert representatives(clusters, 7, weights).tolist() == [0, 5, 2, 3, 6, 4, 1]


def test_fill_up_takes_what_has_weight_first():
    """A complete batch is left alone; the rest is drawn from what is left, weight 0 only when nothing else is there."""
    rng = np.random.default_rng(0)
    assert fill_up([2, 0], 2, 4, None, rng).tolist() == [2, 0]
    assert fill_up([2], 3, 4, np.array([0.0, 1.0, 1.0, 0.0]), rng).tolist()[:2] == [2, 1]
    assert sorted(fill_up([1, 2], 4, 4, np.array([0.0, 1.0, 1.0, 0.0]), rng).tolist()) == [0, 1, 2, 3]
