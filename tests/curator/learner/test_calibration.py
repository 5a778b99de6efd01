"""Temperatures and folds."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from curator.learner.calibration import fit_inverse_temperature
from curator.learner.folds import stratified_folds
from curator.learner.prototypes import fit_prototypes


def test_a_known_temperature_is_found_again():
    """Labels drawn at sharpness 3 are fitted at about 3."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(4000, 5))
    y = np.array([rng.choice(5, p=p) for p in softmax(3 * scores, axis=1)])
    assert abs(fit_inverse_temperature(scores, y, start=1, pseudo_labels=0, bounds=(0.1, 10)) - 3) < 0.25


def test_pseudo_labels_hold_the_start_while_labels_are_few():
    """Two labels that are both right do not make the scores infinitely sharp; no labels leave the start."""
    scores, y = np.eye(2), np.array([0, 1])
    assert fit_inverse_temperature(scores, y, start=20, pseudo_labels=0, bounds=(0.1, 400)) > 40
    assert 19 < fit_inverse_temperature(scores, y, start=20, pseudo_labels=5, bounds=(0.1, 400)) < 25
    assert fit_inverse_temperature(scores[:0], y[:0], start=20, pseudo_labels=5, bounds=(0.1, 400)) == 20


def test_class_means_are_unit_and_absent_classes_are_zero():
    """Means by hand, a class without labels at the origin, single labels without a say in the temperature."""
    rows = np.array([[1, 0], [0, 1], [0, 1]], dtype=np.float32)
    found = fit_prototypes(rows, np.array([0, 2, 2]), 3)
    np.testing.assert_allclose(found.means, [[1, 0], [0, 0], [0, 1]])
    assert fit_prototypes(rows[:1], np.array([0]), 3).sharpness == 20


@settings(max_examples=40)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=60), st.integers(2, 6))
def test_folds_are_even_and_stratified(labels, n_folds):
    """Sizes differ by at most one, in all and within each class."""
    y = np.array(labels)
    fold = stratified_folds(y, n_folds, [0])
    for part in [y == c for c in np.unique(y)] + [np.ones(len(y), bool)]:
        assert np.ptp(np.bincount(fold[part], minlength=n_folds)) <= 1
