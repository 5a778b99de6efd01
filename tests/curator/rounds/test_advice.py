"""One recommendation: the rules that used to speak for themselves are inputs of one, and every view prints it."""

import pytest

from curator.amounts import MICRO
from curator.money.advice import TargetOrder, advise, chance_text, sentence
from curator.money.holdout_table import NextDollars
from curator.money.order_size import Order
from curator.money.stop import Evidence, Outlook, Verdict

OUTLOOK = Outlook(0.01, 0.0, 0.02, 8 * MICRO, 3, 0.02, 5.0, None, None, None)
EVIDENCE = Evidence(5, OUTLOOK, "", None, "a", 9, 5, None, None, "", "", "USD")
GOES_ON, STOPS, UNSET = (
    Verdict(word, (f"{word}, because.",), EVIDENCE) for word in ("continue", "stop", "not known")
)
HARD = Verdict("hard stop: budget", ("It is used up.",), EVIDENCE)
LARGER = NextDollars(24 * MICRO, 300, 0.03, 0.02, 0.025, 8 * MICRO, 3)
NOTHING = TargetOrder(0.92, Order(0, 0.1, 0, 90 * MICRO), 0.2, unreachable=False)
SOME = TargetOrder(0.92, Order(120, 0.63, 9_600_000, 90 * MICRO), 0.2, unreachable=False)
AWAY = TargetOrder(0.99, Order(0, 0.0, 0, 90 * MICRO), 0.97, unreachable=True)


def advice(verdict, target=None, holdout=None):
    return advise(verdict, batch=20, batch_cost=1_600_000, target=target, holdout=holdout)


def told(found, round_id=5):
    order = {"labels": found.labels, "cost": found.cost, "chance": found.chance}
    return {
        "round": round_id,
        "word": found.word,
        "reasons": list(found.reasons),
        "order": order,
        "holdout": found.holdout,
    }


@pytest.mark.parametrize("verdict", [STOPS, HARD])
@pytest.mark.parametrize("target", [None, NOTHING, SOME, AWAY])
def test_who_is_told_to_stop_is_told_to_order_nothing(verdict, target):
    """Whatever the target would order, and wherever money would do more."""
    found = advice(verdict, target, LARGER)
    assert (found.word, found.labels, found.holdout) == (verdict.word, 0, None)
    text = sentence(told(found), "USD")
    assert "Recommended order" not in text
    assert "more in the hold-out" not in text


def test_who_is_told_to_go_on_is_told_how_many():
    """The target's order where it has one, else a batch, and then why the target is no reason."""
    assert (advice(GOES_ON).labels, advice(GOES_ON).cost) == (20, 1_600_000)
    towards = advice(GOES_ON, SOME)
    assert (towards.labels, towards.cost, towards.chance) == (120, 9_600_000, 0.63)
    assert "Recommended order: 120 labels for $9.60, a 63% chance of reaching the target." in sentence(
        told(towards), "USD"
    )
    alone = advice(GOES_ON, NOTHING)
    assert (alone.word, alone.labels, alone.chance) == ("continue", 20, None)
    assert "The target of 0.92 alone would not justify another order" in alone.reasons[-1]


def test_a_target_decides_where_nothing_says_what_better_is_worth():
    """An order that is worth its price goes on; none stops; a target out of reach stops and says so."""
    assert (advice(UNSET).word, advice(UNSET).labels) == ("not known", 20)
    assert (advice(UNSET, SOME).word, advice(UNSET, SOME).labels) == ("continue", 120)
    assert (advice(UNSET, NOTHING).word, advice(UNSET, NOTHING).labels) == ("stop", 0)
    assert "0.99 cannot be reached with this model and encoder" in advice(UNSET, AWAY).reasons[0]


def test_the_hold_out_is_named_only_where_it_does_more():
    """As part of the recommendation, not beside it."""
    better = advice(GOES_ON, holdout=LARGER)
    assert "A hold-out of twice the size would show such a gain" in sentence(told(better), "USD")
    worse = NextDollars(24 * MICRO, 300, 0.03, 0.02, 0.05, 8 * MICRO, 3)
    assert advice(GOES_ON, holdout=worse).holdout is None


def test_a_price_that_nobody_knows_is_not_told_as_nothing():
    """No amount, and no zero."""
    found = advise(GOES_ON, batch=20, batch_cost=None, target=None, holdout=None)
    assert "Recommended order: 20 labels (price not known)." in sentence(told(found), "USD")


def test_no_chance_is_a_certainty():
    """A thousand draws show neither 0 nor 100%."""
    assert [chance_text(share) for share in (0.0, 0.004, 0.5, 0.996, 1.0)] == [
        "under 1%", "under 1%", "50%", "over 99%", "over 99%",
    ]  # fmt: skip
