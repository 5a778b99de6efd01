"""Every selector keeps one contract; each has a worked example and a case it must win."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.selector_inputs import select

from strategies import coverage, random_
from strategies.errors import StrategyInputError
from strategies.registry import SELECTORS

LOOKING = [name for name in SELECTORS if name != "random"]  # chance does not look at embeddings


def unit(rows):
    """Rows of unit length in float32; rows of zeros stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths == 0, 1, lengths)).astype(np.float32)


@st.composite
def pools(draw):
    """A pool with copies and rows of zeros, a batch size, maybe labeled rows, maybe weights."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    n, dim = draw(st.integers(1, 60)), draw(st.integers(1, 6))
    rows = unit(rng.standard_normal((n, dim)))
    if draw(st.booleans()):
        rows = rows[rng.integers(0, max(1, n // 4), n)]
    if draw(st.booleans()):
        rows[rng.random(n) < 0.3] = 0
    labeled = draw(st.sampled_from([None, 0, 1, 7]))
    labeled = labeled if labeled is None else rows[rng.integers(0, n, labeled)]
    weights = rng.random(n) + 0.01 if draw(st.booleans()) else None
    return rows, draw(st.integers(1, n)), labeled, weights


@pytest.mark.parametrize("name", SELECTORS)
@settings(max_examples=40, deadline=None)
@given(pool=pools(), seed=st.integers(0, 5), uses=st.booleans())
def test_selector_contract(name, pool, seed, uses):
    """Exactly k distinct positions, the same for the same seed; the input is left as it was."""
    rows, k, labeled, weights = pool
    before = rows.copy()

    def pick():
        rng = np.random.default_rng(seed)
        return select(SELECTORS[name], rows, k, labeled=labeled, weights=weights, rng=rng, uses=uses)

    picks = pick()
    assert picks.shape == (k,)
    assert picks.dtype == np.int64
    assert len(set(picks.tolist())) == k
    assert picks.min() >= 0
    assert picks.max() < len(rows)
    np.testing.assert_array_equal(rows, before)
    np.testing.assert_array_equal(picks, pick())


SCRIPT = """
import numpy as np
from support.selector_inputs import select
from strategies.registry import SELECTORS
rng = np.random.default_rng(1)
rows = rng.standard_normal((6_000, 24)).astype(np.float32)
rows /= np.linalg.norm(rows, axis=1, keepdims=True)
for name, selector in SELECTORS.items():
    picks = select(selector, rows[:-300], 40, labeled=rows[-300:], weights=None, rng=np.random.default_rng(3))
    print(name, *picks)
