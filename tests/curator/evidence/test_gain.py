"""The interval of a gain holds what it promises."""

from statistics import NormalDist

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import f1_score
from support.gains import gain_of

from curator.errors import DataError
from curator.evidence.gain import mcnemar_p, metric_interval
from curator.evidence.metrics import METRICS
from curator.evidence.outcomes import ClassOutcomes


def _two_models(rng, *, n=800, n_seeds=3, seed_sd=0.0, gain=0.01, k=4):
    """Probs of two models whose accuracy in the population is 0.85 and 0.85 + gain, correlated item by item."""
    y = rng.integers(0, k, n)
    shared = rng.normal(size=n)

    def model(accuracy, own):
        skill = np.sqrt(1 - own**2) * shared + own * rng.normal(size=n)
        right = [skill < NormalDist().inv_cdf(accuracy + rng.normal() * seed_sd) for _ in range(n_seeds)]
        return np.eye(k)[np.where(right, y, (y + 1) % k)]

    return model(0.85, 0.0), model(0.85 + gain, 0.3), y


@pytest.mark.parametrize(("n_seeds", "seed_sd"), [(1, 0.0), (3, 0.0), (3, 0.006), (5, 0.006)])
def test_a_95_percent_interval_covers_the_true_gain_about_that_often(n_seeds, seed_sd):
    """150 simulated rounds each: coverage in a generous band around 95 %."""
    rng = np.random.default_rng(3)
    hits = 0
    for seed in range(150):
        before, after, y = _two_models(rng, n_seeds=n_seeds, seed_sd=seed_sd)
        found = gain_of(before, after, y, n_bootstrap=300, seed=seed)
        hits += found.low <= 0.01 <= found.high
    assert 0.88 <= hits / 150 <= 0.99


def test_seeds_that_differ_widen_the_interval():
    """Luck of the seed counts: with it, the interval is wider than over items alone."""
    rng = np.random.default_rng(0)
    before, after, y = _two_models(rng, n=4000, seed_sd=0.02)
    both, items = gain_of(before, after, y), gain_of(before[:1], after[:1], y)
    assert both.high - both.low > 1.5 * (items.high - items.low)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_values_are_means_over_seeds_of_scikit_learns_metric(metric):
    """Before, after and the gain, with different numbers of seeds; the interval holds the value and repeats itself."""
    rng = np.random.default_rng(1)
    y = rng.integers(0, 5, 400)
    before, after = (
        rng.dirichlet(np.ones(6), (2, 400)),
        rng.dirichlet(np.ones(6), (3, 400)) + 0.2 * np.eye(6)[y],
    )

    def value(probs):
        if metric == "accuracy":
            return np.mean(probs.argmax(axis=2) == y)
        return np.mean(
            [f1_score(y, p.argmax(axis=1), labels=range(5), average="macro", zero_division=0) for p in probs]
        )

    found = gain_of(before, after, y, metric)
    assert found.before == pytest.approx(value(before))
    assert found.after == pytest.approx(value(after))
    assert found.value == pytest.approx(value(after) - value(before))
    assert found.low < found.value < found.high
    assert found == gain_of(before, after, y, metric)
    one = metric_interval(ClassOutcomes.of(after, y), METRICS[metric])
    assert one.value == pytest.approx(found.after)
    assert one.low < one.value < one.high


def test_no_changed_item_is_no_proof_of_no_gain():
    """Of 100 items none changed: the gain is 0, but 2 in 100 may still have gone either way unseen; log loss knows better."""
    before, _, y = _two_models(np.random.default_rng(0), n=100)
    found = gain_of(before, before, y)
    assert (found.value, found.mcnemar_p) == (0, 1)
    assert (found.low, found.high) == pytest.approx((-0.02, 0.02))
    finer = gain_of(before, before, y, "log_loss")
    assert (finer.low, finer.high) == (0, 0)


def test_mcnemar_is_exact_while_few_items_changed():
    """Binomial below 25 changed items, the corrected normal above; b are the lost and c the won."""
    for lost, won in [(0, 0), (1, 9), (12, 12), (3, 7)]:
        exact = binomtest(lost, lost + won).pvalue if lost + won else 1.0
        assert mcnemar_p(lost, won) == pytest.approx(exact)
    assert mcnemar_p(40, 15) == pytest.approx(2 * (1 - NormalDist().cdf(24 / 55**0.5)))
    truth = np.zeros(10, dtype=int)
    right, wrong = np.tile([0.9, 0.1], (1, 10, 1)), np.tile([0.9, 0.1], (1, 10, 1))
    wrong[0, :3] = [0.1, 0.9]
    found = gain_of(wrong, right, truth)
    assert (found.mcnemar_b, found.mcnemar_c) == (0, 3)


def test_many_items_are_measured_in_blocks():
    """A hold-out too large for one block gives the interval that theory gives."""
    y = np.arange(9000) % 2
    probs = np.eye(2)[np.where(np.arange(9000) % 10 < 8, y, 1 - y)][None]
    found = metric_interval(ClassOutcomes.of(probs, y), METRICS["accuracy"], n_bootstrap=600)
    assert found.high - found.low == pytest.approx(2 * 1.96 * (0.16 / 9000) ** 0.5, rel=0.15)


@pytest.mark.parametrize(
    ("probs", "y", "options"),
    [
        (np.ones((2, 3)), [0, 0], {}),
        (np.ones((1, 2, 3)), [0], {}),
        (np.ones((1, 2, 3)), [0, 3], {}),
        (np.ones((1, 2, 3)), [0, 1], {"level": 1.0}),
    ],
)
def test_input_that_does_not_fit_is_refused(probs, y, options):
    """Missing seed axis, wrong length, unknown columns, impossible level."""
    with pytest.raises(DataError):
        metric_interval(ClassOutcomes.of(probs, np.array(y)), METRICS["accuracy"], **options)


@pytest.mark.parametrize("right", [True, False])
def test_a_perfect_score_still_has_an_interval(right):
    """All of 50 right says at least 92.9% (exact binomial, two-sided 95%), not 100% for sure."""
    y = np.arange(50) % 2
    probs = np.zeros((3, 50, 2), dtype=np.float32)
    probs[:, np.arange(50), y if right else 1 - y] = 1.0
    found = metric_interval(ClassOutcomes.of(probs, y), METRICS["accuracy"])
    other = 0.025 ** (1 / 50)
    assert (found.low, found.high) == pytest.approx((other, 1.0) if right else (0.0, 1.0 - other))
