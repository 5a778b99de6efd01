"""The default head: agrees with scikit-learn, covers all classes, repeats itself, says what is wrong."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression

from curator.errors import ConfigError, DataError
from curator.learner.head import EmbeddingHead
from curator.learner.model import build_model


def _digits(n, n_classes=10, seed=0):
    rows, y = load_digits(return_X_y=True)
    rows, y = rows[y < n_classes], y[y < n_classes]
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    order = np.random.default_rng(seed).permutation(len(y))
    train, test = order[:n], order[-300:]
    return rows[train], y[train], rows[test], y[test]


@pytest.mark.parametrize(("n", "n_classes"), [(40, 10), (200, 10), (60, 2), (15, 3)])
def test_linear_head_is_scikit_learns_balanced_logistic_regression(n, n_classes):
    """Without class means the default head has the probs of LogisticRegression(C=100) solved to convergence."""
    rows, y, test, _ = _digits(n, n_classes)
    exact = LogisticRegression(C=100, class_weight="balanced", tol=1e-9, max_iter=100_000).fit(
        rows.astype(float), y
    )
    head = EmbeddingHead(prototype=False, tol=1e-3, device="cpu").fit(rows, y)
    np.testing.assert_allclose(head.predict_proba(test), exact.predict_proba(test), atol=1e-4)


def test_unbalanced_head_with_other_decay_agrees_too():
    """class_balanced and weight_decay mean what class_weight and 1 / C mean."""
    rows, y, test, _ = _digits(100)
    exact = LogisticRegression(C=5, tol=1e-9, max_iter=100_000).fit(rows.astype(float), y)
    head = EmbeddingHead(prototype=False, class_balanced=False, weight_decay=0.2, tol=1e-3, device="cpu").fit(
        rows, y
    )
    np.testing.assert_allclose(head.predict_proba(test), exact.predict_proba(test), atol=1e-4)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"temperature": "cv"},
        {"hidden": 16, "max_iter": 20},
        {"hidden": 16, "max_iter": 20, "temperature": "cv", "prototype": False},
        {"dropout": 0.3, "mixup": 0.3, "max_iter": 20},
        {"hidden": 16, "early_stopping": True, "max_iter": 20, "label_smoothing": 0.1, "dropout": 0.2},
    ],
)
def test_every_option_gives_probs_and_repeats_itself(params):
    """Rows sum to 1, the mean over seeds is predict_proba, the same seed is the same model bit for bit."""
    rows, y, test, truth = _digits(120)
    names = np.array([f"d{label}" for label in range(12)])
    head = EmbeddingHead(classes=tuple(names), device="cpu", **params).fit(rows, names[y])
    seeds = head.predict_proba_seeds(test)
    assert seeds.shape == (3, len(test), 12)
    assert seeds.dtype == np.float32
    np.testing.assert_allclose(seeds.sum(axis=2), 1, atol=1e-5)
    np.testing.assert_allclose(seeds.mean(axis=0), head.predict_proba(test), atol=1e-6)
    np.testing.assert_array_equal(clone(head).fit(rows, names[y]).predict_proba_seeds(test), seeds)
    assert (head.predict(test) == names[truth]).mean() > 0.7
    restored = EmbeddingHead.from_state(*head.state())
    np.testing.assert_array_equal(restored.predict_proba_seeds(test), seeds)


def test_random_seeds_differ_and_a_seed_does_not_depend_on_the_others():
    """With a hidden layer the seeds are different models, and the first of three is the only one of one."""
    rows, y, test, _ = _digits(60)
    three = EmbeddingHead(hidden=8, max_iter=10, device="cpu").fit(rows, y).predict_proba_seeds(test)
    one = EmbeddingHead(hidden=8, max_iter=10, n_seeds=1, device="cpu").fit(rows, y).predict_proba_seeds(test)
    assert np.abs(three[0] - three[1]).max() > 1e-4
    np.testing.assert_allclose(one[0], three[0], atol=1e-5)


def test_classes_without_labels_share_a_small_mass():
    """Laplace: 2 of 5 classes unseen with 10 labels get 2 / (10 + 5), half each."""
    rows, y, test, _ = _digits(10, 3, seed=1)
    head = EmbeddingHead(classes=(0, 1, 2, 7, 8), device="cpu").fit(rows, y)
    assert len(np.unique(y)) == 3
    np.testing.assert_allclose(head.predict_proba(test)[:, 3:], 1 / 15, rtol=1e-6)


@pytest.mark.parametrize("params", [{}, {"hidden": 4, "early_stopping": True}, {"temperature": "cv"}])
def test_one_labeled_class_gives_a_constant_prediction(params):
    """Before the second class turns up the head predicts the first, and leaves the others their mass."""
    rows = np.eye(4, dtype=np.float32)
    head = EmbeddingHead(classes=("a", "b", "c"), device="cpu", **params).fit(rows[:1], ["b"])
    np.testing.assert_allclose(head.predict_proba(rows), [[0.25, 0.5, 0.25]] * 4, rtol=1e-6)
    assert EmbeddingHead(classes=("a", "b"), device="cpu", **params).fit(rows[:2], ["a", "b"]).predict(
        rows[:2]
    ).tolist() == ["a", "b"]


def test_too_few_newton_steps_are_said():
    """A head that is not solved warns, with the way out."""
    rows, y, _, _ = _digits(100)
    with pytest.warns(ConvergenceWarning, match="Raise max_iter"):
        EmbeddingHead(max_iter=1, device="cpu").fit(rows, y)


def test_all_wrong_parameters_are_named_at_once():
    """One error lists every wrong value."""
    with pytest.raises(
        ConfigError, match=r"hidden = -1.*weight_decay = 0.*dropout = 1.0.*temperature = 'hot'"
    ):
        EmbeddingHead(hidden=-1, weight_decay=0, dropout=1.0, temperature="hot").fit([[1.0]], ["a"])


def test_wrong_data_is_named():
    """Shapes, values, classes and dims that cannot be: each says what and where."""
    rows = np.eye(3, dtype=np.float32)
    head = EmbeddingHead(classes=("a", "b"), device="cpu")
    with pytest.raises(NotFittedError):
        head.predict_proba(rows)
    with pytest.raises(DataError, match="first 'z'"):
        head.fit(rows, ["a", "b", "z"])
    with pytest.raises(DataError, match="labels in one dimension"):
        head.fit(rows, ["a"])
    with pytest.raises(DataError, match="shape"):
        head.fit(rows[0], ["a"])
    with pytest.raises(DataError, match="first is row 1"):
        head.fit(np.array([[1, 0], [np.nan, 0]]), ["a", "b"])
    with pytest.raises(ConfigError, match="differ from each other"):
        EmbeddingHead(classes=("a", "a"), device="cpu").fit(rows[:1], ["a"])
    with pytest.raises(DataError, match="dim 3, got dim 2"):
        head.fit(rows, ["a", "b", "a"]).predict_proba(rows[:, :2])
    assert head.predict_proba(rows[:0]).shape == (0, 2)


@pytest.mark.parametrize("available", [torch.cuda.is_available()])
def test_cuda_is_used_or_refused_never_replaced(available):
    """device="cuda" without CUDA is an error, not a quiet CPU."""
    rows = np.eye(2, dtype=np.float32)
    head = EmbeddingHead(device="cuda")
    if available:
        assert head.fit(rows, ["a", "b"]).predict(rows).tolist() == ["a", "b"]
    else:
        with pytest.raises(ConfigError, match="no CUDA device"):
            head.fit(rows, ["a", "b"])


@pytest.mark.parametrize(
    "name", ["linear_model.LogisticRegression", "sklearn.ensemble.RandomForestClassifier"]
)
def test_any_scikit_learn_classifier_covers_all_classes(name):
    """Columns for all classes, one model per seed where there is a random state, the same again."""
    rows, y, test, _ = _digits(60, 4)
    params = {"n_estimators": 5} if "ensemble" in name else {"C": 100, "solver": "liblinear"}
    params = params if "ensemble" in name else {"C": 100, "max_iter": 1000}
    model = build_model(f"sklearn:{name}", params, tuple(range(6)), 2, 0).fit(rows, y)
    seeds = model.predict_proba_seeds(test)
    assert seeds.shape == (2, len(test), 6)
    np.testing.assert_allclose(seeds.sum(axis=2), 1, atol=1e-5)
    assert (seeds[:, :, 4:] == 0).all()
    np.testing.assert_array_equal(clone(model).fit(rows, y).predict_proba_seeds(test), seeds)
    assert set(model.predict(test)) <= {0, 1, 2, 3}
    assert model.fit(rows[:1], y[:1]).predict_proba(test)[:, y[0]].min() == 1


def test_an_estimator_without_random_state_is_trained_once():
    """Clones that would coincide are not trained three times."""
    rows, y, test, _ = _digits(60, 4)
    model = build_model("sklearn:naive_bayes.GaussianNB", {}, (0, 1, 2, 3), 3, 0).fit(rows, y)
    assert len(model.estimators_) == 1
    assert model.predict_proba_seeds(test).shape[0] == 3


@pytest.mark.parametrize(
    ("name", "params", "says"),
    [
        ("tree", {}, "unknown model"),
        ("head", {"depth": 3}, "takes no parameter depth"),
        ("head", {"hidden": "x"}, "whole number"),
        ("sklearn:LogisticRegression", {}, "MODULE.CLASS"),
        ("sklearn:linear_model.Nope", {}, "no class"),
        ("sklearn:no_such_thing.Nope", {}, "no class"),
        ("sklearn:linear_model.LogisticRegression", {"D": 1}, "does not take"),
        ("sklearn:svm.LinearSVC", {}, "no predict_proba"),
    ],
)
def test_a_model_that_cannot_be_built_says_why(name, params, says):
    """Unknown names, unknown parameters and classifiers without probabilities are configuration errors."""
    with pytest.raises(ConfigError, match=says):
        build_model(name, params, ("a", "b"), 3, 0)


def test_estimator_errors_reach_the_user():
    """What an estimator says about its parameters at fit time is passed on; strange labels are refused."""
    rows, y, _, _ = _digits(20, 2)
    with pytest.raises(ConfigError, match="cannot be trained"):
        build_model("sklearn:linear_model.LogisticRegression", {"C": -1}, (0, 1), 1, 0).fit(rows, y)
    with pytest.raises(DataError, match="not among"):
        build_model("sklearn:linear_model.LogisticRegression", {}, (0, 9), 1, 0).fit(rows, y)
    with pytest.raises(ConfigError, match="at least one seed"):
        build_model("head", {}, (0, 1), 0, 0)


@pytest.mark.parametrize("seed", range(3))
def test_many_separable_classes_are_solved_too(seed):
    """Rare, separable, near-copied rows of many classes, where Newton steps are most at risk: sklearn agrees."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(60, 200)) * (rng.random((60, 200)) < 0.05)
    y = np.concatenate([np.arange(60), rng.integers(60, size=500)])
    rows = centres[y] + 0.02 * rng.normal(size=(len(y), 200)) * (rng.random((len(y), 200)) < 0.2)
    rows = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    head = EmbeddingHead(prototype=False, n_seeds=1).fit(rows, y)
    reference = LogisticRegression(C=100, class_weight="balanced", max_iter=10_000, tol=1e-8).fit(rows, y)
    np.testing.assert_allclose(head.predict_proba(rows), reference.predict_proba(rows), atol=2e-4)
