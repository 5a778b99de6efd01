"""Money: exact micro-units, how amounts are read and printed, and what an answer or a skip costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.amounts import (
    currency_named,
    format_amount,
    parse_amount,
    readable_amount,
    rounded_amount,
    unit_name,
)
from curator.config import CostSection, parse_config
from curator.errors import ConfigError
from curator.money.cost import Worked, charge_answer, pays_time

PER_LABEL = CostSection(price_per_label="0.012")
PER_HOUR = CostSection(hourly_rate="36")


def charge(cost, *, skipped=False, seconds=10.0, cap=60.0, typical=None):
    """What an answer costs."""
    return charge_answer(cost, Worked("ada", skipped, seconds, cap, typical))


@given(st.integers(0, 10**12))
def test_amounts_survive_being_shown(micro):
    """What is printed is exact: parsed again it is the same number of micro-units."""
    assert parse_amount(format_amount(micro).replace(",", "")) == micro


def test_amounts_for_people():
    """The currency's own decimals at least, its sign where it has one, its code where not."""
    assert format_amount(12_000) == "$0.012"
    assert format_amount(1_234_500_000) == "$1,234.50"
    assert format_amount(-5_000_000, "CHF") == "-5.00 CHF"


@pytest.mark.parametrize(
    ("currency", "twelve", "half"),
    [
        ("JPY", "¥12", "¥0.5"),
        ("KRW", "12 KRW", "0.5 KRW"),
        ("KWD", "12.000 KWD", "0.500 KWD"),
        ("EUR", "€12.00", "€0.50"),
    ],
)
def test_a_currency_has_its_own_decimals(currency, twelve, half):
    """Yen and won have no cents, a dinar has a thousand fils; a price per label may still be finer."""
    assert format_amount(12_000_000, currency) == rounded_amount(12_000_400, currency) == twelve
    assert readable_amount(12_000_400, currency) == twelve
    assert format_amount(500_000, currency) == half


def test_units_of_a_currency():
    """What a gain is told per."""
    assert [unit_name("USD"), unit_name("USD", 100), unit_name("JPY", 1000), unit_name("CHF", 10)] == [
        "dollar", "$100", "¥1,000", "10 CHF",
    ]  # fmt: skip


def test_what_is_not_known_is_not_nothing():
    """In every way to print an amount."""
    assert {format_amount(None), rounded_amount(None, "EUR"), readable_amount(None, "JPY")} == {"not known"}


@pytest.mark.parametrize("text", ["", "x", "-1", "nan", "inf", "1e-9", "0.1234567", "$", "0.08/label", "$-1"])
def test_what_is_no_amount(text):
    """Not a number, negative, endless, or finer than a millionth."""
    with pytest.raises(ValueError, match="is not an amount"):
        parse_amount(text)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("0,08", "write 0.08,"), ("1.000,50", "write 1000.50,"), ("1,000.50", "write 1000.50,"), ("1'000.50", "write 1000.50,"),
        ("1 000", "write 1000,"), ("1,234,567", "write 1234567,"), ("1,000", "write 1000 if you mean thousands, or 1.000 if"),
        ("8c", "write 0.08"), ("8 cents", "write 0.08"), ("12¢", "write 0.12"), ("-0.08", "is negative"), ("1e999999", "too large"),
    ],
)  # fmt: skip
def test_what_is_written_as_elsewhere_is_refused_with_how_to_write_it(text, remedy):
    """A decimal comma, thousands, cents: what they mean depends on the country, and a guess may be wrong by a thousand."""
    with pytest.raises(ValueError, match=remedy):
        parse_amount(text, "USD")


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("$0.08", "USD"),
        ("0.08", "EUR"),
        ("€0.08", "EUR"),
        ("0.08 EUR", "EUR"),
        ("chf 0.08", "CHF"),
        ("8e-2", "USD"),
        ("$0.08", "AUD"),
        ("¥0.08", "CNY"),
    ],
)
def test_an_amount_may_name_its_currency(text, currency):
    """By sign or code, in front or behind."""
    assert parse_amount(text, currency) == 80_000


