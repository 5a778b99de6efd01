"""Nothing is paid twice: copies of what is labeled or asked, and rows of zeros, are asked when nothing else is left."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import selector_inputs

from strategies import registry
from strategies.batch import choose_batch
from strategies.errors import StrategyInputError
from strategies.kernels import distinct
from strategies.kernels.distinct import ArrayCandidates, DistinctPicks, Stage

MIX = {"entropy": 0.3, "margin": 0.2, "auto": 0.3, "random": 0.2}
ALL = [*registry.SCORERS, *registry.SELECTORS, "mix", "outside"]


def unit(rows):
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths == 0, 1, lengths)).astype(np.float32)


def choose(name, rows, labeled, k, *, weights=None, told=None, cosine=0.97):
    """A batch by any strategy; copies of labeled items score best, and the proposer from outside begins with them."""
    n = len(rows)
    near = np.zeros(n) if labeled is None else (rows @ labeled.T).max(axis=1)
    inputs = selector_inputs.inputs(rows, weights=weights)
    if told is not None:
        object.__setattr__(inputs, "tell", told.append)
    order = np.argsort(-near, kind="stable")
    return choose_batch(
        MIX if name == "mix" else name,
        k=k,
        embeddings=rows,
        scores=dict.fromkeys(registry.SCORERS, near),
        labeled=labeled,
        rng=np.random.default_rng(1),
        duplicate_cosine=cosine,
        external={"outside": lambda m: order[:m]},
        inputs=inputs,
    ).positions


def pool_of_twins(seed=0):
    """Sixty items: 20 labeled ones' exact copies, 20 near ones (cosine 0.99), 20 of their own; and the labeled."""
    rng = np.random.default_rng(seed)
    labeled = unit(rng.standard_normal((20, 16)))
    near = unit(labeled + 0.14 * unit(rng.standard_normal((20, 16))))
    return np.concatenate((labeled, near, unit(rng.standard_normal((20, 16))))), labeled


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ALL)
def test_no_copy_of_a_labeled_item_is_asked_while_others_are_left(name, weighted):
    """Whatever chooses, and whatever items cost."""
    rows, labeled = pool_of_twins()
    assert ((rows[20:40] * labeled).sum(axis=1) > 0.975).all()
    weights = np.where(np.arange(60) < 40, 4.0, 1.0) if weighted else None
    assert (choose(name, rows, labeled, 20, weights=weights) >= 40).all()


@pytest.mark.parametrize("name", ALL)
def test_when_only_copies_are_left_they_are_asked_and_it_is_said(name):
    """All that is left comes first, then copies, and a person learns how many."""
    rows, labeled = pool_of_twins()
    told = []
    found = choose(name, rows, labeled, 26, told=told)
    assert (found >= 40).sum() == 20
    assert len(set(found.tolist())) == 26
    assert [sentence for sentence in told if sentence.startswith("6 of the 26 items chosen repeat")]
    # two copies of one item are not asked as long as there are copies of others
    assert len(set((found[found < 40] % 20).tolist())) == 6


@pytest.mark.parametrize("name", ALL)
def test_rows_of_zeros_are_asked_last(name):
    """Nothing was recognised in them: one of them when nothing else is new, the others with the copies."""
    rows, labeled = pool_of_twins()
    rows[40:50] = 0
    told = []
    assert (choose(name, rows, labeled, 10, told=told) >= 50).all()
    assert not [sentence for sentence in told if "zeros" in sentence]
    found = choose(name, rows, labeled, 11, told=told)
    assert ((found >= 40) & (found < 50)).sum() == 1
    assert (found >= 50).sum() == 10
    assert [sentence for sentence in told if "1 of the 11 items chosen" in sentence]
    with_zeros = np.concatenate((labeled, rows[40:41]))
    found = choose(name, rows, with_zeros, 11)
    assert (found >= 50).sum() == 10
    assert len(set(choose(name, rows, labeled, 60).tolist())) == 60


def test_items_that_are_all_alike_are_still_chosen_by_the_strategy():
    """Where everything counts as a copy, a selector goes on choosing: the pool's order is no strategy."""
    rng = np.random.default_rng(0)
    rows = unit(np.array([1.0, *[0.0] * 7]) + 0.02 * rng.standard_normal((200, 8)))
    found = choose("coverage", rows, rows[:1], 10)
    assert found.max() > 20
    assert sorted(found.tolist()) != list(range(10))


