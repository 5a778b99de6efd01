"""modAL in both directions: its strategies in our loop, ours in its learner."""
# ruff: noqa: N803, N806  X is what scikit-learn and modAL call it

import re

import numpy as np
import pytest
from modAL.models import ActiveLearner, Committee
from modAL.uncertainty import classifier_entropy, classifier_margin, classifier_uncertainty
from sklearn.linear_model import LogisticRegression

from curator.project.modal import query_strategy
from integrations.errors import IntegrationError
from integrations.modal import (
    load_query_strategy,
    make_learner,
    query_strategy_from_score,
    query_strategy_from_select,
    run_query_strategy,
)
from strategies import margin
from strategies.inputs import Inputs
from strategies.kernels.neighbour_graph import build
from strategies.registry import SCORERS, SELECTORS


@pytest.fixture
def data():
    """60 labeled and 200 unlabeled items of three overlapping classes."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 260)
    rows = (np.eye(3)[y] + 0.6 * rng.standard_normal((260, 3))).astype(np.float32)
    return rows[:60], y[:60], rows[60:], y[60:]


@pytest.fixture
def learner(data):
    X, y, _, _ = data
    return make_learner(LogisticRegression().fit(X, y), X, y)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("entropy", classifier_entropy),
        ("margin", lambda learner, X: 1 - classifier_margin(learner, X)),
        ("least_confidence", classifier_uncertainty),
    ],
)
def test_our_scores_are_modals(name, theirs, learner, data):
    """Item by item the same entropy, margin and least confidence (their margin runs the other way round).

    In single precision: from scikit-learn 1.8 on a model predicts in that of the items.
    """
    pool = data[2]
    np.testing.assert_allclose(
        SCORERS[name].score(learner.predict_proba(pool)), theirs(learner, pool), atol=1e-6
    )


def test_a_fitted_model_is_wrapped_without_fitting(data):
    """The model in the learner is the one handed in, untouched, and the learner knows its training data."""
    X, y, pool, _ = data
    model = LogisticRegression().fit(X, y)
    weights = model.coef_
    learner = make_learner(model, X, y)
    assert learner.estimator is model
    assert model.coef_ is weights
    assert learner.X_training is X
    assert len(learner.query(pool, n_instances=3)[0]) == 3


def test_teaching_refits_on_everything(learner, data):
    """teach() learns from the old labels and the new ones together."""
    X, y, pool, answers = data
    learner.teach(pool[:50], answers[:50])
    whole = LogisticRegression().fit(np.concatenate((X, pool[:50])), np.concatenate((y, answers[:50])))
    np.testing.assert_allclose(learner.predict_proba(pool), whole.predict_proba(pool))


def test_teaching_only_the_new_forgets_nothing_that_is_known(learner, data):
    """teach(only_new=True) fits on the new ones alone; what was known stays known, as in modAL."""
    X, _y, pool, answers = data
    learner.teach(pool[:50], answers[:50], only_new=True)
    alone = LogisticRegression().fit(pool[:50], answers[:50])
    np.testing.assert_allclose(learner.predict_proba(pool), alone.predict_proba(pool))
    assert learner.X_training is X


def test_fitting_begins_anew(learner, data):
    """fit() forgets the old labels and gives the learner back."""
    _, _, pool, answers = data
    assert learner.fit(pool[:50], answers[:50]) is learner
    alone = LogisticRegression().fit(pool[:50], answers[:50])
    np.testing.assert_allclose(learner.predict_proba(pool), alone.predict_proba(pool))
    assert len(learner.X_training) == len(learner.y_training) == 50


@pytest.mark.parametrize("bootstrap", [False, True])
def test_a_committee_of_modal_teaches_our_learners(data, bootstrap):
    """A committee hands new labels to each of its learners."""
    X, y, pool, answers = data
    committee = Committee([make_learner(LogisticRegression(C=c).fit(X, y), X, y) for c in (0.1, 1.0)])
    committee.teach(pool[:50], answers[:50], bootstrap=bootstrap)
    assert [len(one.X_training) for one in committee] == [110, 110]
    assert committee.predict_proba(pool).shape == (200, 3)


@pytest.mark.parametrize("call", ["fit", "teach", "only_new"])
@pytest.mark.parametrize(
    ("spoil", "say"),
    [
        (lambda X, y: (X, y[1:]), "inconsistent numbers of samples"),
        (lambda X, y: (X * [1, np.nan, 1], y), "NaN"),
    ],
)
def test_broken_training_data_is_refused(learner, data, call, spoil, say):
    """Lengths that differ and values that are not finite are refused before anything is learned or kept."""
    X, _y, pool, answers = data
    method, more = (learner.teach, {"only_new": True}) if call == "only_new" else (getattr(learner, call), {})
    before = learner.predict_proba(pool)
    with pytest.raises(ValueError, match=say):
        method(*spoil(pool[:50], answers[:50]), **more)
    assert learner.X_training is X
    np.testing.assert_array_equal(learner.predict_proba(pool), before)


def test_a_learner_needs_a_label_per_row(data):
    """One too few is said."""
    X, y, _, _ = data
    with pytest.raises(IntegrationError, match="60 training rows have 59 labels"):
        make_learner(LogisticRegression(), X, y[1:])


def test_entropy_sampling_runs_and_agrees_with_ours(learner, data):
    """modAL's entropy sampling picks the items that our entropy ranks first."""
    pool = data[2]
    picks, values = run_query_strategy(
        load_query_strategy("modAL.uncertainty:entropy_sampling"), learner, pool, 20
    )
    ours = SCORERS["entropy"].score(learner.predict_proba(pool))
    assert set(picks.tolist()) == set(np.argsort(-ours)[:20].tolist())
    np.testing.assert_allclose(values, ours[picks], atol=1e-6)


