"""MaxHerding and uncertainty herding: the greedy choice of the dense kernel, and how little sampling loses."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies import coverage, maxherding, uncertainty_herding
from strategies.errors import StrategyInputError
from strategies.kernels import herding
from strategies.kernels.herding import draw_in_proportion, herd
from strategies.kernels.neighbour_graph import build
from strategies.kernels.neighbours import Neighbours


def unit(rows):
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths == 0, 1, lengths)).astype(np.float32)


def clustered(rng, n, dim, heaps=12):
    centers = rng.standard_normal((heaps, dim))
    return unit(centers[rng.integers(0, heaps, n)] + 0.5 * rng.standard_normal((n, dim)))


def pick(rows, k, labeled=None, weights=None, uncertainty=None, seed=0, **more):
    rng = np.random.default_rng(seed)
    if uncertainty is None:
        return maxherding.select(rows, k, labeled=labeled, weights=weights, rng=rng, **more)
    return uncertainty_herding.select(
        rows, k, labeled=labeled, weights=weights, rng=rng, uncertainty=uncertainty, **more
    )


def dense_herding(rows, k, labeled=None, worth=None, weights=None):
    """Naive greedy on the full float64 kernel; returns the picks, the kernel's width and the coverage."""
    rows = rows.astype(np.float64)
    known = np.empty((0, rows.shape[1])) if labeled is None else labeled.astype(np.float64)
    worth = np.ones(len(rows)) if worth is None else worth
    weights = np.ones(len(rows)) if weights is None else weights
    squared = np.square(rows[:, None] - rows).sum(-1)
    rank = int(np.clip(round(len(rows) / (k + len(known))), 1, len(rows) - 1))
    step = max(1, len(rows) // 256)
    width = float(np.sqrt(np.median(np.sort(squared[::step][:256], axis=1)[:, rank])))
    kernel = np.exp(-squared / (2 * width**2))
    to_known = np.exp(-np.square(rows[:, None] - known).sum(-1) / (2 * width**2))
    covered, picks = to_known.max(axis=1, initial=0.0), []
    for _ in range(k):
        gains = np.maximum(kernel - covered, 0) @ worth * weights
        gains[picks] = -1
        picks.append(int(gains.argmax()))
        covered = np.maximum(covered, kernel[picks[-1]])
    return picks, width, float(covered @ worth / worth.sum())


def coverage_of(rows, picks, width, labeled=None, worth=None):
    known = rows[picks] if labeled is None else np.concatenate((labeled, rows[picks]))
    nearest = np.full(len(rows), np.inf)
    for row in known.astype(np.float64):
        nearest = np.minimum(nearest, np.square(rows - row).sum(axis=1))
    return float(np.average(np.exp(-nearest / (2 * width**2)), weights=worth))


def test_maxherding_worked_example():
    """Of two heaps the larger is covered first, then the smaller; never two from one heap."""
    rows = np.array([[0.0], [0.1], [0.2], [9.0], [9.1]])
    picks = pick(rows, 2)
    assert picks[0] == 1
    assert picks[1] in (3, 4)


def test_uncertainty_herding_worked_example():
    """The smaller heap is the uncertain one, so it comes first; the middle of the other heap follows."""
    rows = np.array([[0.0], [0.1], [0.2], [9.0], [9.1]])
    picks = pick(rows, 2, uncertainty=np.array([0.1, 0.1, 0.1, 1.0, 0.9]))
    assert picks.tolist() == [3, 1]


def test_where_nothing_is_uncertain_it_is_maxherding():
    """A model that is sure of everything says nothing about what to cover."""
    rows = clustered(np.random.default_rng(1), 300, 6)
    assert pick(rows, 9, uncertainty=np.zeros(300)).tolist() == pick(rows, 9).tolist()
    assert pick(rows, 9, uncertainty=np.full(300, 0.25)).tolist() == pick(rows, 9).tolist()


@pytest.mark.parametrize("bad", [np.ones(4), np.full(5, 1.5), np.array([0, 0, np.nan, 0, 0])])
def test_uncertainty_that_cannot_be(bad):
    """One number in [0, 1] per item."""
    with pytest.raises(StrategyInputError, match="ncertaint"):
        pick(np.eye(5, dtype=np.float32), 2, uncertainty=bad)


def test_uncertainty_herding_goes_where_classes_meet_and_stays_in_the_crowd():
    """Of an uncertain crowd, a lone uncertain outlier and a sure crowd, the uncertain crowd is picked from."""
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(0, 0.3, (80, 2)), rng.normal(6, 0.3, (40, 2)), [[40.0, -40.0]]])
    uncertainty = np.concatenate([np.full(80, 0.01), np.full(40, 0.9), [1.0]])
    assert 80 <= pick(rows, 1, uncertainty=uncertainty)[0] < 120
    assert pick(rows, 1)[0] < 80


