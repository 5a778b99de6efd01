"""What the random arm says of the live pool: accuracy, class balance, and LURE for unequal draws."""

from itertools import permutations

import numpy as np
import pytest

from curator.errors import DataError
from curator.money.pool_estimate import ArmItem, accuracy, balance, lure, lure_weights, wilson


def test_wilson_by_hand():
    """8 of 10 at 95%: the textbook's 0.490 to 0.943; none of 10 reaches up to 0.278."""
    share = wilson(8, 10)
    assert (share.value, round(share.low, 3), round(share.high, 3)) == (0.8, 0.49, 0.943)
    nothing = wilson(0, 10)
    assert (nothing.low, round(nothing.high, 3)) == (0.0, 0.278)


def test_lure_weights_by_hand():
    """Three items, two draws: the first drawn with 1/2, the second among two with 1/4.

    v1 = 1 + (3-2)/(3-1) * (1/(3 * 1/2) - 1) = 1 + 1/2 * (-1/3) = 5/6
    v2 = 1 + (3-2)/(3-2) * (1/(2 * 1/4) - 1) = 1 + 1 * 1 = 2
    """
    np.testing.assert_allclose(lure_weights(np.array([0.5, 0.25]), 3), [5 / 6, 2.0])


def test_uniform_draws_weigh_the_same():
    """Drawn uniformly without replacement every loss counts once, and so does it when the pool is exhausted."""
    np.testing.assert_allclose(lure_weights(1 / np.arange(10, 4, -1), 10), 1.0)
    np.testing.assert_array_equal(lure_weights(np.array([0.7, 0.6, 1.0]), 3), 1.0)


@pytest.mark.parametrize("drawn", [1, 2, 3, 4])
def test_lure_is_unbiased(drawn):
    """Over every possible sequence of draws, with their probabilities, the mean estimate is the pool's mean loss."""
    losses, worth = np.array([1.0, 0.0, 0.0, 1.0, 0.3]), np.array([5.0, 1.0, 2.0, 1.0, 0.5])
    expected, plain, total = 0.0, 0.0, 0.0
    for sequence in permutations(range(5), drawn):
        left, q = worth.sum(), []
        for item in sequence:
            q.append(worth[item] / left)
            left -= worth[item]
        chance = float(np.prod(q))
        weights = lure_weights(np.array(q), 5)
        expected += chance * float((weights * losses[list(sequence)]).mean())
        plain += chance * float(losses[list(sequence)].mean())
        total += chance
    assert total == pytest.approx(1.0)
    assert expected == pytest.approx(losses.mean())
    assert abs(plain - losses.mean()) > 0.01  # without the weights it is not


def test_lure_refuses_what_cannot_be():
    """A probability of 0, more draws than items, a single draw: said, not guessed."""
    with pytest.raises(DataError, match="above 0"):
        lure_weights(np.array([0.5, 0.0]), 10)
    with pytest.raises(DataError, match="1 to 2 draws"):
        lure_weights(np.array([0.5, 0.5, 0.5]), 2)
    with pytest.raises(DataError, match="two draws"):
        lure(np.array([1.0]), np.array([0.1]), 10)


def test_lure_interval_covers():
    """Soft draws that prefer the items the model gets wrong: the weighted interval holds the true error, the plain mean is off."""
    rng = np.random.default_rng(0)
    losses = (rng.random(400) < 0.2).astype(float)
    worth = np.where(losses > 0, 3.0, 1.0)
    holds, plain = 0, []
    for _ in range(200):
        order = np.argsort(rng.exponential(size=400) / worth)[:60]
        left = worth.sum() - np.concatenate(([0.0], np.cumsum(worth[order])[:-1]))
        found = lure(losses[order], worth[order] / left, 400)
        holds += found.low <= losses.mean() <= found.high
        plain.append(losses[order].mean())
    assert holds >= 180
    assert np.mean(plain) > losses.mean() + 0.1


def test_only_items_that_a_model_has_judged_count():
    """Before there is a model the arm says nothing about accuracy."""
    items = [ArmItem(1, "a", None), ArmItem(2, "a", "a"), ArmItem(2, "b", "a")]
    found = accuracy(items)
    assert found is not None
    assert (found.value, found.items) == (0.5, 2)
    assert accuracy(items[:1]) is None


def test_balance_by_hand():
    """10 labels known (8 of a), 90 left, an arm of 10 with 3 of a: (8 + 90 * 0.3) / 100 = 0.35."""
    items = [ArmItem(2, "a", "a")] * 3 + [ArmItem(2, "b", "a")] * 7
    found = balance(items, {2: {"a": 8, "b": 2}}, {2: 90}, ("a", "b"))
    assert found["a"].value == pytest.approx(0.35)
    assert found["b"].value == pytest.approx(0.65)
    assert found["a"].low < 0.35 < found["a"].high
    # only the 90 are uncertain
    assert found["a"].high - found["a"].low == pytest.approx(0.9 * (wilson(3, 10).high - wilson(3, 10).low))


def test_balance_is_unbiased_where_the_labels_are_not():
    """A strategy that takes all of the rare class first: labels say half, the arm says the truth."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(300):
        left, known, items = ["r"] * 40 + ["c"] * 360, {"r": 0, "c": 0}, []
        candidates, known_before = {}, {}
        for round_id in (1, 2, 3):
            candidates[round_id], known_before[round_id] = len(left), dict(known)
            arm = [left[i] for i in rng.choice(len(left), 10, replace=False)]
            items += [ArmItem(round_id, label, None) for label in arm]
            rest = sorted(left, reverse=True)
            for label in arm:
                rest.remove(label)
            for label in [*arm, *rest[:10]]:
                known[label] += 1
            left = rest[10:]
        found.append(balance(items, known_before, candidates, ("r", "c"))["r"].value)
    assert np.mean(found) == pytest.approx(0.1, abs=0.01)
