"""Further columns shown to annotators beside an item: any value as short text, and how a segment keeps them.

They are shown and nothing else: no encoder and no model sees them, and they are no part of an item's content.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal

import numpy as np

LONGEST = 10_000  # characters shown of one field: several pages; a list or a dump that came along is cut
DEEPEST = 2  # lists in lists that are written out
CUT = "…"
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))  # once: `json.dumps` would make one a row

Fields = Mapping[str, str]


def shown_text(value: object) -> str | None:
    """A value as an annotator can read it; None for what is blank.

    Whole numbers have no ".0", lists are joined with commas, objects are "key: value"; text is kept as it is, less
    the blanks around it. What is longer than `LONGEST` characters ends in "…".
    """
    text = _text(value, DEEPEST).strip()
    # half a surrogate pair cannot be stored; a question mark takes its place
    text = text.encode("utf-8", "replace").decode()
    if not text:
        return None
    return text if len(text) <= LONGEST else text[: LONGEST - len(CUT)].rstrip() + CUT


def encode_fields(fields: Fields) -> str | None:
    """The fields of one item as a segment keeps them: JSON text, or None when there are none."""
    return _JSON.encode(dict(fields)) if fields else None


def decode_fields(kept: str | None) -> dict[str, str]:
    """The inverse of `encode_fields`.

    Raises:
        ValueError: this is not what `encode_fields` writes.
    """
    found = {} if kept is None else json.loads(kept)
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise ValueError("not an object of texts")
    return found


def _text(value: object, depth: int) -> str:
    match value:
        case str():
            text = value
        case None:
            text = ""
        case bool():
            text = "true" if value else "false"
        case float() | np.floating():
            text = _number(float(value))
        case Decimal():
            text = f"{value:f}"
        case datetime():
            text = value.isoformat(sep=" ", timespec="seconds" if value.second else "minutes")
        case date() | time():
            text = value.isoformat()
        case bytes():
            text = f"({len(value):,} bytes)"
        case list() | tuple():
            text = _joined(_text(entry, depth - 1) for entry in value) if depth else CUT
        case dict():
            text = _joined(_entry(key, entry, depth) for key, entry in value.items()) if depth else CUT
        case _:
            text = str(value)
    return text


def _entry(key: object, value: object, depth: int) -> str:
    text = _text(value, depth - 1)
    return f"{key}: {text}" if text else ""


def _joined(texts: Iterator[str]) -> str:
    """What is not empty, with commas between; no more of a long list than can be shown."""
    parts: list[str] = []
    length = 0
    for text in texts:
        if text:
            parts.append(text)
            length += len(text) + 2
        if length > LONGEST + 2:
            break
    return ", ".join(parts)


def _number(value: float) -> str:
    if value != value:  # noqa: PLR0124 - not a number: how tables write "nothing here"
        return ""
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.10g}"
