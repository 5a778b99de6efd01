"""Committee scorers: one contract, worked examples, a case each must win, and where the members come from."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.errors import StrategyInputError
from strategies.kernels.committee import dropout_committee
from strategies.kernels.linear_head import LinearHead
from strategies.registry import SCORERS
from strategies.scoring import score_blocks

COMMITTEE = [name for name, scorer in SCORERS.items() if scorer.members]


def softmax(logits):
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return odds / odds.sum(axis=-1, keepdims=True)


def entropy(probs):
    return -(probs * np.log(np.maximum(probs, 1e-300))).sum(axis=-1)


def dense(name, members):
    """The definitions, in float64, a row at a time."""
    members = members.astype(np.float64)
    if name == "bald":
        return entropy(members.mean(axis=0)) - entropy(members).mean(axis=0)
    votes = members.argmax(axis=2)
    shares = (votes[:, :, None] == np.arange(members.shape[2])).mean(axis=0)
    return entropy(shares)


@pytest.mark.parametrize("name", COMMITTEE)
@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 1_000), members=st.integers(2, 6), n=st.integers(0, 20), classes=st.integers(2, 7))
def test_committee_contract(name, seed, members, n, classes):
    """A finite score per item within its range, as defined, whatever the order of members and pool; no input changes."""
    rng = np.random.default_rng(seed)
    dtype = rng.choice([np.float32, np.float64])
    probs = softmax(4 * rng.standard_normal((members, n, classes))).astype(dtype)
    before = probs.copy()
    scores = SCORERS[name].score(probs)
    assert scores.shape == (n,)
    assert scores.dtype == dtype
    assert (scores >= 0).all()
    assert (scores <= math.log(min(members, classes)) + 1e-6).all()
    np.testing.assert_allclose(scores, dense(name, probs), atol=1e-6)
    order = rng.permutation(n)
    np.testing.assert_allclose(SCORERS[name].score(probs[::-1][:, order]), scores[order], atol=1e-6)
    np.testing.assert_array_equal(probs, before)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("vote_entropy", [0.0, math.log(2), 0.0]),
        ("bald", [0.0, math.log(2), 0.0]),
    ],
)
def test_worked_example(name, expected):
    """Two members agree for sure, differ for sure, and are unsure together: only the second is disagreement."""
    members = np.array([[[1, 0], [1, 0], [0.5, 0.5]], [[1, 0], [0, 1], [0.5, 0.5]]], dtype=np.float64)
    np.testing.assert_allclose(SCORERS[name].score(members), expected, atol=1e-15)


def test_each_wins_its_own_case():
    """Votes split by a hair win by vote entropy; sure and opposite predictions win by BALD."""
    hair = [[0.51, 0.49, 0], [0.49, 0.51, 0], [0.49, 0.02, 0.49 + 1e-3]]
    sure = [[0.98, 0.01, 0.01], [0.98, 0.01, 0.01], [0.01, 0.98, 0.01]]
    members = np.array([hair, sure]).transpose(1, 0, 2)
    members /= members.sum(axis=2, keepdims=True)
    assert SCORERS["vote_entropy"].score(members).argmax() == 0
    assert SCORERS["bald"].score(members).argmax() == 1


@pytest.mark.parametrize("name", COMMITTEE)
def test_members_who_coincide_disagree_on_nothing(name):
    """Exactly 0 for every item, so that rounding ranks nothing."""
    probs = softmax(3 * np.random.default_rng(0).standard_normal((5_000, 9))).astype(np.float32)
    assert not SCORERS[name].score(np.repeat(probs[None], 7, axis=0)).any()


@pytest.mark.parametrize("name", COMMITTEE)
@pytest.mark.parametrize(
    ("members", "say"),
    [
        (np.full((3, 2), 0.5), "at least two members"),
        (np.full((1, 3, 2), 0.5), "at least two members"),
        (np.ones((2, 3, 1)), "at least two classes"),
        ([[1.0]], "not list"),
        (
            np.array([[[0.5, 0.5]], [[np.nan, 1.0]]]),
            "Member 1, items 0 to 0: 1 of 1 rows are not probabilities",
        ),
    ],
)
def test_what_is_no_committee_is_refused(name, members, say):
    """Wrong shapes and bad numbers are named, with the member they are of."""
    with pytest.raises(StrategyInputError, match=say):
        SCORERS[name].score(members)


def head(seed=0, n_heads=1, dim=12, classes=5):
    rng = np.random.default_rng(seed)
    weight = rng.standard_normal((n_heads, classes, dim)).astype(np.float32)
    return LinearHead(
        weight, rng.standard_normal((n_heads, classes)).astype(np.float32), np.arange(classes), classes
    )


def test_masking_the_embeddings_is_masking_the_weights():
    """A committee of a linear head predicts what the head predicts of masked embeddings."""
    rows = np.random.default_rng(1).standard_normal((50, 12)).astype(np.float32)
    general = dropout_committee(head().predict, 12, members=4, rate=0.3, rng=np.random.default_rng(2))
    linear = dropout_committee(head(), 12, members=4, rate=0.3, rng=np.random.default_rng(2))
    np.testing.assert_allclose(general(rows), linear.predict_members(rows), atol=1e-6)


def test_without_dropout_there_is_no_disagreement():
    """Rate 0 makes all members one; so does a row of zeros at any rate."""
    rows = np.random.default_rng(1).standard_normal((50, 12)).astype(np.float32)
    rows[0] = 0
    for rate in (0.0, 0.5):
        committee = dropout_committee(head(), 12, members=4, rate=rate, rng=np.random.default_rng(2))
        scores = SCORERS["bald"].score(committee.predict_members(rows))
        assert scores[0] == 0
        assert scores.any() == (rate > 0)


@pytest.mark.parametrize(("members", "rate", "say"), [(1, 0.5, "at least 2"), (3, 1.0, r"in \[0, 1\)")])
def test_committees_that_cannot_be(members, rate, say):
    """One member, or nothing left to see."""
    with pytest.raises(StrategyInputError, match=say):
        dropout_committee(head(), 12, members=members, rate=rate, rng=np.random.default_rng(0))


@pytest.mark.parametrize("form", ["linear", "general"])
def test_the_score_pass_asks_the_committee_by_the_block(form):
    """One set of masks for all blocks: the scores are those of the whole pool at once, in any order of blocks."""
    rows = np.random.default_rng(1).standard_normal((20_000, 12)).astype(np.float32)
    model = head() if form == "linear" else head().predict
    committee = dropout_committee(model, 12, members=3, rng=np.random.default_rng(4))
    blocks = [(9_000, rows[9_000:]), (0, rows[:9_000])]
    scores = score_blocks(blocks, model, ["margin", *COMMITTEE], len(rows), predict_members=committee)
    whole = committee.predict_members(rows) if form == "linear" else committee(rows)
    for name in COMMITTEE:
        np.testing.assert_allclose(scores[name], SCORERS[name].score(whole), atol=1e-5)
    np.testing.assert_allclose(scores["margin"], SCORERS["margin"].score(head().predict(rows)), atol=1e-5)


def test_a_committee_that_is_missing_or_errs():
    """The message says which scorers ask for one, and who predicted the wrong number of rows."""
    rows = np.zeros((10, 12), dtype=np.float32)
    with pytest.raises(StrategyInputError, match="vote_entropy, bald compare the members"):
        score_blocks([(0, rows)], head(), ["vote_entropy", "bald"], 10)
    with pytest.raises(StrategyInputError, match="predicted 9 rows for 10 items"):
        score_blocks(
            [(0, rows)], head(), ["bald"], 10, predict_members=lambda x: np.full((2, len(x) - 1, 5), 0.2)
        )
