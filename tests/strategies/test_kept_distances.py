"""k-center from round to round: kept distances and shortcuts leave no trace in the picks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.coverage import select, select_and_keep
from strategies.errors import StrategyInputError
from strategies.kernels.kept_distances import KeptDistances


def heaps(rng, n, dim, *, copies=0.0):
    """Rows of 40 heaps of unequal size, a share of them exact copies."""
    middles = rng.standard_normal((40, dim))
    rows = middles[np.minimum(rng.geometric(0.08, n), 40) - 1] + 0.4 * rng.standard_normal((n, dim))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    same = rng.random(n) < copies
    rows[same] = rows[rng.integers(0, 30, int(same.sum()))]
    return rows


def textbook(rows, k, labeled, weights=None):
    """Every distance to every center in float64; of equals the first."""
    rows = rows.astype(np.float64)
    nearest = np.full(len(rows), np.inf)
    for center in labeled.astype(np.float64):
        np.minimum(nearest, np.square(rows - center).sum(axis=1), out=nearest)
    free, picks = np.ones(len(rows), dtype=bool), []
    for _ in range(k):
        utility = nearest if weights is None else nearest * weights**2
        picks.append(int(np.where(free, utility, -1).argmax()))
        free[picks[-1]] = False
        np.minimum(nearest, np.square(rows - rows[picks[-1]]).sum(axis=1), out=nearest)
    return picks


@pytest.mark.parametrize("copies", [0.0, 0.5])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_all_shortcuts_together_pick_as_the_textbook(copies, weighted, dtype):
    """A pool large enough for pivots, samples and a front: pick by pick the float64 picks, thousands of copies included."""
    rng = np.random.default_rng(3)
    rows = heaps(rng, 24_000, 8, copies=copies).astype(dtype)
    labeled = rows[rng.integers(0, len(rows), 600)]
    weights = rng.random(len(rows)) if weighted else None
    picks = select(rows, 60, labeled=labeled, weights=weights, rng=rng)
    assert picks.tolist() == textbook(rows, 60, labeled, weights)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1_000), rounds=st.integers(2, 4), copies=st.sampled_from([0.0, 0.6]))
def test_kept_distances_change_no_pick(seed, rounds, copies):
    """Round after round, with answers in any order, some missing and the pool shrinking: the picks of a cold start."""
    rng = np.random.default_rng(seed)
    rows = heaps(rng, int(rng.integers(30, 3_000)), 5, copies=copies)
    here = np.arange(len(rows))
    labeled, kept = rows[rng.integers(0, len(rows), rng.integers(1, 400))], None
    for _ in range(rounds):
        k = int(rng.integers(1, min(40, len(here)) + 1))
        cold = select(rows[here], k, labeled=labeled, weights=None, rng=rng)
        before = None if kept is None else (kept.squared.copy(), kept.met.copy())
        picks, now = select_and_keep(rows[here], k, labeled=labeled, weights=None, rng=rng, kept=kept)
        assert picks.tolist() == cold.tolist()
        if before is not None:
            np.testing.assert_array_equal(kept.squared, before[0])
            np.testing.assert_array_equal(kept.met, before[1])
        true = np.square(rows[here][:, None].astype(np.float64) - labeled).sum(axis=2).min(axis=1)
        assert (now.squared >= true - 1e-4).all()
        np.testing.assert_allclose(
            now.squared[now.met == len(labeled)], true[now.met == len(labeled)], atol=1e-4
        )
        answered = rng.permutation(picks)[: max(1, k // 2)]
        labeled = np.concatenate((labeled, rows[here[answered]]))
        stay = np.setdiff1d(np.arange(len(here)), answered)
        if not len(stay):
            break
        here, kept = here[stay], now.take(stay)


def test_worked_example():
    """0 is labeled: 10 is picked, and kept are the distances to 0 alone, as nobody has answered about 10 yet."""
    rows = np.array([[1.0], [4.0], [10.0]], dtype=np.float32)
    zero = np.zeros((1, 1), dtype=np.float32)
    rng = np.random.default_rng(0)
    picks, kept = select_and_keep(rows, 1, labeled=zero, weights=None, rng=rng)
    assert picks.tolist() == [2]
    assert kept.squared.tolist() == [1.0, 16.0, 100.0]
    assert kept.met.tolist() == [1, 1, 1]
    assert len(kept) == 3
    both = np.concatenate((zero, rows[2:]))
    picks, kept = select_and_keep(
        rows[:2], 1, labeled=both, weights=None, rng=rng, kept=kept.take(np.arange(2))
    )
    assert picks.tolist() == [1]
    assert kept.squared.tolist() == [1.0, 16.0]
    assert kept.met.tolist() == [2, 2]


def test_nothing_labeled_keeps_nothing():
    """What is kept then is infinity, which the next round takes."""
    rows = np.eye(4, dtype=np.float32)
    rng = np.random.default_rng(0)
    _, kept = select_and_keep(rows, 2, labeled=None, weights=None, rng=rng)
    assert np.isinf(kept.squared).all()
    assert not kept.met.any()
    picks, _ = select_and_keep(rows, 2, labeled=rows[:1], weights=None, rng=rng, kept=kept)
    assert picks.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("squared", "met", "say"),
    [
        ([1, 1], [0, 0], "for 2 items, but there are 3 candidates"),
        ([1, 1, 1], [0, 0, 3], "to 3 labeled rows, but there are 2"),
        ([1, -1, 1], [0, 0, 0], "0 or more"),
        ([1, np.nan, 1], [0, 0, 0], "0 or more"),
    ],
)
def test_kept_distances_that_do_not_fit(squared, met, say):
    """Of other candidates, of labels taken back, or no distances."""
    kept = KeptDistances(np.array(squared, dtype=np.float32), np.array(met, dtype=np.int32))
    rows = np.eye(3, dtype=np.float32)
    with pytest.raises(StrategyInputError, match=say):
        select_and_keep(rows, 1, labeled=rows[:2], weights=None, rng=np.random.default_rng(0), kept=kept)


def test_rows_too_long_for_float32():
    """Finite numbers whose squares are not are refused instead of compared."""
    rows = np.full((3, 2), 1e25)
    with pytest.raises(StrategyInputError, match="overflows float32"):
        select(rows, 1, labeled=rows[:1], weights=None, rng=np.random.default_rng(0))
