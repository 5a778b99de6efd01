"""What a simulation computes from its campaigns: areas, targets, savings, tests, advice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import isotonic_regression

from curator.errors import DataError
from curator.simulate.advice import recommendation
from curator.simulate.analysis import compare, standings
from curator.simulate.runs import Point
from curator.simulate.statistics import Paired, area, first_reach, holm, rising, saving

LABEL = 100_000  # micro-units: $0.10


def campaign(values, first=10, batch=10):
    """A point a round."""
    return [
        Point(n, n * LABEL, {50: value}, value)
        for n, value in zip(range(first, first + batch * len(values), batch), values, strict=True)
    ]


def with_noise(values, seeds, spread, seed=0):
    """Campaigns whose points scatter about the same curve."""
    rng = np.random.default_rng(seed)
    return [campaign(np.asarray(values) + spread * rng.normal(size=len(values))) for _ in range(seeds)]


def advise(campaigns):
    """The recommendation on them."""
    found = standings(campaigns, "accuracy")
    rivals = [one.name for one in found if one.name != "random"]
    to_best = {name: compare(campaigns, "accuracy", name, rivals[0]) for name in rivals}
    return recommendation(found, len(campaigns["random"]), "USD", to_best)


def test_an_area_by_hand():
    """From 0 at 0 to 1 at 10: half; from there on flat; a part of the range counts by itself."""
    x, y = np.array([0.0, 10.0, 20.0]), np.array([0.0, 1.0, 1.0])
    assert area(x, y, 0, 10) == pytest.approx(0.5)
    assert area(x, y, 0, 20) == pytest.approx(0.75)
    assert area(x, y, 5, 15) == pytest.approx((0.5 * 0.75 + 0.5) / 1)


def test_holm_by_hand():
    """The smallest times 3, the next times 2, never below the one before."""
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_paired_test_by_hand():
    """1, 2 and 3: mean 2, standard error 1 / sqrt(3), t(2) = 4.303; t = 3.46, p = 0.074."""
    found = Paired.of([1.0, 2.0, 3.0])
    assert found.mean == pytest.approx(2.0)
    assert found.high - found.mean == pytest.approx(4.3027 / np.sqrt(3), rel=1e-4)
    assert found.p == pytest.approx(0.0742, abs=1e-4)
    assert found.p_wilcoxon == pytest.approx(0.25)


@pytest.mark.parametrize("differences", [[0.0, 0.0, 0.0], [1.0]])
def test_what_cannot_be_told_is_no_difference(differences):
    """No spread about 0, or a single seed."""
    assert Paired.of(differences).p == 1.0


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12))
def test_a_rising_curve_is_that_of_isotonic_regression(values):
    """As scikit-learn finds it by another algorithm; many at once or one by one."""
    curves = np.array([values, values[::-1]])
    expected = [isotonic_regression(curve) for curve in curves]
    np.testing.assert_allclose(rising(curves), expected, atol=1e-9)
    np.testing.assert_allclose(rising(curves[0]), expected[0], atol=1e-9)


def test_where_a_target_is_reached():
    """Between two points in proportion, at the first point if that suffices, nowhere if nowhere."""
    x, y = np.array([10.0, 20.0, 30.0]), np.array([0.5, 0.7, 0.7])
    assert first_reach(x, y, 0.6) == pytest.approx(15.0)
    assert first_reach(x, y, 0.4) == 10.0
    assert first_reach(x, y, 0.7) == 20.0
    assert first_reach(x, y, 0.71) == np.inf
    assert first_reach(x, np.array([y, y + 0.1]), np.array([0.6, 0.6])) == pytest.approx([15.0, 10.0])


def test_a_saving_by_hand():
    """Twice as fast to the same: half of the money; the other way round it is a loss of as much."""
    x = np.array([0.0, 5.0, 10.0])
    fast, slow = np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.5, 1.0])
    found = saving(x, fast, slow)
    assert (found.level, found.money, found.share) == pytest.approx((1.0, 5.0, 0.5))
    assert saving(x, slow, fast).money == pytest.approx(-5.0)


def test_the_better_strategy_stands_first_with_what_it_saved():
    """It reaches with 20 labels what random reaches with 40: $2 of $4."""
    campaigns = {
        "random": with_noise([0.4, 0.5, 0.6, 0.7], 12, 0.01),
        "clever": with_noise([0.4, 0.7, 0.8, 0.9], 12, 0.01, seed=1),
    }
    first, second = standings(campaigns, "accuracy")
    assert (first.name, second.name) == ("clever", "random")
    test = first.against_random
    assert test is not None
    assert second.against_random is None
    assert test.low > 0
    assert test.p < 0.001
    assert test.saved == pytest.approx(20 * LABEL, rel=0.1)
    assert test.saved_low < test.saved < test.saved_high
    assert test.saved_share == pytest.approx(0.5, abs=0.05)
    last = second.targets[-1]
    assert (last.labels, last.cost) == (40, 40 * LABEL)
    assert first.targets[-1].cost == pytest.approx(20 * LABEL, rel=0.1)
    text = advise(campaigns)
    assert text.startswith("Use clever: ")
    assert "it saves 50%" in text or "it saves 49%" in text


def test_noise_is_called_noise():
    """Strategies that differ from random by chance only: over 30 tries hardly one is recommended."""
    told = []
    for seed in range(30):
        campaigns = {
            name: with_noise([0.4, 0.5, 0.6, 0.65], 8, 0.03, seed=10 * seed + i)
            for i, name in enumerate(("random", "a", "b", "c"))
        }
        told.append(advise(campaigns))
    assert sum(text.startswith("Use") for text in told) <= 4  # 5% of 30 is 1.5
    assert sum(text.startswith("No strategy beats random labels here beyond chance") for text in told) >= 26


def test_a_worse_strategy_is_named():
    """And a target that it does not reach has no price."""
    campaigns = {
        "random": with_noise([0.4, 0.5, 0.6, 0.7], 8, 0.01),
        "poor": with_noise([0.4, 0.45, 0.5, 0.5], 8, 0.01, seed=1),
    }
    assert advise(campaigns).endswith("Worse than random: poor.")
    poor = standings(campaigns, "accuracy")[1]
    assert poor.name == "poor"
    assert (poor.targets[-1].labels, poor.targets[-1].cost) == (None, None)
    assert poor.against_random is not None
    assert poor.against_random.saved < 0


def test_equals_are_named_together():
    """Two that beat random and cannot be told apart: one is recommended, the other mentioned."""
    good = [0.4, 0.65, 0.75, 0.8]
    campaigns = {
        "random": with_noise([0.4, 0.5, 0.6, 0.7], 8, 0.01),
        "one": with_noise(good, 8, 0.01, seed=1),
        "two": with_noise(good, 8, 0.01, seed=2),
    }
    text = advise(campaigns)
    assert "No worse, within chance: " in text


def test_campaigns_of_unequal_length_are_compared_where_all_have_spent():
    """The last point of the shorter is the end, on the money axis."""
    campaigns = {"random": [campaign([0.4, 0.5, 0.6])], "long": [campaign([0.4, 0.5, 0.6, 0.9, 0.9])]}
    found = {one.name: one for one in standings(campaigns, "accuracy")}
    assert found["long"].over_money[-1].x == 30 * LABEL
    assert found["long"].area == pytest.approx(found["random"].area)


def test_campaigns_without_common_spending_are_refused():
    """Nothing could be compared."""
    with pytest.raises(DataError, match="no spending in common"):
        standings({"random": [campaign([0.1, 0.2])], "dear": [campaign([0.1, 0.2], first=100)]}, "accuracy")