def reference(order, k, rows, known, threshold):
    """The plain walk, stage by stage."""

    def wide(array):
        out = np.hstack([array, (~array.any(axis=1))[:, None]]).astype(np.float64)
        return out / np.linalg.norm(out, axis=1, keepdims=True)

    mine, theirs = wide(rows), wide(known)
    again = (mine @ theirs.T >= threshold - 1e-9).any(axis=1)
    near, blank = mine @ mine.T >= threshold - 1e-9, mine[:, -1] == 1
    picks = []
    for stage in Stage:
        for item in order:
            refused = (
                (stage < Stage.BLANK and blank[item])
                or (stage < Stage.KNOWN and again[item])
                or (stage < Stage.ANY and near[item, picks].any())
            )
            if len(picks) < k and item not in picks and not refused:
                picks.append(int(item))
    return picks


@pytest.mark.parametrize("small_blocks", [False, True])
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), threshold=st.sampled_from([0.5, 0.97, 1.0]))
def test_a_ranking_is_walked_stage_by_stage(small_blocks, seed, threshold):
    """Whatever the blocks in which rows are compared."""
    rng = np.random.default_rng(seed)
    n, m, dim = rng.integers(1, 40), rng.integers(0, 12), rng.integers(1, 4)
    rows, known = unit(rng.standard_normal((n, dim))), unit(rng.standard_normal((m, dim)))
    rows[rng.random(n) < 0.2] = 0
    known[rng.random(m) < 0.1] = 0
    rows[rng.random(n) < 0.3] = rows[0]
    if m:
        rows[rng.random(n) < 0.3] = known[0]
    order, k = rng.permutation(n), int(rng.integers(1, n + 1))
    with pytest.MonkeyPatch.context() as patch:
        if small_blocks:
            for name in ("_FIRST_CHUNK", "_LARGEST_CHUNK", "_BLOCK_ROWS"):
                patch.setattr(distinct, name, 3)
        picks = DistinctPicks(ArrayCandidates(rows), threshold, known=known)
        found = picks.from_ranking(order, k).tolist()
        while len(found) < k:
            picks.relax()
            found += picks.from_ranking(order, k - len(found)).tolist()
    assert found == reference(order, k, rows, known, threshold)


class Counting(ArrayCandidates):
    """Counts the rows whose embeddings are read one by one."""

    def __init__(self, embeddings):
        super().__init__(embeddings)
        self.read = 0

    def take(self, positions):
        self.read += len(positions)
        return super().take(positions)


@pytest.mark.parametrize("name", ["margin", "random", "outside"])
def test_only_the_rows_that_come_up_are_compared(name):
    """A pool of 50,000 with 2,000 labeled: a few hundred rows are compared with them, not the pool."""
    rng = np.random.default_rng(0)
    rows = unit(rng.standard_normal((50_000, 8)))
    labeled = rows[:2_000]
    candidates = Counting(rows[1_000:])
    batch = choose_batch(
        name,
        k=100,
        embeddings=candidates,
        scores={"margin": rng.random(49_000)},
        labeled=labeled,
        rng=rng,
        duplicate_cosine=0.999,
        external={"outside": lambda m: np.arange(900, 900 + m)},
    )
    assert (batch.positions >= 1_000).all()
    assert candidates.read < 2_000


def test_a_selector_that_proposes_copies_again_and_again():
    """Rows are compared with what is labeled once at most, and the batch is full."""
    rng = np.random.default_rng(0)
    labeled = unit(rng.standard_normal((300, 8)))
    rows = np.concatenate((labeled, unit(rng.standard_normal((20, 8)))))
    asked = []

    def stubborn(pool, want, _embeddings):
        asked.append(want)
        return np.arange(want)

    picks = DistinctPicks(ArrayCandidates(rows), 0.999, known=labeled)
    assert picks.from_selector(stubborn, 15).tolist() == list(range(300, 315))
    assert len(asked) <= 4


def test_labeled_items_of_another_width_are_refused():
    """By a scorer too, which never looked at them before."""
    with pytest.raises(StrategyInputError, match="Use one encoder for both"):
        choose_batch(
            "margin",
            k=1,
            embeddings=np.eye(3, dtype=np.float32),
            scores={"margin": np.ones(3)},
            labeled=np.eye(2, dtype=np.float32),
            rng=np.random.default_rng(0),
        )
