"""The gain by every metric: what it is by hand, and that its interval holds the truth where bootstraps are known to fail."""

import numpy as np
import pytest
from support.gains import gain_of

from curator.errors import DataError
from curator.evidence.gain import gains, metric_interval
from curator.evidence.metrics import METRICS, cost_matrix
from curator.evidence.outcomes import ClassOutcomes
from curator.evidence.resampling import Resampling
from curator.evidence.seed_noise import seed_noise

COMPARED = {name: metric for name, metric in METRICS.items() if metric.compared}


def _probs(right, y, k=3):
    """Certain answers: the true class where right, else the next one."""
    return np.eye(k)[np.where(right, y, (y + 1) % k)]


def test_a_gain_is_positive_when_the_model_became_better():
    """Two items by hand: log loss falls from ln 4 and ln 2 to ln 2 and ln 1; mistakes of cost 5 and 1 are mended."""
    y = np.array([0, 1])
    before = np.array([[[0.25, 0.75], [0.5, 0.5]]])
    after = np.array([[[0.5, 0.5], [0.0, 1.0]]])
    found = gain_of(before, after, y, "log_loss")
    assert found.before == pytest.approx((np.log(4) + np.log(2)) / 2)
    assert found.after == pytest.approx(np.log(2) / 2)
    assert found.value == pytest.approx(found.before - found.after)
    assert found.value > 0
    costs = cost_matrix(["a", "b"], {"a": {"b": 5.0}})
    assert costs.tolist() == [[0, 5], [1, 0]]
    found = gain_of(before, after, y, "cost_weighted_error", costs=costs)
    assert (found.before, found.after, found.value) == ((5 + 1) / 2, 0, 3)
    worse = gain_of(after, before, y, "cost_weighted_error", costs=costs)
    assert worse.value == -3


