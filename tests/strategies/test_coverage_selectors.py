"""ProbCover, facility location, ranked batch: the picks of their plain dense versions, at any number of items."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies import facility_location, probcover, ranked_batch
from strategies.kernels import lazy_greedy as kernel
from strategies.kernels.lazy_greedy import lazy_greedy


def rng(seed=0):
    return np.random.default_rng(seed)


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def clustered(draw, n, dim):
    middles = draw.standard_normal((12, dim))
    return unit(middles[draw.integers(0, 12, n)] + 0.4 * draw.standard_normal((n, dim)))


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 120),
    k=st.integers(1, 30),
    first=st.sampled_from((3, 1_024)),
)
def test_lazy_greedy_is_the_plain_greedy(seed, n, k, first):
    """The same picks in the same order, ties by position, and it ends when nothing is gained; however few it orders first."""
    sets = rng(seed).random((n, 15)) < 0.2
    open_items = np.ones(15, dtype=bool)
    state = {"open": open_items}

    def gain(rows):
        return (sets[rows] & state["open"]).sum(axis=1).astype(float)

    def take(row):
        state["open"] = state["open"] & ~sets[row]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "_FIRST", first)
        picks = lazy_greedy(n, k, gain, take)
    left, expected = open_items, []
    while len(expected) < k:
        gains = (sets & left).sum(axis=1)
        if gains.max() == 0:
            break
        expected.append(int(gains.argmax()))
        left = left & ~sets[expected[-1]]
    assert picks == expected


def plain_probcover(rows, k, labeled, radius, weights):
    """All pairs in float64; ends when all is covered."""
    inside = np.square(rows[:, None].astype(np.float64) - rows).sum(-1) <= radius**2
    left = np.ones(len(rows), dtype=bool)
    if labeled is not None:
        left &= ~(np.square(rows[:, None].astype(np.float64) - labeled).sum(-1) <= radius**2).any(axis=1)
    picks = []
    while len(picks) < k and (inside & left).any():
        picks.append(int(((inside & left).sum(axis=1) * weights).argmax()))
        left &= ~inside[picks[-1]]
    return picks


@pytest.mark.parametrize(("n", "m", "weighted"), [(1_500, 0, False), (1_100, 20, True), (90, 5, False)])
def test_probcover_picks_are_those_of_all_pairs(monkeypatch, n, m, weighted):
    """At a given radius the bit graph leaves no trace, across the edges of its blocks too."""
    radius = 0.61
    monkeypatch.setattr(probcover, "ball_radius", lambda *_args, **_more: radius)
    rows = clustered(rng(n), n, 8)
    labeled = rows[:m] + np.float32(0.01) if m else None
    weights = rng(1).random(n) + 0.1 if weighted else np.ones(n)
    expected = plain_probcover(rows, 25, labeled, radius, weights)
    picks = probcover.select(rows, 25, labeled=labeled, weights=weights, rng=rng())
    assert picks[: len(expected)].tolist() == expected


def test_probcover_worked_example(monkeypatch):
    """Radius 1 on a line: 1 covers {0, 1, 2}, then 10 covers itself; 5.5 and 6.5 cover each other before that."""
    monkeypatch.setattr(probcover, "ball_radius", lambda *_args, **_more: 1.0)
    line = np.array([[0.0], [1.0], [2.0], [10.0], [5.5], [6.5]])
    picks = probcover.select(line, 3, labeled=None, weights=None, rng=rng())
    assert picks.tolist() == [1, 4, 3]
    assert probcover.select(line, 1, labeled=line[:2], weights=None, rng=rng()).tolist() == [4]


def test_the_radius_keeps_balls_pure():
    """Ten heaps 10 apart: balls reach far, but not into the next heap; of one heap alone the radius is infinite."""
    draw = rng(2)
    middles = 10.0 * np.eye(10)
    rows = (middles[np.arange(600) % 10] + 0.1 * draw.standard_normal((600, 10))).astype(np.float32)
    radius = probcover.ball_radius(rows, 10, rng=rng())
    assert 1.0 < radius < 14.2
    inside = np.square(rows[:, None] - rows).sum(-1) <= radius**2
    pure = [(np.flatnonzero(line) % 10 == i % 10).all() for i, line in enumerate(inside)]
    assert np.mean(pure) >= 0.9
    assert probcover.ball_radius(np.ones((30, 2)), 10, rng=rng()) == np.inf


def test_probcover_takes_each_heap_before_any_twice():
    """One item from each of ten heaps, the labeled one left out; then chance: a batch of ten still has ten."""
    draw = rng(3)
    heap = np.arange(900) % 10
    rows = (10.0 * np.eye(10)[heap] + 0.1 * draw.standard_normal((900, 10))).astype(np.float32)
    picks = probcover.select(rows, 10, labeled=rows[:1], weights=None, rng=rng())
    assert sorted(heap[picks[:9]].tolist()) == list(range(1, 10))
    assert len(set(picks.tolist())) == 10


def test_probcover_on_a_sample_covers_nearly_as_much(monkeypatch):
    """From a third of the pool the share covered stays within 5 points of that from all."""
    monkeypatch.setattr(probcover, "ball_radius", lambda *_args, **_more: 0.7)
    rows = clustered(rng(5), 3_000, 8)

    def covered(picks):
        return (np.square(rows[:, None] - rows[picks]).sum(-1) <= 0.49).any(axis=1).mean()

    full = covered(probcover.select(rows, 20, labeled=None, weights=None, rng=rng()))
    monkeypatch.setattr(probcover, "_MAX_ROWS", 1_000)
    assert covered(probcover.select(rows, 20, labeled=None, weights=None, rng=rng())) > full - 0.05


def similarities(rows, others):
    return np.maximum(rows.astype(np.float64) @ others.T.astype(np.float64), 0.0)


def plain_facility(rows, k, labeled, weights):
    kernel = similarities(rows, rows)
    covered = similarities(rows, labeled).max(axis=1) if labeled is not None else np.zeros(len(rows))
    picks = []
    for _ in range(k):
        gains = np.maximum(kernel - covered[:, None], 0.0).sum(axis=0) * weights
        gains[picks] = -1
        picks.append(int(gains.argmax()))
        covered = np.maximum(covered, kernel[:, picks[-1]])
    return picks


@pytest.mark.parametrize(("n", "m", "weighted"), [(1_300, 0, False), (700, 9, True), (60, 3, False)])
def test_facility_location_picks_are_those_of_all_pairs(n, m, weighted):
    """The lazy search on the half-computed kernel gives the picks of the plain greedy in float64, but for near ties."""
    rows = clustered(rng(n), n, 12)
    labeled = rows[:m] if m else None
    weights = rng(1).random(n) + 0.1 if weighted else np.ones(n)
    picks = facility_location.select(rows, 30, labeled=labeled, weights=weights, rng=rng())
    expected = plain_facility(rows, 30, labeled, weights)
    # of two items that are only like each other either adds the same; rounding says which of them is picked
    assert picks[:15].tolist() == expected[:15]
    kernel = similarities(rows, rows)
    assert kernel[:, picks].max(axis=1).sum() >= (1 - 1e-6) * kernel[:, expected].max(axis=1).sum()


def test_facility_location_worked_example():
    """Of three directions the one between two others represents all best; the opposite one comes next."""
    rows = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [-3.0, -3.0]])
    picks = facility_location.select(rows, 2, labeled=None, weights=None, rng=rng())
    assert picks.tolist() == [1, 3]


def test_facility_location_on_samples_loses_little(monkeypatch):
    """With a third of the pool as candidates and as targets the objective stays within 2 % of the dense greedy."""
    rows = clustered(rng(6), 1_500, 8)
    best = plain_facility(rows, 20, None, np.ones(1_500))
    monkeypatch.setattr(facility_location, "_MAX_KERNEL", 250_000)
    monkeypatch.setattr(facility_location, "_MAX_CANDIDATES", 500)
    picks = facility_location.select(rows, 20, labeled=None, weights=None, rng=rng())
    kernel = similarities(rows, rows)
    assert kernel[:, picks].max(axis=1).mean() >= 0.98 * kernel[:, best].max(axis=1).mean()


def plain_ranked(rows, k, labeled, uncertainty, weights):
    rows = rows.astype(np.float64)
    known, picks = list(labeled.astype(np.float64)), []
    for place in range(k):
        away = np.sqrt(np.square(rows[:, None] - np.array(known)).sum(-1)).min(axis=1)
        alpha = (len(rows) - place) / (len(rows) + len(labeled))
        score = (alpha * (1 - 1 / (1 + away)) + (1 - alpha) * uncertainty) * weights
        score[picks] = -1
        picks.append(int(score.argmax()))
        known.append(rows[picks[-1]])
    return picks


@pytest.mark.parametrize(("n", "m", "weighted"), [(1_200, 100, False), (400, 800, True), (40, 3, False)])
def test_ranked_batch_picks_are_those_of_all_pairs(n, m, weighted):
    """Old distances are upper bounds: looking only at the best gives the picks of the plain pass in float64."""
    rows = clustered(rng(n), n + m, 6)
    rows, labeled = rows[:n], rows[n:]
    uncertainty = rng(2).random(n)
    weights = rng(1).random(n) + 0.1 if weighted else None
    picks = ranked_batch.select(
        rows, 35, labeled=labeled, weights=weights, rng=rng(), uncertainty=uncertainty
    )
    expected = plain_ranked(rows, 35, labeled, uncertainty, np.ones(n) if weights is None else weights)
    assert picks.tolist() == expected


def test_ranked_batch_gives_what_modal_gives():
    """The same items as modAL's ranked batch for the same uncertainty."""
    from modAL.batch import ranked_batch as theirs

    class Learner:
        on_transformed = False

    learner = Learner()
    rows = clustered(rng(8), 330, 5).astype(np.float64)
    learner.X_training = rows[300:]
    uncertainty = rng(3).random(300).astype(np.float32)
    expected, _ = theirs(learner, rows[:300], uncertainty, 15, metric="euclidean", n_jobs=None)
    picks = ranked_batch.select(
        rows[:300], 15, labeled=rows[300:], weights=None, rng=rng(), uncertainty=uncertainty
    )
    assert picks.tolist() == expected.tolist()


def test_ranked_batch_worked_example():
    """Unlabeled 1 and 2, labeled 0, alpha 2/3: 1 scores 2/3 * 1/2 + 1/3 * 1, 2 scores 2/3 * 2/3 + 1/3 * 0.5."""
    rows = np.array([[1.0], [2.0]])
    picks = ranked_batch.select(
        rows, 1, labeled=np.zeros((1, 1)), weights=None, rng=rng(), uncertainty=np.array([1.0, 0.5])
    )
    assert picks.tolist() == [0]
    picks = ranked_batch.select(
        rows, 1, labeled=np.zeros((1, 1)), weights=None, rng=rng(), uncertainty=np.array([0.5, 0.5])
    )
    assert picks.tolist() == [1]


def test_ranked_batch_begins_in_the_middle():
    """With nothing labeled the first pick is the item nearest to the mean of the pool, the second far from it."""
    line = np.array([[0.0], [4.0], [5.0], [11.0]])
    picks = ranked_batch.select(line, 2, labeled=None, weights=None, rng=rng(), uncertainty=np.zeros(4))
    assert picks.tolist() == [2, 3]
