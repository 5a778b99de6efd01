"""TypiClust, margin with k-means, DropQuery: worked examples and what each must find."""

import numpy as np
import pytest

from strategies import dropquery, margin_kmeans, typiclust
from strategies.errors import StrategyInputError
from strategies.kernels.committee import dropout_masks


def rng(seed=0):
    return np.random.default_rng(seed)


def three_heaps(sizes=(60, 40, 20), spread=0.3):
    """Heaps around (0, 0), (20, 0) and (0, 20), in this order."""
    draw = np.random.default_rng(9)
    middles = np.array([[0.0, 0.0], [20.0, 0.0], [0.0, 20.0]])
    rows = [
        middle + spread * draw.standard_normal((size, 2)) for middle, size in zip(middles, sizes, strict=True)
    ]
    return np.concatenate(rows).astype(np.float32), np.repeat([0, 1, 2], sizes)


def test_typiclust_worked_example():
    """Two clusters on a line: the larger one comes first, in both it is not an end; of equals the lowest position."""
    line = np.array([[0.0], [1.0], [2.0], [3.0], [4.0], [90.0], [91.0], [92.0], [93.0], [94.0], [95.0]])
    picks = typiclust.select(line, 2, labeled=None, weights=None, rng=rng())
    # to 3 neighbours (half of 6) 91 to 94 are 1 + 1 + 2 away, 90 and 95 more; to 2 neighbours 1 to 3 are 1 + 1 away
    assert picks.tolist() == [6, 1]


def test_typiclust_goes_to_uncovered_heaps_and_never_to_outliers():
    """With the largest heap labeled it takes the second, then the third; the far outliers are left alone."""
    rows, heap = three_heaps()
    rows = np.concatenate((rows, [[300.0, 300.0], [-300.0, 300.0]])).astype(np.float32)
    picks = typiclust.select(rows, 3, labeled=rows[:2], weights=None, rng=rng(1))
    assert picks.max() < 120
    assert {1, 2} <= set(heap[picks].tolist())


def test_typiclust_picks_dense_items():
    """In one round heap the pick is nearer to the middle than nine in ten."""
    rows = np.random.default_rng(3).standard_normal((3_000, 2)).astype(np.float32)
    pick = typiclust.select(rows, 1, labeled=None, weights=None, rng=rng())[0]
    assert np.linalg.norm(rows[pick]) < np.quantile(np.linalg.norm(rows, axis=1), 0.1)


def test_typiclust_with_more_picks_than_clusters(monkeypatch):
    """Beyond the largest number of clusters each is visited again and again, as evenly as its size allows."""
    monkeypatch.setattr(typiclust, "_MAX_CLUSTERS", 3)
    rows, heap = three_heaps()
    picks = typiclust.select(rows, 9, labeled=None, weights=None, rng=rng())
    assert np.bincount(heap[picks]).tolist() == [3, 3, 3]


