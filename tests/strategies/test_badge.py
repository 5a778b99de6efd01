"""BADGE: the distribution of k-means++ over gradient embeddings that are never formed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.selector_inputs import predict

from strategies import badge
from strategies.errors import StrategyInputError


def gradients(rows, model=predict):
    """(n, classes * dim) gradient embeddings, formed in full."""
    residuals = model(rows).astype(np.float64)
    residuals[np.arange(len(rows)), residuals.argmax(axis=1)] -= 1.0
    return (residuals[:, :, None] * rows[:, None, :]).reshape(len(rows), -1)


def test_the_first_pick_has_the_longest_gradient():
    """Worked example: at equal lengths of the embeddings the model's least certain item; twice as long, twice as much."""

    def model(rows):
        first = rows[:, 1]
        return np.column_stack((first, 1.0 - first))

    rows = np.array([[1.0, 0.9], [1.0, 0.6], [1.0, 0.2]])
    # |p - onehot| = sqrt(2) * (0.1, 0.4, 0.2), |x| = (1.35, 1.17, 1.02)
    picks = badge.select(rows, 1, labeled=None, weights=None, rng=np.random.default_rng(0), predict=model)
    assert picks.tolist() == [1]
    weights = np.array([1.0, 0.1, 1.0])
    picks = badge.select(rows, 1, labeled=None, weights=weights, rng=np.random.default_rng(0), predict=model)
    assert picks.tolist() == [2]


def expected_second(rows, labeled, weights):
    """Probability of each item to be drawn after the first pick (or first, when something is labeled)."""
    own = gradients(rows)
    lengths = np.linalg.norm(own, axis=1)
    first = int((lengths * np.sqrt(weights)).argmax())
    centres = own[first : first + 1] if labeled is None else gradients(labeled)
    nearest = np.square(own[:, None] - centres).sum(-1).min(axis=1) * weights
    return nearest / nearest.sum()


@pytest.mark.parametrize("with_labels", [False, True])
def test_draws_are_those_of_the_formed_gradients(with_labels):
    """Over many seeds the next pick is drawn in proportion to weight and squared distance in the full space."""
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((9, 3))
    labeled = rng.standard_normal((2, 3)) if with_labels else None
    weights = rng.random(9) + 0.2
    chance = expected_second(rows, labeled, weights)
    draws = 1_000
    place = 0 if with_labels else 1
    found = [
        badge.select(
            rows, 2, labeled=labeled, weights=weights, rng=np.random.default_rng(seed), predict=predict
        )[place]
        for seed in range(draws)
    ]
    counts = np.bincount(found, minlength=9)
    assert (np.abs(counts - draws * chance) <= 5 * np.sqrt(draws * chance + 1)).all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 40), m=st.integers(1, 5))
def test_factored_distances_are_those_of_the_formed_gradients(seed, n, m):
    """|a(x)x - b(y)y|^2 by its factors equals the distance in the full space."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, 4)).astype(np.float32)
    rows[rng.random(n) < 0.3] = rows[0]
    space = badge._Gradients(rows, predict, room=m)
    chosen = rng.integers(0, n, m)
    for position in chosen:
        space.add(int(position))
    full = gradients(rows)
    expected = np.square(full[:, None] - full[chosen]).sum(-1).min(axis=1)
    np.testing.assert_allclose(space.squared(np.arange(n), 0), expected, rtol=1e-6, atol=1e-6)
    assert space.shortest() == pytest.approx(np.linalg.norm(full[chosen], axis=1).min(), rel=1e-6)


def test_the_batch_is_unsure_and_different():
    """Two torn directions in a crowd of sure items: the batch has both, and few of the crowd."""
    rng = np.random.default_rng(0)

    def model(rows):
        odds = np.exp(rows[:, :3] * 6.0)
        return odds / odds.sum(axis=1, keepdims=True)

    sure = np.array([2.0, 0.0, 0.0, 0.0]) + 0.05 * rng.standard_normal((400, 4))
    torn = np.concatenate(
        [
            np.array([1.0, 1.0, 0.0, 2.0]) + 0.02 * rng.standard_normal((20, 4)),
            np.array([0.0, 1.0, 1.0, -2.0]) + 0.02 * rng.standard_normal((20, 4)),
        ]
    )
    rows = np.concatenate((sure, torn))
    picks = badge.select(rows, 6, labeled=None, weights=None, rng=rng, predict=model)
    assert (picks >= 400).sum() >= 5
    assert len({int(pick >= 420) for pick in picks[picks >= 400]}) == 2


def test_a_model_that_is_sure_of_everything_leaves_it_to_chance():
    """Gradients of length 0 make no difference between items: the batch is random and complete."""

    def model(rows):
        return np.tile([1.0, 0.0], (len(rows), 1))

    picks = badge.select(
        np.eye(6), 4, labeled=None, weights=None, rng=np.random.default_rng(0), predict=model
    )
    assert len(set(picks.tolist())) == 4


def test_no_matrix_of_all_predictions():
    """The model is asked block by block, and after one pass only about the few items that come into question."""
    asked = []

    def model(rows):
        asked.append(len(rows))
        return predict(rows)

    rows = np.random.default_rng(0).standard_normal((20_000, 6)).astype(np.float32)
    badge.select(rows, 30, labeled=rows[:50], weights=None, rng=np.random.default_rng(0), predict=model)
    assert max(asked) <= 8_192
    assert sum(asked) < 20_000 + 2_000


def test_predictions_that_are_no_probabilities():
    """Logits are refused with the row."""
    with pytest.raises(StrategyInputError, match="rows are not probabilities"):
        badge.select(
            np.eye(3), 1, labeled=None, weights=None, rng=np.random.default_rng(0), predict=lambda x: 3.0 * x
        )
