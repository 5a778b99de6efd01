"""How the report writes numbers and other people's text."""

import re

from curator.amounts import readable_amount

NOTHING = "–"  # noqa: RUF001 - a dash
_LINE_BREAKS_AND_CONTROLS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def cut(text: str, most: int) -> str:
    """Text on one line, at most `most` characters of it."""
    line = _LINE_BREAKS_AND_CONTROLS.sub(" ", text[: 8 * most]).strip()
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def amount(micro: int | None, currency: str) -> str:
    """An amount to read: coins where there are whole units, else three digits that count; "not known" where nobody knows."""
    return readable_amount(micro, currency)


def capital(text: str) -> str:
    """With a capital at the beginning of a sentence, the rest as it is."""
    return text[:1].upper() + text[1:]


def share(value: float | None, decimals: int = 1) -> str:
    """A value of 0 to 1 in percent."""
    return NOTHING if value is None else f"{100 * value:.{decimals}f}%"


def points(value: float | None, decimals: int = 1) -> str:
    """A difference of two metric values in points, with its sign."""
    return NOTHING if value is None else f"{100 * value:+z.{decimals}f}".replace("-", "−")  # noqa: RUF001 - a minus


def number(value: float | None, decimals: int = 0) -> str:
    """A number with thousands apart."""
    return NOTHING if value is None else f"{value:,.{decimals}f}"


def day(moment: str | None) -> str:
    """The day of a time of the ledger."""
    return (moment or "")[:10]
