"""Metrics agree with scikit-learn's; cross-validation predicts every label once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from curator.errors import DataError
from curator.evidence.evaluation import evaluate_classes
from curator.evidence.metrics import METRICS
from curator.learner.cross_validation import cross_validated_probs
from curator.learner.head import EmbeddingHead


def _evaluate(probs, y, classes):
    return evaluate_classes(probs, y, classes, [one for one in METRICS.values() if one.evaluated])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(2, 6))
def test_metrics_are_scikit_learns(seed, n, k):
    """Accuracy, macro-F1 over present classes, log loss, Brier and the scores of each class."""
    rng = np.random.default_rng(seed)
    probs, y = 0.99 * rng.dirichlet(np.ones(k), n) + 0.01 / k, rng.integers(0, k, n)
    found, guess = _evaluate(probs, y, [str(i) for i in range(k)]), probs.argmax(axis=1)
    assert found.values["accuracy"] == pytest.approx(metrics.accuracy_score(y, guess))
    present = np.unique(y)
    f1 = metrics.f1_score(y, guess, labels=present, average="macro", zero_division=0)
    assert found.values["macro_f1"] == pytest.approx(f1)
    assert found.values["log_loss"] == pytest.approx(
        metrics.log_loss(y, np.clip(probs, 1e-6, 1), labels=range(k)), abs=1e-4
    )
    assert found.values["brier"] == pytest.approx(((probs - np.eye(k)[y]) ** 2).sum(axis=1).mean())
    each = metrics.precision_recall_fscore_support(y, guess, labels=range(k), zero_division=0)
    ours = [[c.values[part] for c in found.parts] for part in ("precision", "recall", "f1")]
    ours.append([c.items for c in found.parts])
    np.testing.assert_allclose(ours, np.array(each, dtype=float))


def test_calibration_error_by_hand():
    """Ten answers at 0.8 of which six are right are 0.2 off; certain and right is 0."""
    probs = np.tile([0.8, 0.2], (10, 1))
    assert METRICS["ece"].measure(probs, np.array([0] * 6 + [1] * 4)) == pytest.approx(0.2)
    assert METRICS["ece"].measure(np.eye(3), np.arange(3)) == 0


def test_a_certain_error_costs_finitely_much():
    """Log loss is clipped at 1e-6."""
    assert _evaluate(np.eye(2), np.array([1, 0]), "ab").values["log_loss"] == pytest.approx(13.8, abs=0.1)


@pytest.mark.parametrize(
    ("probs", "y"),
    [
        (np.ones((2, 3)), [0, 1]),
        (np.ones((0, 2)), []),
        (np.ones((2, 2)), [0]),
        (np.ones((2, 2)), [0, 2]),
        (np.full((1, 2), np.nan), [0]),
    ],
)
def test_input_that_does_not_fit_is_refused(probs, y):
    """Wrong shapes, no items, unknown columns and NaN are errors."""
    with pytest.raises(DataError):
        _evaluate(probs, np.array(y, dtype=int), ["a", "b"])


def test_cross_validation_never_predicts_what_it_trained_on():
    """Labels of pure noise are not predicted; separable ones are; also with a class of one label."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 40)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    noise = rng.integers(0, 2, 60)
    head = EmbeddingHead(classes=(0, 1, 2), n_seeds=1, device="cpu")
    assert _evaluate(cross_validated_probs(head, rows, noise), noise, "abc").values["accuracy"] < 0.75
    separable = (rows[:, 0] > 0).astype(int)
    rows[:, 0] *= 20
    separable[5] = 2
    probs = cross_validated_probs(head, rows / np.linalg.norm(rows, axis=1, keepdims=True), separable)
    assert probs.shape == (60, 3)
    assert _evaluate(probs, separable, "abc").values["accuracy"] > 0.85


def test_nothing_to_validate_is_none():
    """Three labels, or one class, cannot be cross-validated."""
    head = EmbeddingHead(device="cpu")
    assert cross_validated_probs(head, np.eye(3), [0, 1, 0]) is None
    assert cross_validated_probs(head, np.eye(5), [1] * 5) is None
