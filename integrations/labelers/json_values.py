"""Values of Label Studio's JSON as text and JSON that any file and ledger can hold."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"  # fixed width, so that the text sorts as the time does

_DEEPEST = 50  # levels of an annotation that are kept; Label Studio's own have six
_CUT = "..."


def utc(value: object) -> str:
    """A time of Label Studio (a datetime, or ISO 8601 text) as UTC text in `TIME_FORMAT`.

    Raises:
        ValueError: it is neither.
    """
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError as exc:
        raise ValueError(f"{moment.isoformat()} is no time in UTC") from exc
    # not strftime: it writes the year 33 with two digits
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def plain_value(value: Any, depth: int = _DEEPEST) -> Any:
    """The same value as JSON and the ledger can hold it: times as text, no NaN, no half characters, not too deep."""
    if isinstance(value, Mapping):
        entries = value.items() if depth else [(_CUT, _CUT)]
        return {storable(str(name)): plain_value(inner, depth - 1) for name, inner in entries}
    if isinstance(value, list | tuple):
        return [plain_value(inner, depth - 1) for inner in value] if depth else [_CUT]
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, datetime):
        return utc(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, int | float) else str(value)


def storable(text: str) -> str:
    """The text with a question mark for each half of a character, which JSON can name but UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()
