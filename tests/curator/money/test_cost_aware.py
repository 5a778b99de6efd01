"""What a cheap item is worth against a dear one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.money.cost_aware import FARTHEST, cost_weights

FLAT = np.array([100.0, 200.0, 400.0])


def test_half_the_cost_is_worth_twice_as_much():
    """Against the median, scaled to mean 1: 2, 1 and 1/2 become 12/7, 6/7 and 3/7."""
    np.testing.assert_allclose(cost_weights(FLAT, exponent=1.0), [12 / 7, 6 / 7, 3 / 7])
    np.testing.assert_allclose(cost_weights(FLAT, exponent=0.0), [1.0, 1.0, 1.0])


def test_equal_costs_are_no_weights():
    """Nothing to choose by."""
    assert cost_weights(np.full(5, 3.0)) is None


def test_a_one_word_item_is_not_everything():
    """However cheap an item, it is worth at most `FARTHEST` times the usual one."""
    weights = cost_weights(np.array([1e-6, *[1.0] * 9, 1e6]), exponent=1.0)
    assert weights[0] / weights[5] == pytest.approx(FARTHEST)
    assert weights[5] / weights[-1] == pytest.approx(FARTHEST)


def test_a_dear_class_is_not_shunned():
    """Spam is ten times as long: a short spam beats a long ham, and both classes have the same mean log-weight."""
    costs = np.array([1.0, 2.0, 10.0, 20.0])
    probs = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    weights = cost_weights(costs, lambda: [(0, probs)], exponent=1.0)
    np.testing.assert_allclose(weights[:2], weights[2:])
    assert weights[2] == pytest.approx(2 * weights[1])


@given(st.lists(st.floats(1.0, 1e6), min_size=2, max_size=30), st.integers(1, 7))
def test_blocks_are_as_good_as_one(values, size):
    """Weights are finite, positive, of mean 1, fall with cost where classes are alike, and need not be made at once."""
    costs = np.array(values)
    probs = np.random.default_rng(len(values)).dirichlet(np.ones(3), len(values))
    blocks = [(first, probs[first : first + size]) for first in range(0, len(values), size)]
    whole = cost_weights(costs, lambda: [(0, probs)])
    parts = cost_weights(costs, lambda: blocks)
    if np.ptp(np.log(costs)) < 1e-9:
        assert whole is None
        return
    np.testing.assert_allclose(whole, parts)
    assert (whole > 0).all()
    assert whole.mean() == pytest.approx(1.0)
    order = np.argsort(costs)
    assert (np.diff(cost_weights(costs, exponent=1.0)[order]) <= 1e-12).all()