@pytest.mark.parametrize(
    ("text", "named"), [("€0.08", "EUR"), ("£5", "GBP"), ("12 JPY", "JPY"), ("$1", "USD")]
)
def test_another_currency_is_refused(text, named):
    """Not billed as if it were the campaign's."""
    assert currency_named(text) == named
    with pytest.raises(ValueError, match=f"is in {named}, but the currency here is SEK"):
        parse_amount(text, "SEK")


def test_curator_toml_is_in_one_currency():
    """Every amount of it, all at once; what an earlier round was opened with is taken as it stood."""
    values = {
        "project": {"name": "p", "kind": "text", "classes": ["a", "b"]}, "data": {"source": "x.csv", "text": "t"},
        "encoder": {"name": "tfidf"}, "holdout": {"size": 10},
        "cost": {"price_per_label": "€0.08", "annotators": {"ada": {"hourly_rate": "£20"}}},
        "stop": {"value_per_error": "€1", "predictions": 10},
    }  # fmt: skip
    with pytest.raises(ConfigError) as error:
        parse_config(values, "curator.toml")
    for part in (
        "price_per_label: '€0.08' is in EUR",
        'annotators."ada".hourly_rate',
        "[stop] value_per_error",
    ):
        assert part in str(error.value)
    assert parse_config(values, "the ledger", stored=True).cost.micro_per_label == 80_000
    with pytest.raises(ConfigError, match=r'an amount is written in quotes: "0\.08"'):
        parse_config(values | {"cost": {"price_per_label": 0.08}}, "curator.toml")


def test_a_label_is_paid_once():
    """The price is owed for the answer, whatever its edits, and not for a skip."""
    assert charge(PER_LABEL).amount == 12_000
    assert charge(PER_LABEL, skipped=True).amount == 0


def test_time_is_paid_as_measured():
    """$36 an hour is one cent a second; a skip costs its time."""
    assert charge(PER_HOUR).amount == 100_000
    assert charge(PER_HOUR, skipped=True).amount == 100_000
    assert charge(PER_HOUR, seconds=12.5).amount == 125_000


def test_missing_time_is_imputed_and_says_so():
    """What is typical; not known while nothing is known, unless an hour costs nothing."""
    known = charge(PER_HOUR, seconds=None, typical=7.0)
    assert (known.amount, known.source, known.capped_seconds) == (70_000, "imputed", 7.0)
    unknown = charge(PER_HOUR, seconds=None)
    assert (unknown.source, unknown.capped_seconds) == ("not known", None)
    assert charge(CostSection(hourly_rate="0"), seconds=None).source == "imputed"
    assert charge(PER_HOUR).source == "measured"


def test_time_above_the_cap_is_not_paid():
    """Up to it all is."""
    capped = charge(PER_HOUR, seconds=400.0)
    assert (capped.amount, capped.capped_seconds) == (600_000, 60.0)


def test_paid_hours_are_more_than_active_ones():
    """A ratio of 1.5 pays one and a half hours for each hour of measured work, to the micro-unit."""
    cost = CostSection(hourly_rate="36", paid_to_active=1.5)
    assert charge(cost).amount == 150_000
    assert charge(CostSection(hourly_rate="36", paid_to_active=1.1), seconds=1.0).amount == 11_000


def test_who_is_paid_otherwise_is():
    """Rates of one annotator replace those of all, from time to labels too."""
    cost = CostSection(hourly_rate="36", annotators={"ada": {"price_per_label": "0.5"}})
    assert charge(cost).amount == 500_000
    assert charge_answer(cost, Worked("bob", skipped=False, seconds=10.0, cap=60.0)).amount == 100_000
    assert pays_time(cost)
    assert not pays_time(PER_LABEL)
    assert pays_time(CostSection(price_per_label="1", annotators={"bob": {"hourly_rate": "3"}}))


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=50))
def test_a_bill_of_times_is_exact_to_a_micro_unit_each(seconds):
    """No drift: each charge is within half a micro-unit of the exact product."""
    for s in seconds:
        assert abs(charge(PER_HOUR, seconds=s, cap=1e9).amount - s * 10_000) <= 0.5 + 1e-6
