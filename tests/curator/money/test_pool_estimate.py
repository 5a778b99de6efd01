"""What the random arm says of the live pool: accuracy and class balance."""

import numpy as np
import pytest

from curator.money.pool_estimate import ArmItem, accuracy, balance, wilson
from curator.tasks.single import SingleChoice

TASK = SingleChoice(("a", "b"))


def test_wilson_by_hand():
    """8 of 10 at 95%: the textbook's 0.490 to 0.943; none of 10 reaches up to 0.278."""
    share = wilson(8, 10)
    assert (share.value, round(share.low, 3), round(share.high, 3)) == (0.8, 0.49, 0.943)
    nothing = wilson(0, 10)
    assert (nothing.low, round(nothing.high, 3)) == (0.0, 0.278)


def test_only_items_that_a_model_has_judged_count():
    """Before there is a model the arm says nothing about accuracy."""
    items = [ArmItem(1, "a", None), ArmItem(2, "a", "a"), ArmItem(2, "b", "a")]
    found = accuracy(items, TASK)
    assert found is not None
    assert (found.value, found.items) == (0.5, 2)
    assert accuracy(items[:1], TASK) is None


def test_balance_by_hand():
    """10 labels known (8 of a), 90 left, an arm of 10 with 3 of a: (8 + 90 * 0.3) / 100 = 0.35."""
    items = [ArmItem(2, "a", "a")] * 3 + [ArmItem(2, "b", "a")] * 7
    found = balance(items, {2: {"a": 8, "b": 2}}, {2: 90}, TASK)
    assert found["a"].value == pytest.approx(0.35)
    assert found["b"].value == pytest.approx(0.65)
    assert found["a"].low < 0.35 < found["a"].high
    # only the 90 are uncertain
    assert found["a"].high - found["a"].low == pytest.approx(0.9 * (wilson(3, 10).high - wilson(3, 10).low))


def test_balance_is_unbiased_where_the_labels_are_not():
    """A strategy that takes all of the rare class first: labels say half, the arm says the truth."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(300):
        left, known, items = ["r"] * 40 + ["c"] * 360, {"r": 0, "c": 0}, []
        candidates, known_before = {}, {}
        for round_id in (1, 2, 3):
            candidates[round_id], known_before[round_id] = len(left), dict(known)
            arm = [left[i] for i in rng.choice(len(left), 10, replace=False)]
            items += [ArmItem(round_id, label, None) for label in arm]
            rest = sorted(left, reverse=True)
            for label in arm:
                rest.remove(label)
            for label in [*arm, *rest[:10]]:
                known[label] += 1
            left = rest[10:]
        found.append(balance(items, known_before, candidates, SingleChoice(("r", "c")))["r"].value)
    assert np.mean(found) == pytest.approx(0.1, abs=0.01)
