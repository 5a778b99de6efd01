"""Money as whole micro-units of the currency, so that sums stay exact: $0.012 is 12,000.

Amounts are read as `0.08`, with the currency's sign or code if wanted (`$0.08`, `0.08 EUR`), and with a point for the decimals:
what 1.000 or 0,08 means depends on the country, and a price that is wrong by a thousand is worse than one more question.
"""

import re
from decimal import Decimal, InvalidOperation

MICRO = 1_000_000
UNKNOWN = "not known"  # of an amount; never $0.00
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
# Decimals of the smallest coin where they are not two (ISO 4217).
_DECIMALS = {
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0, "UYI": 0,
    "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
    "CLF": 4, "UYW": 4,
}  # fmt: skip
# What a sign may stand for, the likeliest first.
_CURRENCIES = {
    "$": ("USD", "AUD", "CAD", "HKD", "MXN", "NZD", "SGD", "TWD", "ARS", "CLP", "COP"),
    "us$": ("USD",),
    "a$": ("AUD",),
    "c$": ("CAD",),
    "€": ("EUR",),
    "£": ("GBP", "EGP", "LBP"),
    "¥": ("JPY", "CNY"),
    "₩": ("KRW",),
    "₹": ("INR",),
    "₺": ("TRY",),
    "₽": ("RUB",),
    "₪": ("ILS",),
    "₫": ("VND",),
    "₴": ("UAH",),
    "₱": ("PHP",),
    "฿": ("THB",),
    "zł": ("PLN",),
    "kr": ("SEK", "NOK", "DKK", "ISK"),
    "fr.": ("CHF",),
}
_CENTS = ("c", "ct", "cts", "cent", "cents", "¢", "p", "pence")
_WRITTEN = re.compile(r"(?P<before>[^\d.,+\-\s]*)\s*(?P<number>.*?)\s*(?P<after>[^\d.,\s]*)", re.DOTALL)
_SEPARATED = re.compile(r"\d[\d.,'\u2019\s]*")  # digits in groups, in any country


def parse_amount(text: str, currency: str | None = None) -> int:
    """Micro-units of an amount as a person writes it ("0.08", "$12", "12 EUR").

    Args:
        text: the amount.
        currency: that it must be in, where the text names one; None: any.

    Raises:
        ValueError: not a number, negative, finer than a millionth, or in another currency; says how to write it.
    """
    number, currencies = _taken_apart(text)
    amount = _decimal(text, number)
    if currency is not None and currencies and currency not in currencies:
        raise ValueError(
            f"{text!r} is in {currencies[0]}, but the currency here is {currency}: write {number} if that is meant, "
            f"or set the currency to {currencies[0]}"
        )
    try:
        micro = amount * MICRO
    except ArithmeticError:
        raise ValueError(f"{text!r} is too large for an amount") from None
    if micro != micro.to_integral_value():
        raise ValueError(f"{text!r} is not an amount: it may have at most six decimal places")
    return int(micro)


def plain_amount(text: str) -> str:
    """The number of an amount alone, as curator.toml has it: "0.08" of "$0.08".

    Raises:
        ValueError: as `parse_amount`.
    """
    parse_amount(text)
    return _taken_apart(text)[0]


def currency_named(text: str) -> str | None:
    """The currency that an amount names by sign or code, the likeliest of several; None: none, or it is no amount."""
    try:
        _, currencies = _taken_apart(text)
    except ValueError:
        return None
    return currencies[0] if currencies else None


def _taken_apart(text: str) -> tuple[str, tuple[str, ...]]:
    """(number, currencies it may be in) of an amount; none where the text does not name one."""
    found = _WRITTEN.fullmatch(text.strip())
    number = "" if found is None else found["number"]
    marks = [] if found is None else [mark for mark in (found["before"], found["after"]) if mark]
    if not number or len(marks) > 1:
        raise ValueError(f"{text!r} is not an amount; write it like 0.08")
    if not marks:
        return number, ()
    mark = marks[0].casefold()
    if mark in _CENTS:
        try:
            remedy = f"write {Decimal(number) / 100:f}"
        except InvalidOperation:
            remedy = "write it like 0.08"
        raise ValueError(f"{text!r} is not an amount: cents are written as a fraction; {remedy}")
    if mark in _CURRENCIES:
        return number, _CURRENCIES[mark]
    if len(mark) == 3 and mark.isascii() and mark.isalpha() and mark not in ("nan", "inf"):
        return number, (mark.upper(),)
    raise ValueError(f"{text!r} is not an amount; write it like 0.08")


def _decimal(text: str, number: str) -> Decimal:
    try:
        amount = Decimal(number)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not an amount; {_remedy(number)}") from None
    if not amount.is_finite():
        raise ValueError(f"{text!r} is not an amount; write it like 0.08")
    if amount < 0:
        raise ValueError(f"{text!r} is not an amount: it is negative")
    return amount


def _remedy(number: str) -> str:
    """How to write a number that is separated as in some country."""
    if not _SEPARATED.fullmatch(number):
        return "write it like 0.08"
    closed = re.sub(r"['\u2019\s]", "", number)
    marks = re.sub(r"\d", "", closed)
    if not marks:
        return f"write {closed}, without separators"
    last = marks[-1]
    whole, _, rest = closed.rpartition(last)
    whole = re.sub(r"[.,]", "", whole)
    if marks.count(last) > 1:  # a decimal mark stands once
        return f"write {whole}{rest}, without separators"
    if len(set(marks)) == 1 and len(rest) == 3 and whole.strip("0"):
        return f"write {whole}{rest} if you mean thousands, or {whole}.{rest} if you mean decimals"
    return f"write {whole}.{rest}, with a decimal point and no thousands separator"


def format_amount(micro: int | None, currency: str = "USD") -> str:
    """An amount for people: $1,234.50, $0.012, 12.00 CHF, ¥12. The currency's own decimals at least, no lost ones.

    Args:
        micro: micro-units; None: "not known".
        currency: three letters.
    """
    if micro is None:
        return UNKNOWN
    amount = Decimal(abs(micro)) / MICRO
    decimals = max(_decimals(currency), -int(amount.normalize().as_tuple().exponent))
    number = f"{'-' if micro < 0 else ''}{_SIGNS.get(currency, '')}{amount:,.{decimals}f}"
    return number if currency in _SIGNS else f"{number} {currency}"


def rounded_amount(micro: float | None, currency: str) -> str:
    """An estimate for people, to the smallest coin: nobody needs millionths of it."""
    if micro is None:
        return UNKNOWN
    coin = _coin(currency)
    return format_amount(round(micro / coin) * coin, currency)


def readable_amount(micro: float | None, currency: str) -> str:
    """An amount for people: coins where there are whole units, else three digits that count."""
    if micro is None:
        return UNKNOWN
    whole = round(micro)
    step = _coin(currency) if abs(whole) >= MICRO else 10 ** max(0, len(str(abs(whole))) - 3)
    return format_amount(round(whole / step) * step, currency)


def unit_name(currency: str, units: int = 1) -> str:
    """One, ten, a hundred of the currency: "$10", "10 CHF"; "dollar" for one USD."""
    if units == 1:
        return "dollar" if currency == "USD" else currency
    sign = _SIGNS.get(currency)
    return f"{units:,} {currency}" if sign is None else f"{sign}{units:,}"


def _decimals(currency: str) -> int:
    return _DECIMALS.get(currency, 2)


def _coin(currency: str) -> int:
    """Micro-units of the smallest coin."""
    return int(MICRO // 10 ** _decimals(currency))