def test_mistakes_of_cost_1_are_accuracy():
    """Without a matrix the cost-weighted error is 1 - accuracy: the same gain with the same interval."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)
    before, after = (_probs(rng.random((2, 200)) < share, y) for share in (0.7, 0.8))
    cost, accuracy = (gain_of(before, after, y, name) for name in ("cost_weighted_error", "accuracy"))
    assert (cost.value, cost.low, cost.high) == pytest.approx((accuracy.value, accuracy.low, accuracy.high))
    assert cost.before == pytest.approx(1 - accuracy.before)


def test_several_earlier_models_at_once_are_as_each_alone():
    """The gains over several models from shared draws are those of each model by itself, metric by metric."""
    rng = np.random.default_rng(1)
    y = rng.integers(0, 4, 150)
    first, second, after = (
        rng.dirichlet(np.ones(4), (3, 150)) + lift * np.eye(4)[y] for lift in (0.1, 0.3, 0.5)
    )
    first, second, after = (p / p.sum(axis=2, keepdims=True) for p in (first, second, after))
    befores = [ClassOutcomes.of(first, y), ClassOutcomes.of(second, y)]
    found = gains(befores, ClassOutcomes.of(after, y), COMPARED.values(), draws=Resampling(150, 400, 7))
    for one, before in zip(found, (first, second), strict=True):
        assert one == {name: gain_of(before, after, y, name, n_bootstrap=400, seed=7) for name in COMPARED}
    with pytest.raises(DataError, match="different hold-out items"):
        gains(
            befores, ClassOutcomes.of(after, y[::-1].copy()), COMPARED.values(), draws=Resampling(150, 400, 7)
        )


@pytest.mark.parametrize(("n", "lost", "won"), [(100, 0.004, 0.008), (100, 0.02, 0.03), (300, 0.003, 0.009)])
def test_few_changed_items_are_covered(n, lost, won):
    """Late rounds: hardly an item changes, in half of the hold-outs none. The plain bootstrap holds the truth in 30-90%."""
    rng, draws, hits = np.random.default_rng(0), Resampling(n, 500, 1), 0
    y = np.zeros(n, dtype=int)
    for _ in range(400):
        kind = rng.random(n)
        before, after = kind >= won, kind < 1 - lost
        (found,) = gains(
            [ClassOutcomes.of(_probs(before, y)[None], y)], ClassOutcomes.of(_probs(after, y)[None], y), [METRICS["accuracy"]], draws=draws
        )  # fmt: skip
        hits += found["accuracy"].low - 1e-9 <= won - lost <= found["accuracy"].high + 1e-9
    assert hits / 400 >= 0.93


def test_log_loss_with_heavy_tails_is_covered():
    """Nine of ten items hardly move, one in ten by whole nats: percentiles would hold the truth in about 90% of hold-outs."""
    rng, draws, hits = np.random.default_rng(2), Resampling(100, 500, 1), 0
    y = np.zeros(100, dtype=int)
    truth = 0.1 * 1.5 + 0.9 * 0.01  # mean fall of the log loss: exponential with these means
    for _ in range(400):
        fall = rng.exponential(np.where(rng.random(100) < 0.1, 1.5, 0.01))
        of_truth = np.exp(-fall)
        before = np.stack([of_truth, 1 - of_truth], axis=1)[None]
        after = np.tile([1.0, 0.0], (1, 100, 1))
        (found,) = gains(
            [ClassOutcomes.of(before, y)], ClassOutcomes.of(after, y), [METRICS["log_loss"]], draws=draws
        )
        hits += found["log_loss"].low <= truth <= found["log_loss"].high
    assert 0.92 <= hits / 400 <= 0.99


def test_rare_classes_widen_the_interval_of_macro_f1():
    """A class with two items may gain much unseen: macro-F1 is less sure than with the same items in even classes."""
    rng = np.random.default_rng(3)
    right = rng.random((1, 200)) < 0.9
    even, rare = np.arange(200) % 3, np.where(np.arange(200) < 2, 2, np.arange(200) % 2)
    width = {}
    for name, y in (("even", even), ("rare", rare)):
        found = gain_of(_probs(right, y), _probs(right, y), y, "macro_f1")
        width[name] = found.high - found.low
    assert width["rare"] > 3 * width["even"] > 0


@pytest.mark.parametrize("metric", COMPARED)
def test_seeds_that_coincide_say_no_more_than_one(metric):
    """A model without randomness has the interval of a single training, however often it is trained."""
    rng = np.random.default_rng(4)
    y = rng.integers(0, 3, 120)
    before, after = rng.dirichlet(np.ones(3), (2, 1, 120))
    once = gain_of(before, after, y, metric)
    thrice = gain_of(np.repeat(before, 3, axis=0), np.repeat(after, 3, axis=0), y, metric)
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high), abs=1e-6)
    assert thrice.seed_error == 0


def test_seed_noise_by_hand():
    """Two models of three seeds at 0, 0.1 and 0.2, items without noise: variance 0.01 (2 / 3), 4 degrees of freedom."""
    now = [np.array([0.0, 0.1, 0.2])] * 2
    noise = seed_noise(now, [np.tile(one, (5, 1)) for one in now])
    assert noise.error == pytest.approx((0.01 * 2 / 3) ** 0.5)
    assert noise.degrees == 4
    # seeds alone: Student's t with 4 degrees of freedom; drowned in items: the normal
    assert noise.widening(0.0, 0.95) == pytest.approx(2.7764 / 1.9600, abs=1e-3)
    assert noise.widening(10.0, 0.95) == pytest.approx(1.0, abs=1e-4)


def test_intervals_of_a_value_stay_where_values_can_be():
    """Accuracy of 29 of 30 is not above 1, and log loss not below 0; the interval of a loss is about the loss."""
    y = np.zeros(30, dtype=int)
    probs = _probs(np.arange(30) > 0, y)[None]
    found = metric_interval(ClassOutcomes.of(probs, y), METRICS["accuracy"])
    assert 0.8 < found.low < found.value < found.high <= 1
    loss = metric_interval(ClassOutcomes.of(0.9 * probs + 0.1 / 3, y), METRICS["log_loss"])
    assert 0 <= loss.low < loss.value < loss.high
    assert loss.value == pytest.approx((29 * -np.log(0.9 + 0.1 / 3) - np.log(0.1 / 3)) / 30)
