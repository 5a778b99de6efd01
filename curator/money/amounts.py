"""Money as whole micro-units of the currency, so that sums stay exact: $0.012 is 12,000."""

from decimal import Decimal, InvalidOperation

MICRO = 1_000_000
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}


def parse_amount(text: str) -> int:
    """Micro-units of an amount as a person writes it ("0.08", "$12").

    Raises:
        ValueError: not a number, negative, or finer than a millionth.
    """
    digits = text.strip().lstrip("".join(_SIGNS.values()))
    try:
        micro = Decimal(digits) * MICRO
    except InvalidOperation:
        raise ValueError(f"{text!r} is not an amount; write it like 0.08") from None
    if not micro.is_finite() or micro < 0 or micro != micro.to_integral_value():
        raise ValueError(f"{text!r} is not an amount of 0 or more with at most six decimals")
    return int(micro)


def format_amount(micro: int, currency: str = "USD") -> str:
    """An amount for people: $1,234.50, $0.012, 12.00 CHF. At least two decimals, no lost ones."""
    amount = Decimal(abs(micro)) / MICRO
    decimals = max(2, -int(amount.normalize().as_tuple().exponent))
    number = f"{'-' if micro < 0 else ''}{_SIGNS.get(currency, '')}{amount:,.{decimals}f}"
    return number if currency in _SIGNS else f"{number} {currency}"


def readable_amount(micro: float, currency: str) -> str:
    """An amount for people: cents where there are whole units, else three digits that count."""
    whole = round(micro)
    step = MICRO // 100 if abs(whole) >= MICRO else 10 ** max(0, len(str(abs(whole))) - 3)
    return format_amount(round(whole / step) * step, currency)
