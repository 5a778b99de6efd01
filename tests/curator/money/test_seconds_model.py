"""The model of seconds: what it learns, what it predicts, and when it stands back."""

import math

import numpy as np
import pytest

from curator.money.seconds_model import FEWEST, NoModel, SecondsModel, Times, fit_seconds


def planted(n=400, *, seed=0, slope=0.6, people=(1.0,), suggestion=1.0, spread=0.4):
    """Times by a law that is known: 2 s times length^slope, by annotator and suggestion, log-normal around it."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(5, 400, n).astype(float)
    who = rng.integers(0, len(people), n)
    shown = rng.integers(0, 2, n).astype(float)
    median = 2.0 * (1 + lengths) ** slope * np.array(people)[who] * suggestion**shown
    seconds = median * np.exp(rng.normal(0, spread, n))
    return Times(seconds, lengths, shown, [f"p{i}" for i in who])


def fitted(times):
    model = fit_seconds(times)
    assert isinstance(model, SecondsModel), model
    return model


def test_a_law_without_noise_is_found_again():
    """Twice the length, 2^0.6 times the seconds; a suggestion takes a tenth off."""
    model = fitted(planted(suggestion=0.9, spread=1e-3))
    assert model.per_log_length == pytest.approx(0.6, abs=0.01)
    assert math.exp(model.of_suggestion) == pytest.approx(0.9, abs=0.01)
    assert model.expected(np.array([99.0]))[0] == pytest.approx(2 * 100**0.6, rel=0.01)


def test_what_is_predicted_is_the_mean():
    """A bill adds up means: predictions add up to what new answers take, not to their medians, 8% below."""
    model, fresh = fitted(planted(2000)), planted(20_000, seed=1)
    ratio = model.expected(fresh.lengths).sum() / fresh.seconds.sum()
    assert ratio == pytest.approx(1.0, abs=0.03)


def test_lunch_breaks_do_not_move_it():
    """One answer in ten takes an hour: the law is found all the same."""
    times = planted()
    seconds = times.seconds.copy()
    seconds[::10] = 3600.0
    model = fitted(Times(seconds, times.lengths, times.shown, times.annotators))
    assert model.per_log_length == pytest.approx(0.6, abs=0.1)
    # Least squares would say 34 s here.
    assert math.exp(model.log_median(np.array([99.0]), np.zeros(1), ["p0"])[0]) == pytest.approx(32, rel=0.2)


def test_annotators_differ_and_few_answers_say_little():
    """With many answers a person's factor is found; one answer that took long makes nobody slow."""
    times = planted(people=(0.5, 1.0, 2.0))
    model = fitted(times)
    assert math.exp(model.of_annotator["p2"] - model.of_annotator["p0"]) == pytest.approx(4.0, rel=0.15)
    one = Times(
        np.append(times.seconds, 40 * 2 * 101**0.6),
        np.append(times.lengths, 100.0),
        np.append(times.shown, 0.0),
        [*times.annotators, "new"],
    )
    assert math.exp(fitted(one).of_annotator["new"]) < 10
    assert model.expected(times.lengths[:1], annotator="unknown") == model.expected(times.lengths[:1])


def test_images_have_no_length():
    """Annotators alone are a model, and one number per annotator."""
    times = planted(slope=0.0, people=(0.5, 2.0), spread=0.2)
    model = fitted(Times(times.seconds, None, times.shown, times.annotators))
    assert model.per_log_length == 0.0
    assert model.expected(None, annotator="p0").shape == (1,)
    assert model.expected(None, annotator="p1")[0] == pytest.approx(4.0 * math.exp(0.02), rel=0.1)


@pytest.mark.parametrize(
    ("times", "why"),
    [
        (planted(FEWEST - 1), "49 answers with a time"),
        (planted(slope=0.0, spread=0.0), "all answers took the same time"),
        (planted(120, slope=0.0, seed=3), "no better than the plain median"),
    ],
)
def test_where_it_stands_back(times, why):
    """Too few, all alike, or nothing that length could explain."""
    found = fit_seconds(times)
    assert isinstance(found, NoModel)
    assert why in found.why


def test_noise_is_seldom_taken_for_a_law():
    """Where length says nothing, a model is used in few of 60 campaigns; where it does, in all."""
    used = [isinstance(fit_seconds(planted(100, slope=0.0, seed=s)), SecondsModel) for s in range(60)]
    assert sum(used) <= 15
    assert all(isinstance(fit_seconds(planted(100, seed=s)), SecondsModel) for s in range(20))


def test_the_same_answers_give_the_same_model():
    """It is fitted anew each time, to the same bits."""
    assert fit_seconds(planted()) == fit_seconds(planted())