"""


def test_same_picks_in_another_process_on_another_number_of_threads():
    """A seed fixes the batch across processes, whether one thread adds up or two."""
    outputs = []
    for threads in "12":
        environment = {
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "PYTHONPATH": ":".join(sys.path),
        }
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
        )
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
    assert len(outputs[0].splitlines()) == len(SELECTORS)


@pytest.mark.parametrize("name", SELECTORS)
def test_one_item_left(name):
    """The last item of a pool can be asked about."""
    one = np.array([[0.6, 0.8]], dtype=np.float32)
    for labeled in (None, one):
        picks = select(SELECTORS[name], one, 1, labeled=labeled, weights=None, rng=np.random.default_rng(0))
        assert picks.tolist() == [0]


@pytest.mark.parametrize("name", SELECTORS)
def test_thousands_of_equal_rows(name):
    """A pool of copies still gives k distinct items."""
    rows = np.repeat(np.eye(3, dtype=np.float32), 2_000, axis=0)
    picks = select(SELECTORS[name], rows, 50, labeled=rows[:5], weights=None, rng=np.random.default_rng(0))
    assert len(set(picks.tolist())) == 50


@pytest.mark.parametrize("name", ["coverage", "maxherding"])
def test_thousands_of_equal_rows_are_each_covered_once_first(name):
    """Copies come after everything that differs."""
    rows = np.repeat(np.eye(5, dtype=np.float32), 1_000, axis=0)
    picks = select(SELECTORS[name], rows, 8, labeled=None, weights=None, rng=np.random.default_rng(0))
    assert len({int(pick) // 1_000 for pick in picks[:5]}) == 5


@pytest.mark.parametrize("name", SELECTORS)
def test_rows_of_zeros_only(name):
    """A pool in which nothing was recognised still gives k distinct items, with labels of the same kind or without."""
    rows = np.zeros((40, 3), dtype=np.float32)
    for labeled in (None, rows[:2]):
        picks = select(SELECTORS[name], rows, 15, labeled=labeled, rng=np.random.default_rng(0))
        assert len(set(picks.tolist())) == 15


@pytest.mark.parametrize("name", SELECTORS)
def test_what_is_worth_nothing_comes_last(name):
    """Items of weight 0 are picked when there is nothing else."""
    rng = np.random.default_rng(3)
    rows = unit(rng.standard_normal((60, 5)))
    weights = np.where(np.arange(60) % 3 == 0, 0.0, rng.random(60) + 0.1)
    for labeled in (None, unit(rng.standard_normal((4, 5)))):
        picks = select(
            SELECTORS[name], rows, 50, labeled=labeled, weights=weights, rng=np.random.default_rng(0)
        )
        assert (weights[picks[:40]] > 0).all()


@pytest.mark.parametrize("name", SELECTORS)
@pytest.mark.parametrize(("k", "say"), [(4, "Asked for 4 items, 3 are unlabeled"), (0, "at least 1")])
def test_batch_size_that_cannot_be(name, k, say):
    """More than there are, or none: the message has the numbers."""
    with pytest.raises(StrategyInputError, match=say):
        select(
            SELECTORS[name],
            np.eye(3, dtype=np.float32),
            k,
            labeled=None,
            weights=None,
            rng=np.random.default_rng(0),
        )


@pytest.mark.parametrize("name", LOOKING)
def test_nan_is_refused_with_its_place(name):
    """NaN in the pool or in the labeled rows is counted and located."""
    rows = np.ones((5_000, 2), dtype=np.float32)
    rows[[3_000, 4_000], 1] = [np.nan, np.inf]
    rng = np.random.default_rng(0)
    with pytest.raises(
        StrategyInputError, match=r"2 of 5,000 rows of embeddings hold NaN or infinity; first is row 3000"
    ):
        select(SELECTORS[name], rows, 2, labeled=None, weights=None, rng=rng)
    with pytest.raises(StrategyInputError, match="rows of embeddings of labeled items"):
        select(SELECTORS[name], np.eye(2, dtype=np.float32), 1, labeled=rows, weights=None, rng=rng)


@pytest.mark.parametrize("name", LOOKING)
@pytest.mark.parametrize(
    ("rows", "labeled", "say"),
    [
        (np.eye(3), np.eye(2), "2 embedding columns, the pool has 3"),
        (np.ones(3), None, r"float array \(items, dim\)"),
        ([[1.0]], None, "not list"),
    ],
)
def test_arrays_that_do_not_fit(name, rows, labeled, say):
    """Wrong shapes are named for what they are."""
    with pytest.raises(StrategyInputError, match=say):
        select(SELECTORS[name], rows, 1, labeled=labeled, weights=None, rng=np.random.default_rng(0))


@pytest.mark.parametrize("name", SELECTORS)
@pytest.mark.parametrize(
    ("weights", "say"),
    [
        (np.ones(2), r"shape \(3,\)"),
        (np.array([1, -1, np.nan]), "2 of 3 weights"),
        (np.zeros(3), "All 3 weights are zero"),
    ],
)
def test_weights_that_cannot_be(name, weights, say):
    """Weights have one finite number >= 0 per item, and one above 0."""
    with pytest.raises(StrategyInputError, match=say):
        select(
            SELECTORS[name],
            np.eye(3, dtype=np.float32),
            1,
            labeled=None,
            weights=weights,
            rng=np.random.default_rng(0),
        )


def test_random_is_uniform():
    """Every item is drawn as often as any other."""
    rows = np.zeros((10, 1), dtype=np.float32)
    rng = np.random.default_rng(0)
    draws = [random_.select(rows, 3, labeled=None, weights=None, rng=rng) for _ in range(4_000)]
    counts = np.bincount(np.concatenate(draws), minlength=10)
    assert abs(counts - 1_200).max() < 5 * np.sqrt(1_200 * 0.7)


def test_random_draws_in_proportion_to_weights():
    """Weight 3 is drawn first three times as often as weight 1; weight 0 only when nothing else is left."""
    rows = np.zeros((3, 1), dtype=np.float32)
    weights = np.array([3.0, 1.0, 0.0])
    rng = np.random.default_rng(0)
    draws = [random_.select(rows, 3, labeled=None, weights=weights, rng=rng) for _ in range(4_000)]
    first = np.bincount([int(draw[0]) for draw in draws], minlength=3)
    assert abs(first[0] - 3_000) < 5 * np.sqrt(4_000 * 0.75 * 0.25)
    assert all(draw[2] == 2 for draw in draws)


def test_random_wants_a_matrix():
    """A vector is no pool of embeddings."""
    with pytest.raises(StrategyInputError, match="float array"):
        random_.select(np.zeros(3), 1, labeled=None, weights=None, rng=np.random.default_rng(0))


def test_coverage_worked_example():
    """On a line with 0 labeled, the farthest is 10; then 4, which is 4 from 0; then 7, 3 from both sides."""
    rows = np.array([[1.0], [4.0], [10.0], [7.0]])
    picks = coverage.select(rows, 4, labeled=np.zeros((1, 1)), weights=None, rng=np.random.default_rng(0))
    assert picks.tolist() == [2, 1, 3, 0]


def test_coverage_weights_multiply_the_distance():
    """Distance 4 with weight 3 beats distance 10 with weight 1; weight 0 comes last."""
    rows = np.array([[4.0], [10.0], [-20.0]])
    weights = np.array([3.0, 1.0, 0.0])
    picks = coverage.select(rows, 3, labeled=np.zeros((1, 1)), weights=weights, rng=np.random.default_rng(0))
    assert picks.tolist() == [0, 1, 2]


def test_coverage_finds_the_planted_corner():
    """A tiny cluster far away is asked about first."""
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(0, 0.1, (2_000, 8)), rng.normal(0, 0.1, (3, 8)) + 5]).astype(np.float32)
    picks = coverage.select(rows, 1, labeled=rows[:10], weights=None, rng=rng)
    assert picks[0] >= 2_000


def naive_k_center(rows, k, labeled, weights=None):
    """The textbook, in float64: every distance to every center; of equals the first."""
    rows = rows.astype(np.float64)
    nearest = np.full(len(rows), np.inf)

    def add(center):
        gap = rows - center
        np.minimum(nearest, np.einsum("ij,ij->i", gap, gap), out=nearest)

    for center in labeled.astype(np.float64):
        add(center)
    free = np.ones(len(rows), dtype=bool)
    picks = []
    for _ in range(k):
        utility = nearest if weights is None else nearest * weights**2
        picks.append(int(np.where(free, utility, -1).argmax()))
        free[picks[-1]] = False
        add(rows[picks[-1]])
    return picks


def clustered(rng, n, dim):
    centers = rng.standard_normal((12, dim))
    return unit(centers[rng.integers(0, 12, n)] + 0.5 * rng.standard_normal((n, dim)))


def with_copies(rng, n, dim):
    rows = clustered(rng, n, dim)
    rows[n // 3 :] = rows[rng.integers(0, 25, n - n // 3)]
    return rows


def with_zeros(rng, n, dim):
    rows = clustered(rng, n, dim)
    rows[rng.random(n) < 0.4] = 0
    return rows


def on_a_grid(rng, n, dim):
    return np.round(2 * rng.standard_normal((n, dim))).astype(np.float32)


def nearly_equal(rng, n, dim):
    return unit(np.ones((n, dim)) + 1e-6 * rng.standard_normal((n, dim)))


@pytest.mark.parametrize("make", [clustered, with_copies, with_zeros, on_a_grid, nearly_equal])
@pytest.mark.parametrize(
    ("n", "dim", "m", "k", "weighted"),
    [(9_000, 16, 400, 60, False), (5_000, 8, 150, 40, True), (300, 5, 3, 280, False)],
)
def test_coverage_picks_are_those_of_float64(make, n, dim, m, k, weighted):
    """The shortcut leaves no trace: pick by pick the same as all distances in float64, ties and copies included."""
    rng = np.random.default_rng(n + dim)
    rows = make(rng, n, dim)
    labeled = rows[rng.integers(0, n, m)]
    weights = rng.random(n) * (rng.random(n) > 0.2) if weighted else None
    picks = coverage.select(rows, k, labeled=labeled, weights=weights, rng=rng)
    assert picks.tolist() == naive_k_center(rows, k, labeled, weights)


def test_coverage_widens_its_search_when_thousands_are_equally_far():
    """5,000 different items at one distance from each other: the ties are settled by position."""
    rows = np.zeros((5_000, 1_250), dtype=np.float32)
    rows[np.arange(5_000), np.arange(5_000) % 1_250] = np.repeat([1, -1, 2, -2], 1_250)
    labeled = np.zeros((1, 1_250), dtype=np.float32)
    picks = coverage.select(rows, 12, labeled=labeled, weights=None, rng=np.random.default_rng(0))
    assert picks.tolist() == naive_k_center(rows, 12, labeled)
