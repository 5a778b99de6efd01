"""Forecasts of learning curves: from arrays to quantiles, labels to a target, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.errors import DataError
from curator.evidence.forecast import core as forecast
from curator.evidence.forecast.families import draw, posterior
from curator.evidence.forecast.power_law import bootstrap, fit
from curator.evidence.forecast.seen import ForecastRefusedError, Seen
from curator.evidence.forecast.shapes import dictionary


def rounds(n=8, *, batch=20, level=0.9, drop=0.5, power=0.5):
    """A curve level - drop * labels**-power without noise."""
    labels = batch * np.arange(1, n + 1)
    return labels, level - drop * labels**-power


def test_shapes_are_the_gain_of_doubling():
    """Every shape is 0 now, 1 at twice the labels, rises everywhere, and has a finite limit; there are eight families."""
    shapes = dictionary()
    x = np.array([0.05, 0.3, 1.0, 2.0, 4.0, 8.0])
    values = shapes.at(x)
    np.testing.assert_allclose(values[:, 2], 0.0, atol=1e-12)
    np.testing.assert_allclose(values[:, 3], 1.0)
    assert (np.diff(values, axis=1) > 0).all()
    assert np.isfinite(shapes.limits).all()
    assert len(np.unique(shapes.families)) == 8


def test_a_known_curve_is_continued():
    """Eight noiseless rounds of a square-root law: twice and four times the labels come out within a point."""
    labels, values = rounds()
    found = forecast.predict(labels, values, 5_000, [320, 640])
    truth = 0.9 - 0.5 * np.array([320, 640]) ** -0.5
    np.testing.assert_allclose(found.median, truth, atol=0.01)
    interval = found.interval(0.8)
    assert (interval[:, 0] < truth).all()
    assert (truth < interval[:, 1]).all()


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_quantiles_are_ordered_shares_and_rows_have_no_order(data):
    """Whatever was measured: quantiles rise, lie in [0, 1], wider levels hold narrower ones, and the order of rounds is irrelevant."""
    m = data.draw(st.integers(4, 10))
    labels = np.cumsum(data.draw(st.lists(st.integers(1, 200), min_size=m, max_size=m))) + 9
    values = np.array(data.draw(st.lists(st.floats(0, 1), min_size=m, max_size=m)))
    n = data.draw(st.sampled_from([1, 30, 1_000, 10**6]))
    at = labels[-1] * np.array([1.0, 1.3, 4.0])
    found = forecast.predict(labels, values, n, at)
    assert (np.diff(found.quantiles, axis=1) >= 0).all()
    assert ((found.quantiles >= 0) & (found.quantiles <= 1)).all()
    assert (np.diff(found.median) >= -1e-12).all()
    order = np.random.default_rng(m).permutation(m)
    again = forecast.predict(labels[order], values[order], n, at)
    np.testing.assert_array_equal(again.quantiles, found.quantiles)


def test_same_seed_same_forecast_and_paths():
    """A seed decides everything; a label count has the same draws in whatever list it is asked for."""
    labels, values = rounds()
    first, again = (forecast.predict(labels, values, 300, [200, 400], seed=3) for _ in range(2))
    alone = forecast.predict(labels, values, 300, [400], seed=3)
    np.testing.assert_array_equal(first.paths(50), again.paths(50))
    # to rounding: numpy adds up the last of a row apart from those that fill a register
    np.testing.assert_allclose(first.paths(50)[:, 1], alone.paths(50)[:, 0], rtol=1e-12)
    other = forecast.predict(labels, values, 300, [200, 400], seed=4)
    assert not np.array_equal(first.paths(50), other.paths(50))


def test_paths_are_the_same_curves_as_the_present():
    """Joint draws: the chance of a target in the paths is that of the quantiles, and a path belongs to its present value."""
    labels, values = rounds()
    found = forecast.predict(labels, values, 500, [240, 640])
    paths, present = found.paths(1000), found.present(1000)
    assert paths.shape == (1000, 2)
    np.testing.assert_allclose(np.median(paths, axis=0), found.median, atol=0.004)
    assert np.corrcoef(paths[:, 0], present)[0, 1] > 0.5
    assert paths.mean(axis=0)[1] > paths.mean(axis=0)[0] > present.mean()


@pytest.mark.parametrize("seed", range(5))
def test_scatter_of_single_trainings_is_no_gain_or_loss(seed):
    """The mean gain of the draws is that of the curves, not of the luck of a thousand trainings: it rises with the labels."""
    rng = np.random.default_rng(seed)
    now = 20.0 * np.arange(1, 9)
    values = 0.8 + rng.normal(0.0, 0.02, len(now))
    found = forecast.predict(now, values, 200, now[-1] + np.array([0.0, 1.0, 2.0, 3.0]), seed=seed)
    assert (np.diff(found.paths().mean(axis=0)) >= 0.0).all()


def test_a_small_holdout_widens_the_forecast():
    """The same numbers from 100 items say less than from 10,000; and the same hold-out will show less spread than the truth has."""
    labels, values = rounds()
    few, many = (forecast.predict(labels, values, n, [320]) for n in (100, 10_000))
    assert np.ptp(few.interval()[0]) > 2 * np.ptp(many.interval()[0])
    at = list(few.levels)
    shown = few.shown[0]
    assert shown[at.index(0.9)] - shown[at.index(0.1)] < np.ptp(few.interval()[0])


def test_a_planted_plateau_cannot_be_passed():
    """Ten rounds flat at 0.80: 0.95 cannot be reached, 0.80 is as good as there, and neither is said with certainty."""
    labels = 50 * np.arange(1, 11)
    values = 0.80 + 0.002 * np.array([0, 1, -1, 1, 0, -1, 1, 0, -1, 0])
    found = forecast.predict(labels, values, 2_000, [1_000])
    far, near = found.labels_to(0.95), found.labels_to(0.79)
    assert far.unreachable
    assert far.likely is None or far.beyond > 0.9
    assert not near.unreachable
    assert near.median is not None
    assert near.median <= 600


def test_labels_to_is_a_distribution():
    """A rising curve: more is needed for more; the ends of the range are in order; an open end is None, with its chance."""
    labels, values = rounds()
    found = forecast.predict(labels, values, 1_000, [640])
    low, high = found.labels_to(0.875), found.labels_to(0.895)
    assert low.median is not None
    assert low.low <= low.median
    assert low.beyond < high.beyond
    assert high.high is None
    assert 0 < high.beyond < 1
    assert high.never <= high.beyond
    assert low.chance_within(160) < low.chance_within(400) < low.chance_within(1280)
    assert low.chance_within(1280) == pytest.approx(1 - low.beyond)


def test_too_few_rounds_are_refused():
    """Three rounds, or four of which two have the same labels: refused, with what to do."""
    for labels in ([20, 40, 60], [20, 40, 60, 60]):
        with pytest.raises(ForecastRefusedError, match="at least 4 measured rounds") as caught:
            forecast.predict(labels, np.full(len(labels), 0.7), 300, [70])
        assert caught.value.reason == "fewer than four measured rounds"


def test_too_far_is_refused():
    """Four times the labels seen is forecast, one label more is not."""
    labels, values = rounds(4)
    assert forecast.predict(labels, values, 300, [320]).median[0] > 0.8
    with pytest.raises(ForecastRefusedError, match="more than 4 times the 80 seen") as caught:
        forecast.predict(labels, values, 300, [321])
    assert caught.value.reason == "beyond four times the labels seen"


@pytest.mark.parametrize(
    ("labels", "values", "n", "at", "message"),
    [
        ([20, 40, 60, 80], [70, 75, 80, 82], 300, [100], "Divide percentages by 100"),
        ([20, 40, 60], [0.7, 0.8], 300, [100], "two lists of one length"),
        ([0, 20, 40, 60], [0.1, 0.2, 0.3, 0.4], 300, [100], "at least 1"),
        ([20, 40, 60, 80], [0.5, 0.6, float("nan"), 0.7], 300, [100], "finite"),
        ([20, 40, 60, 80], [0.5, 0.6, 0.6, 0.7], 0, [100], "at least 1"),
        ([20, 40, 60, 80], [0.5, 0.6, 0.6, 0.7], 300, [79], "upwards"),
        ([20, 40, 60, 80], [0.5, 0.6, 0.6, 0.7], 300, [], "upwards"),
    ],
)
def test_what_cannot_be_a_curve_is_said(labels, values, n, at, message):
    """Percentages, gaps, empty hold-outs and label counts in the past are errors that say so."""
    with pytest.raises(DataError, match=message):
        forecast.predict(labels, values, n, at)


def test_a_perfect_score_is_not_certain():
    """All right on 50 items in every round: there is still noise, and no division by zero."""
    seen = Seen.of([20, 40, 60, 80], [1.0] * 4, 50)
    assert (seen.binomial > 0).all()
    found = forecast.predict(seen.labels, seen.values, 50, [160])
    assert found.interval(0.95)[0, 0] < 1.0


@pytest.mark.parametrize("level", [0.6, 0.8, 0.9])
def test_level_curves_may_stay_level(level):
    """Eight level rounds on 1,000 items: at twice the labels the 80 % interval holds the level in most of 30 campaigns."""
    labels = 25 * np.arange(1, 9)
    rng = np.random.default_rng(0)
    held = []
    for _ in range(30):
        sd = np.sqrt(level * (1 - level) / 1_000)
        noise = np.sqrt(0.7) * rng.standard_normal() + np.sqrt(0.3) * rng.standard_normal(8)
        found = forecast.predict(labels, level + sd * noise, 1_000, [400])
        low, high = found.interval()[0]
        held.append(low <= level <= high)
    assert np.mean(held) >= 0.6


def test_the_last_tenths_of_a_point_can_be_reached():
    """An error of 0.5 / labels, measured on 10,000 items: at 99.9 % it is still forecast to fall, and what comes is not out of reach."""
    labels = 50.0 * np.arange(1, 9)
    found = forecast.predict(labels, 1 - 0.5 / labels, 10_000, [400, 800])
    assert found.median[1] > found.median[0]
    assert not found.labels_to(1 - 0.5 / 800).unreachable


def test_power_law_by_hand():
    """Three points of 0.9 - 1.0 / labels give back level and drop; a curve that only falls is fitted by its mean; none passes 1."""
    labels = np.array([10.0, 20.0, 40.0])
    found = fit(labels, np.array([0.9 - 1.0 / labels, [0.8, 0.7, 0.6], [0.1, 0.4, 1.0]]))
    assert found.at(np.array([100.0]))[0, 0] == pytest.approx(0.89, abs=0.001)
    assert found.at(np.array([100.0]))[1, 0] == pytest.approx(0.7)
    assert (found.a <= 1.0).all()


def test_the_blend_lies_between_its_members():
    """Straight over the logarithm of labels: the families go on, the power law levels off; three fifths of one, two of the other."""
    labels = 20.0 * np.arange(1, 6)
    values = 0.3 + 0.15 * np.log2(labels / 20)
    seen = Seen.of(labels, values, 10**6)
    x, rng = np.array([1.0, 2.0, 4.0]), np.random.default_rng(0)
    families, power_law = (
        float(np.median(drawn.paths[:, 2]))
        for drawn in (draw(posterior(seen), x, 1_000, rng), bootstrap(seen, x, 1_000, rng))
    )
    assert families - power_law > 0.05
    found = forecast.predict(labels, values, 10**6, [400]).median[0]
    assert found == pytest.approx(0.6 * families + 0.4 * power_law, abs=0.01)


@pytest.mark.parametrize(
    "values", [[1.0] * 4, [0.0] * 4, [0.5] * 4, [0.9, 0.8, 0.7, 0.6], [0.2, 0.9, 0.2, 0.9]]
)
@pytest.mark.parametrize("n", [1, 50, 10**6])
def test_no_interval_is_a_point(values, n):
    """Perfect, hopeless, level, falling and jumping curves: every interval has a width, inside [0, 1], and the median rises."""
    found = forecast.predict([20, 40, 60, 80], values, n, [80, 120, 160, 320])
    ends = found.interval(0.8)
    assert (ends[:, 1] - ends[:, 0] > 1e-4).all()
    assert ((ends >= 0.0) & (ends <= 1.0)).all()
    assert (np.diff(found.median) >= 0.0).all()
    assert (np.diff(found.quantiles, axis=0) >= -1e-12).all()


def test_the_usual_error_grows_with_the_distance_and_falls_with_rounds():
    """What is printed beside each row: level outside of the horizons that were measured."""
    assert (
        forecast.expected_error(4, 1.0) == forecast.expected_error(4, 1.5) < forecast.expected_error(4, 2.0)
    )
    assert (
        forecast.expected_error(8, 4.0) < forecast.expected_error(5, 4.0) == forecast.expected_error(4, 4.0)
    )
