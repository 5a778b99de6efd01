"""Money: exact micro-units, and what an answer, an edit or a skip costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.config import CostSection
from curator.money.amounts import format_amount, parse_amount
from curator.money.cost import Before, Worked, charge_answer, pays_time

PER_LABEL = CostSection(price_per_label="0.012")
PER_HOUR = CostSection(hourly_rate="36")


def charge(cost, *, skipped=False, seconds=10.0, charged=None, seconds_before=10.0, **more):
    """The first version of an answer, or an edit of one that `charged` was paid for."""
    before = None if charged is None else Before(charged, seconds_before)
    return charge_answer(cost, Worked("ada", skipped, seconds, **more), before)


@given(st.integers(0, 10**12))
def test_amounts_survive_being_shown(micro):
    """What is printed is exact: parsed again it is the same number of micro-units."""
    assert parse_amount(format_amount(micro).replace(",", "")) == micro


def test_amounts_for_people():
    """At least two decimals, the sign of the currency where it has one, its code where not."""
    assert format_amount(12_000) == "$0.012"
    assert format_amount(1_234_500_000) == "$1,234.50"
    assert format_amount(-5_000_000, "CHF") == "-5.00 CHF"


@pytest.mark.parametrize("text", ["", "x", "-1", "nan", "inf", "1e-9", "0.1234567"])
def test_what_is_no_amount(text):
    """Not a number, negative, endless, or finer than a millionth."""
    with pytest.raises(ValueError, match="is not an amount"):
        parse_amount(text)


def test_a_label_is_paid_once():
    """The price is owed for the answer, not for its edits, and not for a skip."""
    assert charge(PER_LABEL).amount == 12_000
    assert charge(PER_LABEL, charged=12_000) is None
    assert charge(PER_LABEL, skipped=True, charged=12_000) is None
    assert charge(PER_LABEL, skipped=True).amount == 0
    assert charge(PER_LABEL, charged=0).amount == 12_000  # it was a skip before
    assert (
        charge(CostSection(price_per_label="0.10"), charged=12_000) is None
    )  # it was paid before the price rose


def test_time_is_paid_as_measured():
    """$36 an hour is one cent a second; a skip costs its time; an edit costs what it added."""
    assert charge(PER_HOUR).amount == 100_000
    assert charge(PER_HOUR, skipped=True).amount == 100_000
    assert charge(PER_HOUR, seconds=12.5, charged=100_000).amount == 25_000
    assert charge(PER_HOUR, seconds=9.0, charged=100_000) is None
    assert charge(PER_HOUR, seconds=None, charged=100_000) is None


def test_missing_time_is_imputed_and_says_so():
    """What is typical; nothing while nothing is known."""
    known = charge(PER_HOUR, seconds=None, typical=7.0)
    assert (known.amount, known.source, known.capped_seconds) == (70_000, "imputed", 7.0)
    assert charge(PER_HOUR, seconds=None).amount == 0
    # Measured after all: only what the imputed time did not cover yet.
    assert charge(PER_HOUR, seconds=12.0, charged=70_000, seconds_before=None).amount == 50_000
    assert charge(PER_HOUR).source == "measured"


def test_time_above_the_cap_is_not_paid():
    """Both are on record; an edit never costs more than the time it took itself, nor lowers what was paid."""
    capped = charge(PER_HOUR, seconds=400.0, cap=60.0)
    assert (capped.amount, capped.capped_seconds) == (600_000, 60.0)
    assert charge(PER_HOUR, seconds=402.0, cap=90.0, charged=600_000, seconds_before=400.0).amount == 20_000
    assert charge(PER_HOUR, seconds=402.0, cap=30.0, charged=600_000, seconds_before=400.0) is None


def test_paid_hours_are_more_than_active_ones():
    """A ratio of 1.5 pays one and a half hours for each hour of measured work, to the micro-unit."""
    cost = CostSection(hourly_rate="36", paid_to_active=1.5)
    assert charge(cost).amount == 150_000
    assert charge(CostSection(hourly_rate="36", paid_to_active=1.1), seconds=1.0).amount == 11_000


def test_who_is_paid_otherwise_is():
    """Rates of one annotator replace those of all, from time to labels too."""
    cost = CostSection(hourly_rate="36", annotators={"ada": {"price_per_label": "0.5"}})
    assert charge(cost).amount == 500_000
    assert charge_answer(cost, Worked("bob", skipped=False, seconds=10.0)).amount == 100_000
    assert pays_time(cost)
    assert not pays_time(PER_LABEL)
    assert pays_time(CostSection(price_per_label="1", annotators={"bob": {"hourly_rate": "3"}}))


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=50))
def test_a_bill_of_times_is_exact_to_a_micro_unit_each(seconds):
    """No drift: each charge is within half a micro-unit of the exact product."""
    for s in seconds:
        assert abs(charge(PER_HOUR, seconds=s).amount - s * 10_000) <= 0.5 + 1e-6
