"""What is equal to within rounding is settled by position. Adding up columns in another order is another processor's rounding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.batch import choose_batch
from strategies.inputs import Inputs
from strategies.kernels.linear_head import LinearHead
from strategies.kernels.ties import TELLABLE, first_of_largest, levels, likeliest, ranking
from strategies.registry import SCORERS, SELECTORS

NOISE = 3e-7  # what products of float32 rows of unit length differ by


@pytest.mark.parametrize("special", [0.0, 0.5, 1.0, -1.0])
def test_rounding_makes_no_level(special):
    """Around the values that scores often have exactly."""
    scores = np.array([special, special + NOISE, special - NOISE, 1.0], dtype=np.float32)
    assert len(set(levels(scores)[:3].tolist())) == 1


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10_000), unit=st.sampled_from([1e-30, 1e-3, 1.0, 1e30]))
def test_what_can_be_told_apart_keeps_its_order(seed, unit):
    """In any unit; a step is at most twice `TELLABLE` of the largest."""
    scores = unit * np.random.default_rng(seed).uniform(-1, 1, 50)
    order = ranking(scores)
    step = 2 * TELLABLE * np.abs(scores).max()
    assert sorted(order.tolist()) == list(range(50))
    assert (np.diff(scores[order]) <= step).all()


@pytest.mark.parametrize(
    ("scores", "order"),
    [
        ([], []),
        ([0.0, 0.0], [0, 1]),
        ([1.0, np.inf, -np.inf, 2.0], [1, 3, 0, 2]),
        ([0.2, 0.7 + 1e-8, 0.7, 0.9], [3, 1, 2, 0]),
        ([0.7, 0.7 + 1e-8], [0, 1]),
        ([1e-300, 2e-300], [1, 0]),
    ],
)
def test_rankings_by_hand(scores, order):
    """Higher first; of equal ones the lowest position."""
    assert ranking(np.array(scores, dtype=np.float64)).tolist() == order


def test_the_first_of_the_largest_and_the_likeliest_class():
    """A last bit makes neither; a real difference does."""
    assert first_of_largest(np.array([0.1, 0.5, 0.5 + 1e-7])) == 1
    assert first_of_largest(np.array([0.1, 0.5, 0.501])) == 2
    assert first_of_largest(np.array([-1.0, 0.0, -1.0])) == 1
    probs = np.array([[0.3, 0.35, 0.35 + 1e-7], [0.3, 0.3, 0.4]], dtype=np.float32)
    assert likeliest(probs).tolist() == [1, 2]
    assert likeliest(probs[None]).tolist() == [[1, 2]]


@pytest.mark.parametrize("name", [name for name, scorer in SCORERS.items() if not scorer.members])
@pytest.mark.parametrize("seed", range(3))
def test_scores_that_differ_by_rounding_pick_the_same_items(name, seed):
    """Ten kinds of items, each many times, half of them sure: noise in the last bits changes no batch."""
    rng = np.random.default_rng(seed)
    kinds = np.concatenate((rng.dirichlet(np.ones(4), 5), np.eye(4)[[0, 1, 2, 3, 0]])).astype(np.float32)
    probs = kinds[rng.integers(10, size=400)]
    embeddings = rng.standard_normal((400, 24)).astype(np.float32)

    def picks(noise):
        seen = np.clip(probs + noise, 0.0, 1.0).astype(np.float32)
        scores = {name: SCORERS[name].score(seen / seen.sum(axis=1, keepdims=True))}
        chosen = choose_batch(name, k=30, embeddings=embeddings, scores=scores, labeled=None, rng=rng)
        return chosen.positions.tolist()

    expected = picks(0.0)
    for _ in range(3):
        assert picks(rng.uniform(-NOISE, NOISE, probs.shape)) == expected


def pairs_that_only_meet_each_other(rng, n_pairs, dim):
    """(2 n_pairs, dim) unit rows: of each pair one covers as much as the other, exactly."""
    ones = rng.standard_normal((n_pairs, dim))
    others = ones + 0.4 * rng.standard_normal((n_pairs, dim))
    rows = np.stack((ones, others), axis=1).reshape(-1, dim)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("name", [name for name in SELECTORS if name != "dropquery"])  # it masks columns
@pytest.mark.parametrize("labeled", [0, 6])
def test_the_order_of_adding_up_changes_no_pick(name, labeled):
    """Columns in another order are the same rows: pairs that gain the same are settled by position, not by the last bit."""
    selector = SELECTORS[name]
    for seed in range(4):
        rng = np.random.default_rng(seed)
        rows = pairs_that_only_meet_each_other(rng, 60, 48)
        known = rows[-labeled:] if labeled else None
        rows = rows[: len(rows) - labeled]
        weight = rng.standard_normal((1, 3, 48)).astype(np.float32)
        uncertainty = np.repeat(rng.uniform(0.2, 1.0, len(rows) // 2), 2).astype(np.float32)

        def picks(
            columns, *, selector=selector, seed=seed, rows=rows, known=known, weight=weight, u=uncertainty
        ):
            head = LinearHead(weight[:, :, columns], np.zeros((1, 3), np.float32), np.arange(3), 3)
            inputs = Inputs(uncertainty=u, predict=head.predict)
            return selector.select(
                np.ascontiguousarray(rows[:, columns]),
                20,
                labeled=None if known is None else np.ascontiguousarray(known[:, columns]),
                weights=None,
                rng=np.random.default_rng(seed),
                **inputs.for_needs(selector.needs, selector.name, selector.uses),
            ).tolist()

        expected = picks(np.arange(48))
        for _ in range(3):
            assert picks(rng.permutation(48)) == expected