def test_maxherding_leaves_labeled_heaps_and_outliers():
    """With one heap labeled it goes to the other heap, not to the lone outlier that k-center would take."""
    rng = np.random.default_rng(0)
    heaps = np.concatenate([rng.normal(0, 0.3, (60, 2)), rng.normal(6, 0.3, (60, 2)), [[40.0, -40.0]]])
    assert 60 <= pick(heaps, 1, labeled=heaps[:3])[0] < 120
    assert coverage.select(heaps, 1, labeled=heaps[:3], weights=None, rng=rng)[0] == 120


def test_weights_multiply_the_gain_of_choosing():
    """The heap to cover stays the large one, but of its items the cheap one is chosen; weight 0 comes last of all."""
    rows = np.array([[0.0], [0.1], [0.2], [9.0], [9.1]])
    assert pick(rows, 1, weights=np.array([1, 1, 3.0, 1, 1]))[0] == 2
    assert pick(rows, 5, weights=np.array([1, 0, 1, 1, 1.0]))[-1] == 1
    assert pick(rows, 1, weights=np.array([1, 1, 1, 9, 1.0]))[0] == 3


@pytest.mark.parametrize("k", [1, 10, 60])
@pytest.mark.parametrize("kind", ["plain", "labeled", "uncertain", "weighted"])
@pytest.mark.parametrize("way", ["whole kernel", "near pairs", "sample of everyone"])
def test_the_picks_are_those_of_the_dense_greedy(monkeypatch, k, kind, way):
    """Pick by pick the choice of the full float64 kernel, whatever is kept of it."""
    monkeypatch.setattr(herding, "_FEW_NEAR", 1.0 if way == "near pairs" else 0.0)
    monkeypatch.setattr(herding, "_ALL_PAIRS", 0 if way == "sample of everyone" else 10_000)
    rng = np.random.default_rng(5)
    rows = clustered(rng, 700, 12)
    labeled = rows[:30] + 0.01 if kind == "labeled" else None
    worth = rng.random(700).astype(np.float32) if kind == "uncertain" else None
    weights = rng.random(700) + 0.2 if kind == "weighted" else None
    expected, width, best = dense_herding(rows, k, labeled, worth, weights)
    found = herd(rows, k, labeled=labeled, worth=worth, weights=weights, rng=np.random.default_rng(0))
    assert found.positions.tolist() == expected
    assert found.width == pytest.approx(width, rel=1e-4)
    assert found.coverage == pytest.approx(best, rel=1e-4)
    everyone = ("sample", pytest.approx(0.0, abs=1e-6))
    assert (found.method, found.estimated_loss) == (
        everyone if way == "sample of everyone" else ("all pairs", 0.0)
    )
    before = 0.0 if labeled is None else coverage_of(rows, [], width, labeled)
    assert before + found.gains.sum() == pytest.approx(best, rel=1e-4)


