"""Every scorer keeps one contract; each has a worked example and a case it must win."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from strategies import registry
from strategies.errors import StrategyError, StrategyInputError

# Those that take the probabilities of a committee: test_committee_scorers.py.
SCORERS = {name: scorer for name, scorer in registry.SCORERS.items() if not scorer.members}


@st.composite
def probs(draw):
    """Any valid probability matrix, certain rows and exact ties among them."""
    shape = (draw(st.integers(0, 30)), draw(st.integers(2, 9)))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    raw = draw(arrays(np.float64, shape, elements=st.sampled_from([0.0, 0.0, 1e-30, 0.1, 0.5, 1.0, 3.0])))
    raw[raw.sum(axis=1) == 0, 0] = 1.0
    return (raw / raw.sum(axis=1, keepdims=True)).astype(dtype)


@pytest.mark.parametrize("name", SCORERS)
@settings(max_examples=60, deadline=None)
@given(p=probs(), seed=st.integers(0, 9))
def test_scorer_contract(name, p, seed):
    """One finite score per item, whatever the order of the pool; the input is left as it was."""
    score = SCORERS[name].score
    before = p.copy()
    scores = score(p)
    assert scores.shape == (len(p),)
    assert scores.dtype == p.dtype
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
    np.testing.assert_array_equal(p, before)
    order = np.random.default_rng(seed).permutation(len(p))
    np.testing.assert_allclose(score(p[order]), scores[order], atol=1e-6)
    classes = np.random.default_rng(seed).permutation(p.shape[1])
    np.testing.assert_allclose(score(p[:, classes]), scores, atol=1e-5)


@pytest.mark.parametrize("name", SCORERS)
def test_block_size_is_invisible(name):
    """Equal rows score equal wherever they stand in a pool of many blocks."""
    row = np.array([[0.2, 0.5, 0.3]], dtype=np.float32)
    scores = SCORERS[name].score(np.repeat(row, 5_000, axis=0))
    assert (scores == scores[0]).all()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("entropy", [math.log(2), 0.0, 1.5 * math.log(2)]),
        ("margin", [1.0, 0.0, 0.75]),
        ("least_confidence", [0.5, 0.0, 0.5]),
    ],
)
def test_worked_example(name, expected):
    """Small enough to check by hand; entropy is in nats."""
    p = np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.5, 0.25, 0.25]])
    np.testing.assert_allclose(SCORERS[name].score(p), expected, atol=1e-15)


@pytest.mark.parametrize(
    ("name", "winner"),
    [
        ("entropy", [0.4, 0.2, 0.2, 0.2]),  # spread over all classes, though the first leads clearly
        ("margin", [0.5, 0.5, 0.0, 0.0]),  # an exact tie of two
        ("least_confidence", [0.34, 0.3, 0.3, 0.06]),  # the weakest favourite
    ],
)
def test_each_wins_its_own_case(name, winner):
    """Each scorer prefers the kind of doubt it is named for to that of the others."""
    cases = np.array([[0.4, 0.2, 0.2, 0.2], [0.5, 0.5, 0.0, 0.0], [0.34, 0.3, 0.3, 0.06]])
    assert cases[SCORERS[name].score(cases).argmax()].tolist() == winner


@pytest.mark.parametrize("name", SCORERS)
@pytest.mark.parametrize(
    ("row", "why"),
    [
        ([2.31, 0.0], "sum=2.31"),
        ([np.nan, 1.0], "NaN or infinity"),
        ([np.inf, 0.0], "NaN or infinity"),
        ([-0.5, 1.5], "smallest value=-0.5"),
    ],
)
def test_rows_that_are_no_probabilities_are_counted_and_shown(name, row, why):
    """The message says how many rows are wrong, which is first, why, and what to do."""
    p = np.full((5_000, 2), 0.5)
    p[[2_100, 4_000, 4_999]] = row
    with pytest.raises(StrategyInputError) as caught:
        SCORERS[name].score(p)
    message = str(caught.value)
    assert "3 of 5,000 rows are not probabilities; first is row 2100" in message
    assert why in message
    assert "softmax" in message
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, StrategyError)


@pytest.mark.parametrize("name", SCORERS)
@pytest.mark.parametrize(
    ("p", "say"),
    [
        (np.ones((3, 1)), "at least two classes"),
        (np.ones(3), r"float array \(items, classes\)"),
        (np.eye(3, dtype=int), "int64"),
    ],
)
def test_what_is_no_probability_matrix_is_refused(name, p, say):
    """One class, one dimension or whole numbers are named for what they are."""
    with pytest.raises(StrategyInputError, match=say):
        SCORERS[name].score(p)


def test_half_precision_is_scored_in_single():
    """float16 probabilities are widened: their logarithms would be worthless."""
    p = np.array([[0.75, 0.25]], dtype=np.float16)
    scores = SCORERS["entropy"].score(p)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, -(0.75 * math.log(0.75) + 0.25 * math.log(0.25)), rtol=1e-6)


def test_a_negative_zero_is_a_zero():
    """-0.0 is no negative number, though its sign bit is set."""
    p = np.array([[1.0, -0.0], [0.5, 0.5]], dtype=np.float32)
    for scorer in SCORERS.values():
        assert scorer.score(p)[0] == 0.0


@pytest.mark.parametrize("name", SCORERS)
def test_memory_layout_is_invisible(name):
    """Strided, transposed, read-only and misaligned arrays score as their plain copies do."""
    rng = np.random.default_rng(0)
    p = rng.random((9_000, 21))
    p = (p / p.sum(axis=1, keepdims=True)).astype(np.float32)
    score = SCORERS[name].score
    expected = score(p)
    wide = np.zeros((9_000, 42), dtype=np.float32)
    wide[:, ::2] = p
    raw = np.zeros(p.nbytes + 1, dtype=np.uint8)
    odd = raw[1:].view(np.float32).reshape(p.shape)
    odd[:] = p
    locked = p.copy()
    locked.flags.writeable = False
    for layout in (wide[:, ::2], np.asfortranarray(p), odd, locked):
        np.testing.assert_array_equal(score(layout), expected)


def test_entropy_is_as_exact_as_its_numbers():
    """The series behind the logarithm is good to the last digits, from the smallest normal number to 1."""
    for dtype, tolerance in ((np.float32, 3e-7), (np.float64, 5e-16)):
        small = np.geomspace(np.finfo(dtype).tiny, 0.5, 4_001).astype(dtype)
        p = np.stack([small, 1 - small], axis=1)
        wide = p.astype(np.longdouble)
        expected = -(wide * np.log(wide)).sum(axis=1)
        np.testing.assert_allclose(SCORERS["entropy"].score(p), expected.astype(dtype), atol=tolerance)