@pytest.mark.parametrize("k", [1, 2, 15])
def test_ranked_batch_sampling_runs(learner, data, k):
    """modAL's batch sampling gives k distinct items with their uncertainty, also for one and for two."""
    pool = data[2]
    strategy = load_query_strategy("modAL.batch:uncertainty_batch_sampling")
    picks, values = run_query_strategy(strategy, learner, pool, k)
    assert len(set(picks.tolist())) == k
    np.testing.assert_allclose(values, classifier_uncertainty(learner, pool)[picks])


@pytest.mark.parametrize(
    ("returned", "values"),
    [
        (np.array([4, 7]), None),
        ([4, 7], None),
        (np.array([[4], [7]]), None),
        ((np.array([4, 7]), np.array([[0.9], [0.8]])), [0.9, 0.8]),
        ((np.array([4, 7]), np.ones((2, 3))), None),
        ((np.array([4, 7]), None), None),
    ],
)
def test_odd_returns_are_read_right(learner, data, returned, values):
    """Bare indices, columns, chosen rows in place of scores: custom strategies of modAL return all of these."""
    picks, got = run_query_strategy(lambda *_, **__: returned, learner, data[2], 2)
    assert picks.tolist() == [4, 7]
    assert got is None if values is None else got.tolist() == values


def test_a_bare_number_is_one_item(learner, data):
    """np.argmax is a common way to write a strategy for one item."""
    picks, _ = run_query_strategy(lambda *_, **__: np.int64(4), learner, data[2], 1)
    assert picks.tolist() == [4]


@pytest.mark.parametrize(
    ("returned", "say"),
    [
        ([1, 1], "returned an item twice"),
        ([1, 200], "position 200, which is outside the pool of 200"),
        ([1, -1], "position -1"),
        ([1, 2, 3], r"asked for 2 items and returned int64 of shape \(3,\)"),
        ([0.5, 0.7], "float64"),
    ],
)
def test_returns_that_are_no_batch(learner, data, returned, say):
    """What is not k distinct positions is refused, with the strategy's name."""

    def careless(learner, X, n_instances=1):
        return returned

    with pytest.raises(IntegrationError, match=say) as caught:
        run_query_strategy(careless, learner, data[2], 2)
    assert "test_modal:careless" in str(caught.value)


def test_a_failing_strategy_is_called_once_and_named(learner, data):
    """modAL's own query would swallow the error and call again."""
    calls = []

    def failing(learner, X, n_instances=1):
        calls.append(n_instances)
        raise ZeroDivisionError("by zero")

    with pytest.raises(
        IntegrationError, match="test_modal:failing failed on 200 items: ZeroDivisionError: by zero"
    ) as e:
        run_query_strategy(failing, learner, data[2], 5)
    assert calls == [5]
    assert isinstance(e.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    ("spec", "say"),
    [
        ("entropy_sampling", "Write MODULE:FUNCTION"),
        (":f", "Write MODULE:FUNCTION"),
        ("no.such.module:f", "module 'no.such.module' cannot be imported (ModuleNotFoundError"),
        ("modAL.uncertainty:nothing", "has no 'nothing'"),
        ("modAL.uncertainty:__name__", "is a str, not a function"),
        ("modAL.disagreement:vote_entropy_sampling", "asks a committee"),
        ("modAL.acquisition:max_EI", "optimises a function"),
    ],
)
def test_specs_that_name_no_usable_strategy(spec, say):
    """The message quotes the spec and says what is wrong with it."""
    with pytest.raises(IntegrationError, match=re.escape(say)) as caught:
        load_query_strategy(spec, allow_code=True)
    assert repr(spec) in str(caught.value)