def test_all_pairs_kernel_rows_and_near_pairs_agree(monkeypatch):
    """However few pairs fit into memory, and so whenever the search changes over, the picks are those of all pairs."""
    rows = clustered(np.random.default_rng(2), 900, 10)
    picks = [pick(rows, 40).tolist()]
    monkeypatch.setattr(
        herding, "_ALL_PAIRS", 0
    )  # a sample of everyone, which it takes from 4,096 items down
    for room in (10**9, 100_000, 20_000, 0):
        monkeypatch.setattr(herding, "_MOST_PAIRS", room)
        picks.append(pick(rows, 40).tolist())
    assert picks[1:] == picks[:-1]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 60), copies=st.booleans(), sampled=st.booleans())
def test_contract_in_every_way_of_computing(seed, n, copies, sampled):
    """k distinct items; the same seed, the same batch; gains are never negative; copies only when all else is picked."""
    rng = np.random.default_rng(seed)
    rows = unit(rng.standard_normal((n, 4)))
    if copies:
        rows = rows[rng.integers(0, max(1, n // 3), n)]
    k = int(rng.integers(1, n + 1))
    uncertainty = rng.random(n)
    with pytest.MonkeyPatch.context() as patch:
        if sampled:
            for name in ("_ALL_PAIRS", "_FEWEST_TARGETS", "_FEWEST_CANDIDATES", "_START_PAIRS"):
                patch.setattr(herding, name, 0)
        found, again = (
            herd(rows, k, labeled=None, worth=uncertainty, weights=None, rng=np.random.default_rng(seed))
            for _ in range(2)
        )
    np.testing.assert_array_equal(found.positions, again.positions)
    assert len(set(found.positions.tolist())) == k
    assert (found.gains >= 0).all()
    assert 0 <= found.coverage <= 1 + 1e-6
    distinct = len(np.unique(rows[found.positions], axis=0))
    assert distinct == min(k, len(np.unique(rows, axis=0)))


@pytest.mark.parametrize("uncertain", [False, True])
def test_samples_lose_little(monkeypatch, uncertain):
    """With a third of the pool as targets and as candidates the coverage stays within 3 % of the dense greedy."""
    for name, size in (
        ("_ALL_PAIRS", 100),
        ("_MOST_TARGETS", 500),
        ("_FEWEST_TARGETS", 400),
        ("_FEWEST_CANDIDATES", 500),
        ("_MOST_CANDIDATES", 500),
    ):
        monkeypatch.setattr(herding, name, size)
    rng = np.random.default_rng(6)
    rows = clustered(rng, 1_500, 8)
    worth = rng.random(1_500) ** 3 if uncertain else None
    _, width, best = dense_herding(rows, 20, worth=worth)
    found = herd(rows, 20, labeled=None, worth=worth, weights=None, rng=rng)
    assert found.method == "sample"
    assert coverage_of(rows, found.positions, width, worth=worth) >= 0.97 * best
    assert 0 <= found.estimated_loss < 0.05
    assert found.coverage == pytest.approx(
        coverage_of(rows, found.positions, found.width, worth=worth), abs=0.02
    )


def test_the_graph_suffices_when_labels_are_dense(monkeypatch):
    """With a label next to every item the neighbour lists hold what matters: all items count, and hardly any is lost."""
    monkeypatch.setattr(herding, "_ALL_PAIRS", 100)
    rng = np.random.default_rng(4)
    rows = clustered(rng, 1_500, 8)
    free, labeled = rows[300:], rows[:300]
    worth = rng.random(1_200)
    graph, _ = build(free, rng=rng)
    found = herd(free, 40, labeled=labeled, worth=worth, weights=None, neighbours=graph, rng=rng)
    assert found.method == "graph"
    assert found.estimated_loss < 0.01
    _, width, best = dense_herding(free, 40, labeled, worth)
    assert coverage_of(free, found.positions, width, labeled, worth) >= 0.99 * best


def test_the_graph_is_not_used_where_it_misses_what_matters(monkeypatch):
    """At the start, on rows of other lengths, or with lists full of copies, the sample is used and nothing is lost."""
    monkeypatch.setattr(herding, "_ALL_PAIRS", 100)
    rng = np.random.default_rng(4)
    rows = clustered(rng, 600, 8)
    graph, _ = build(rows, k=8, rng=rng)

    def method(rows, graph, labeled=None):
        return herd(rows, 5, labeled=labeled, worth=None, weights=None, neighbours=graph, rng=rng).method

    assert method(rows, graph) == "sample"
    assert method(2 * rows, graph, 2 * rows[:300]) == "sample"
    copies = np.repeat(rows[:20], 30, axis=0)
    assert method(copies, build(copies, k=8, rng=rng)[0], copies[:30]) == "sample"
    with pytest.raises(StrategyInputError, match="graph has 600 items, but there are 500"):
        herd(rows[:500], 5, labeled=None, worth=None, weights=None, neighbours=graph, rng=rng)


def test_copies_in_the_graph_count_once(monkeypatch):
    """Through the graph, too, a copy of a pick is worth nothing more, and of copies the heaviest is picked."""
    monkeypatch.setattr(herding, "_ALL_PAIRS", 10)
    monkeypatch.setattr(herding, "_GRAPH_LOSS", 1.0)
    rows = np.repeat(unit(np.random.default_rng(0).standard_normal((30, 6))), 4, axis=0)
    weights = np.ones(120)
    weights[3::4] = 2.0
    graph, _ = build(rows, rng=np.random.default_rng(0))
    rng = np.random.default_rng(1)
    found = herd(rows, 30, labeled=None, worth=None, weights=weights, neighbours=graph, rng=rng)
    assert found.method == "graph"
    assert sorted(found.positions // 4) == list(range(30))
    assert (found.positions % 4 == 3).all()


def test_all_items_lost_their_neighbours(monkeypatch):
    """Lists that hold nothing promise nothing."""
    monkeypatch.setattr(herding, "_ALL_PAIRS", 10)
    rows = clustered(np.random.default_rng(0), 50, 4)
    empty = Neighbours(np.full((50, 3), -1, np.int32), np.zeros((50, 3), np.float32))
    rng = np.random.default_rng(1)
    found = herd(rows, 4, labeled=rows[:2], worth=None, weights=None, neighbours=empty, rng=rng)
    assert found.method == "sample"


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 400), size=st.integers(1, 100))
def test_a_drawn_sample_stands_for_all(seed, n, size):
    """About as many as asked, none of them worth nothing, and together worth what all are worth."""
    rng = np.random.default_rng(seed)
    worth = rng.random(n) ** 6 * (rng.random(n) > 0.3)
    worth[0] = 1.0
    drawn, stands_for = draw_in_proportion(worth, size, rng)
    assert len(np.unique(drawn)) == len(drawn)
    assert abs(len(drawn) - min(size, np.count_nonzero(worth))) <= 1
    assert (worth[drawn] > 0).all()
    certain = np.isclose(stands_for, worth[drawn], rtol=1e-6)
    assert (stands_for >= worth[drawn] * (1 - 1e-6)).all()
    left = worth.sum() - worth[drawn[certain]].sum()
    if (~certain).any():
        assert stands_for[~certain].sum() == pytest.approx(left, abs=2 * stands_for[~certain].max())


SCRIPT = """
import numpy as np
from strategies.kernels.herding import herd
rng = np.random.default_rng(1)
rows = rng.standard_normal((11_500, 16)).astype(np.float32)
rows /= np.linalg.norm(rows, axis=1, keepdims=True)
for labeled in (None, rows[-1_000:]):
    found = herd(rows[:-1_000], 30, labeled=labeled, worth=rng.random(10_500), weights=None, rng=np.random.default_rng(3))
    print(found.method, *found.positions)
"""


def test_sampled_picks_do_not_depend_on_threads():
    """The sampled way, too, gives the same batch in another process on one thread and on two."""
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
    assert outputs[0].count("sample") == 2


def test_copies_do_not_set_the_scale():
    """Most of the pool are copies of one item, whose distances are rounding: the kernel is as wide as what differs is apart."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((900, 384)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[rng.permutation(900)[:600]] = rows[0]
    found = herd(rows, 5, labeled=None, worth=None, weights=None, rng=rng)
    assert found.width > 1.0