def test_margin_kmeans_stays_with_the_uncertain_and_spreads():
    """Of four uncertain groups each gives one item; the certain crowd gives none."""
    draw = np.random.default_rng(0)
    middles = np.array([[5.0, 0.0], [-5.0, 0.0], [0.0, 5.0], [0.0, -5.0]])
    unsure = np.concatenate([middle + 0.1 * draw.standard_normal((10, 2)) for middle in middles])
    rows = np.concatenate((unsure, draw.standard_normal((500, 2)))).astype(np.float32)
    uncertainty = np.where(np.arange(540) < 40, 0.9, 0.1)
    picks = margin_kmeans.select(rows, 4, labeled=None, weights=None, rng=rng(), uncertainty=uncertainty)
    assert sorted((picks // 10).tolist()) == [0, 1, 2, 3]


def test_margin_kmeans_worked_example():
    """One pick of three items: the one nearest to their mean."""
    rows = np.array([[0.0], [1.0], [5.0]])
    picks = margin_kmeans.select(
        rows, 1, labeled=None, weights=None, rng=rng(), uncertainty=np.array([0.5, 0.2, 0.3])
    )
    assert picks.tolist() == [1]


def test_margin_kmeans_weights_change_the_shortlist():
    """Twenty items, a shortlist of ten: weight brings the certain ones onto it."""
    rows = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
    uncertainty = np.where(np.arange(20) < 10, 0.9, 0.1)
    weights = np.where(np.arange(20) < 10, 0.1, 10.0)
    for w, wanted in ((None, range(10)), (weights, range(10, 20))):
        picks = margin_kmeans.select(rows, 1, labeled=None, weights=w, rng=rng(), uncertainty=uncertainty)
        assert picks[0] in wanted


@pytest.mark.parametrize(
    ("uncertainty", "say"), [(np.ones(3), r"shape \(4,\)"), (np.array([0, 1, 2, np.nan]), "2 of 4 uncert")]
)
def test_uncertainty_that_cannot_be(uncertainty, say):
    """One number in [0, 1] per item."""
    with pytest.raises(StrategyInputError, match=say):
        margin_kmeans.select(np.eye(4), 1, labeled=None, weights=None, rng=rng(), uncertainty=uncertainty)


def by_columns(rows):
    """Two classes: the sum of the first half of the columns against that of the second."""
    half = rows.shape[1] // 2
    gap = rows[:, :half].sum(axis=1) - rows[:, half:].sum(axis=1)
    first = 1.0 / (1.0 + np.exp(-gap))
    return np.column_stack((first, 1.0 - first))


def test_dropquery_finds_items_whose_class_hangs_on_few_columns():
    """Items between the classes change under dropout and are asked about; those of one class only never change."""
    draw = np.random.default_rng(0)
    sure = np.abs(draw.standard_normal((300, 16)))
    sure[:, 8:] = 0.0
    torn = np.abs(draw.standard_normal((60, 16)))
    rows = np.concatenate((sure, torn)).astype(np.float32)
    picks = dropquery.select(rows, 8, labeled=None, weights=None, rng=rng(), predict=by_columns)
    assert (picks >= 300).all()


def test_dropquery_without_any_change_takes_all_items():
    """When no class ever changes, the whole pool is clustered."""
    rows, heap = three_heaps()

    def sure(block):
        return np.tile([0.9, 0.1], (len(block), 1))

    picks = dropquery.select(rows, 3, labeled=None, weights=None, rng=rng(), predict=sure)
    assert sorted(heap[picks].tolist()) == [0, 1, 2]


def test_predictions_that_do_not_fit():
    """A model that loses rows or gives logits is told so."""
    rows = np.eye(4)
    with pytest.raises(StrategyInputError, match="predicted 3 rows for 4 items"):
        dropquery.select(rows, 1, labeled=None, weights=None, rng=rng(), predict=lambda x: by_columns(x)[1:])
    with pytest.raises(StrategyInputError, match="4 of 4 rows are not probabilities"):
        dropquery.select(
            rows, 1, labeled=None, weights=None, rng=rng(), predict=lambda x: 2.0 * by_columns(x)
        )


def test_masks_keep_the_mean_and_come_from_the_seed():
    """A quarter of the columns is kept, four times as large; the same seed draws the same masks."""
    drawn = dropout_masks(10_000, 3, 0.75, rng(1))
    assert drawn.shape == (3, 10_000)
    assert drawn.dtype == np.float32
    assert set(np.unique(drawn)) == {0.0, 4.0}
    np.testing.assert_allclose(drawn.mean(axis=1), 1.0, atol=0.1)
    np.testing.assert_array_equal(drawn, dropout_masks(10_000, 3, 0.75, rng(1)))
    assert (dropout_masks(5, 2, 0.0, rng()) == 1.0).all()


def test_typiclust_survives_clusters_that_lost_all_items():
    """A cluster that k-means left empty has no typical item, also when it is the last one."""
    rows = np.eye(3, dtype=np.float32)
    labels = np.array([0, 0, 1])
    members = typiclust._Members(rows, labels, 4, None, np.random.default_rng(0))
    assert [members.next(cluster) for cluster in (3, 2, 1, 1, 0)] == [None, None, 2, None, 0]