@pytest.mark.parametrize("spec", ["os:system", "subprocess:run", "no.such.module:f", "modALlike.batch:f"])
def test_code_from_outside_modal_is_not_even_imported(spec, monkeypatch):
    """A curator.toml that came from elsewhere runs nothing of its own unless that was allowed."""
    monkeypatch.setattr("importlib.import_module", lambda name: pytest.fail(f"{name} was imported"))
    with pytest.raises(IntegrationError, match="allow_code = true"):
        load_query_strategy(spec)


@pytest.mark.parametrize("name", [name for name, scorer in SCORERS.items() if not scorer.members])
def test_our_scorers_work_in_modal(name, data):
    """A modAL learner queries with our scorer: the highest score first, metrics included."""
    X, y, pool, _ = data
    learner = make_learner(
        LogisticRegression().fit(X, y), X, y, query_strategy_from_score(SCORERS[name].score)
    )
    picks, rows, scores = learner.query(pool, n_instances=6, return_metrics=True)
    ours = SCORERS[name].score(learner.predict_proba(pool))
    assert picks.tolist() == np.argsort(-ours, kind="stable")[:6].tolist()
    np.testing.assert_array_equal(rows, pool[picks])
    np.testing.assert_array_equal(scores, ours[picks])


@pytest.mark.parametrize("name", [name for name, scorer in SCORERS.items() if scorer.members])
def test_committee_scorers_work_in_modal(name, data):
    """A modAL learner of one model asks a committee of its own masks; the same seed asks the same."""
    X, y, pool, _ = data
    learner = make_learner(LogisticRegression().fit(X, y), X, y, query_strategy(name, seed=1))
    picks, _, scores = learner.query(pool, n_instances=6, return_metrics=True)
    assert len(set(picks.tolist())) == 6
    assert (np.diff(scores) <= 0).all()
    assert scores[0] > 0
    assert learner.query(pool, n_instances=6)[0].tolist() == picks.tolist()


def test_auto_begins_in_modal_without_a_model(data):
    """A learner without labels gets the batch that covers the pool; one that was fitted elsewhere is asked."""
    X, y, pool, _answers = data
    learner = ActiveLearner(LogisticRegression(), query_strategy("auto", seed=3))
    picks, _ = learner.query(pool, n_instances=4)
    rng = np.random.default_rng([3, 0])
    expected = SELECTORS["maxherding"].select(pool, 4, labeled=None, weights=None, rng=rng)
    assert picks.tolist() == expected.tolist()
    fitted = ActiveLearner(LogisticRegression().fit(X, y), query_strategy("auto", seed=3))
    picks, _ = fitted.query(pool, n_instances=4)
    uncertainty = margin.score(fitted.predict_proba(pool))
    rng = np.random.default_rng([3, 0])
    expected = SELECTORS["auto"].select(pool, 4, labeled=None, weights=None, rng=rng, uncertainty=uncertainty)
    assert picks.tolist() == expected.tolist()


@pytest.mark.parametrize("name", SELECTORS)
def test_our_selectors_work_in_modal(name, data):
    """A modAL learner queries with our selector; what it was trained on counts as labeled, also after teach()."""
    X, y, pool, answers = data
    selector = SELECTORS[name]
    learner = make_learner(LogisticRegression().fit(X, y), X, y, query_strategy(name, seed=3))
    picks, _ = learner.query(pool, n_instances=2)
    known = Inputs(
        uncertainty=margin.score(learner.predict_proba(pool)),
        predict=learner.predict_proba,
        neighbours=build(pool, rng=np.random.default_rng(3))[0],
    )
    uses = tuple(use for use in selector.uses if use == "uncertainty")
    needed = known.for_needs(selector.needs, name, uses)
    rng = np.random.default_rng([3, 60])
    expected = selector.select(pool, 2, labeled=X, weights=None, rng=rng, **needed)
    np.testing.assert_array_equal(picks, expected)
    learner.teach(pool[picks], answers[picks])
    again, _ = learner.query(pool, n_instances=2)
    assert set(again.tolist()) != set(picks.tolist())


def test_our_selectors_work_before_any_label(data):
    """A learner that was never taught has nothing labeled."""
    learner = make_learner(LogisticRegression(), data[0][:0], data[1][:0])
    learner.X_training = None
    picks, values = run_query_strategy(
        query_strategy_from_select(SELECTORS["coverage"].select), learner, data[2], 4
    )
    assert len(picks) == 4
    assert values.tolist() == [4, 3, 2, 1]
