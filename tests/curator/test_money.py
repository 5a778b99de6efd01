"""Money: exact micro-units, and what an answer, an edit or a skip costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.config import CostSection
from curator.money.amounts import format_amount, parse_amount
from curator.money.cost import charge_answer

PER_LABEL = CostSection(price_per_label="0.012")
PER_HOUR = CostSection(hourly_rate="36")


def charge(cost, *, first=True, skipped=False, seconds=10.0, charged=0, known=()):
    return charge_answer(
        cost, first=first, skipped=skipped, seconds=seconds, charged=charged, known_seconds=known
    )


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
    assert charge(PER_LABEL, first=False, charged=12_000) is None
    assert charge(PER_LABEL, first=False, skipped=True, charged=12_000) is None
    assert charge(PER_LABEL, skipped=True).amount == 0
    assert charge(PER_LABEL, first=False).amount == 12_000  # it was a skip before


def test_time_is_paid_as_measured():
    """$36 an hour is one cent a second; a skip costs its time; an edit costs what it added."""
    assert charge(PER_HOUR).amount == 100_000
    assert charge(PER_HOUR, skipped=True).amount == 100_000
    assert charge(PER_HOUR, first=False, seconds=12.5, charged=100_000).amount == 25_000
    assert charge(PER_HOUR, first=False, seconds=9.0, charged=100_000) is None
    assert charge(PER_HOUR, first=False, seconds=None, charged=100_000) is None


def test_missing_time_is_imputed_and_says_so():
    """The median of the times so far; nothing while there are none."""
    known = charge(PER_HOUR, seconds=None, known=[5.0, 7.0, 100.0])
    assert (known.amount, known.source) == (70_000, "imputed")
    assert charge(PER_HOUR, seconds=None).amount == 0
    # Measured after all: only what the imputed time did not cover yet.
    assert charge(PER_HOUR, first=False, seconds=12.0, charged=70_000).amount == 50_000
    assert charge(PER_HOUR).source == "measured"


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=50))
def test_a_bill_of_times_is_exact_to_a_micro_unit_each(seconds):
    """No drift: each charge is within half a micro-unit of the exact product."""
    for s in seconds:
        assert abs(charge(PER_HOUR, seconds=s).amount - s * 10_000) <= 0.5 + 1e-6
