"""The default strategy: what goes on its shortlist, and what it picks there."""

import numpy as np
import pytest

from strategies import auto, maxherding
from strategies.errors import StrategyInputError
from strategies.inputs import say_nothing


def unit(rows):
    """Rows of unit length in float32."""
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def rows():
    """800 rows in ten clusters."""
    rng = np.random.default_rng(0)
    centres = 2 * rng.standard_normal((10, 12))
    return unit(centres[rng.integers(10, size=800)] + 0.4 * rng.standard_normal((800, 12)))


def pick(embeddings, k, uncertainty, *, labeled=None, weights=None, seed=0, tell=say_nothing):
    """Auto with a generator of its own."""
    rng = np.random.default_rng(seed)
    return auto.select(
        embeddings, k, labeled=labeled, weights=weights, rng=rng, uncertainty=uncertainty, tell=tell
    )


def test_before_there_is_a_model_it_is_maxherding(rows):
    """The same picks in the same order."""
    expected = maxherding.select(rows, 9, labeled=rows[:4], weights=None, rng=np.random.default_rng(0))
    assert pick(rows, 9, None, labeled=rows[:4]).tolist() == expected.tolist()


@pytest.mark.parametrize(("k", "size"), [(3, 30), (9, 90), (100, 800)])
def test_it_covers_the_ten_batches_that_are_most_uncertain(rows, k, size):
    """MaxHerding's picks on that part of the pool alone."""
    uncertainty = np.random.default_rng(1).permutation(800) / 800
    shortlist = np.flatnonzero(uncertainty >= (800 - size) / 800)
    assert len(shortlist) == size
    expected = maxherding.select(
        rows[shortlist], k, labeled=rows[:5], weights=None, rng=np.random.default_rng(0)
    )
    assert pick(rows, k, uncertainty, labeled=rows[:5]).tolist() == shortlist[expected].tolist()


def test_equal_uncertainty_prefers_no_end_of_the_pool(rows):
    """A model that is unsure of everything alike: the shortlist is a random part, another one for another seed."""
    alike = np.full(800, 0.5)
    picks = [pick(rows, 5, alike, seed=seed) for seed in range(4)]
    assert max(found.max() for found in picks) > 400
    assert len({tuple(found) for found in picks}) == 4


def test_copies_do_not_crowd_out_the_shortlist(rows):
    """Five hundred copies of the most uncertain item: one of them is picked, the others go to the next uncertain ones."""
    crowded = np.concatenate((np.repeat(rows[:1], 500, axis=0), rows))
    uncertainty = np.concatenate((np.ones(500), np.linspace(0.9, 0.1, 800)))
    picks = pick(crowded, 10, uncertainty)
    assert len(np.unique(crowded[picks], axis=0)) == 10


def test_weights_count_before_and_on_the_shortlist(rows):
    """Of the uncertain the cheap are listed; what has no weight comes last."""
    weights = np.where(np.arange(800) < 100, 1.0, 1e-3)
    assert pick(rows, 5, np.full(800, 0.5), weights=weights).max() < 100
    weights = (np.arange(800) < 7).astype(float)
    assert set(range(7)) == set(pick(rows, 9, np.linspace(0, 1, 800), weights=weights)[:7].tolist())


def test_it_says_what_an_estimate_may_miss():
    """Above 10,000 items coverage is judged by a sample, and the loss is told; below nothing is."""
    rows = unit(np.random.default_rng(0).standard_normal((12_000, 8)))
    told: list[str] = []
    pick(rows[:9_000], 5, None, tell=told.append)
    assert told == []
    pick(rows, 5, None, tell=told.append)
    pick(rows, 1_100, np.full(12_000, 0.5), tell=told.append)
    assert [sentence[: sentence.index("about")] for sentence in told] == [
        "Coverage of 12,000 items was judged by a sample of them: ",
        "Coverage of 11,000 uncertain items was judged by a sample of them: ",
    ]


@pytest.mark.parametrize("uncertainty", [np.ones(3), np.full(800, 1.2), np.full(800, np.nan)])
def test_uncertainty_that_cannot_be(rows, uncertainty):
    """Of another length, or outside [0, 1]: said."""
    with pytest.raises(StrategyInputError, match="ncertaint"):
        pick(rows, 3, uncertainty)
