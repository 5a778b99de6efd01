"""What the fuzz tests feed in: arbitrary JSON and bytes, and good documents and files that were damaged.

CURATOR_FUZZ says how many examples each property gets: 20 by default. Up to 60 they are always the same ones, so that the
suite is quick and repeatable; more are drawn anew each time.
"""

import json
import os
from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("CURATOR_FUZZ") or 20)
_REPEATABLE = 60


cases = settings(
    max_examples=EXAMPLES,
    derandomize=EXAMPLES <= _REPEATABLE,
    database=None,
    deadline=None,  # times never decide
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)

# What tends to break readers: signs, ends of ranges, half characters, markup, paths, names of our own things.
WORDS = (
    *(
        "",
        " ",
        "\n",
        "\t",
        "\0",
        "\r\n",
        "\x1b[31m",
        "\x85",
        "\ufeff",
        "\ud800",
        "\udcff",
        "\u202e",
        "é",
        "😀",
    ),
    *("0", "-1", "1e999", "NaN", "nan", "Infinity", "null", "true", "0x10", "1_000", "٣", "²", "9" * 30),
    *(
        "'",
        '"',
        "\\",
        ",",
        ";",
        "{",
        "[",
        "]",
        "}",
        "<b>",
        "</View>",
        "&amp;",
        "&x;",
        "%s",
        "{0}",
        "$text",
        "=1+1",
    ),
    *(
        "..",
        "../x",
        "/",
        "/dev/null",
        "a/b",
        "C:\\x",
        "http://127.0.0.1:9/",
        "file:///etc/passwd",
        "label",
        "k0",
    ),
    *("pos", "neg", "id", "text", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "2026-13-99"),
    "x" * 5000,
)
NUMBERS = (0, -1, 1, 2, 3, 255, 2**31, 2**32, 2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**40)
FLOATS = (0.0, -0.0, 0.5, 1.0, -1.5, 1e-320, 1e308, float("inf"), float("-inf"), float("nan"))

words = st.one_of(st.sampled_from(WORDS), st.text(max_size=12))
numbers = st.one_of(st.sampled_from((*NUMBERS, *FLOATS)), st.integers(-5, 300), st.floats(width=16))
scalars = st.one_of(st.none(), st.booleans(), numbers, words)
json_values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=4)),
    max_leaves=8,
)


def encodable(text: str) -> bool:
    """Whether a text can be written as UTF-8 at all."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@st.composite
def damaged(draw: Any, *documents: Any) -> Any:
    """One of these JSON documents with one to three of its values replaced, dropped, doubled or wrapped."""
    document = json.loads(json.dumps(draw(st.sampled_from(documents))))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(document))
        if not places:
            return draw(json_values)
        holder, name = draw(st.sampled_from(places))
        match draw(st.sampled_from(("replace", "replace", "drop", "double", "wrap", "empty"))):
            case "replace":
                holder[name] = draw(json_values)
            case "drop":
                del holder[name]
            case "double" if isinstance(holder, list):
                holder.insert(name, holder[name])
            case "double":
                holder[draw(words)] = holder[name]
            case "wrap":
                holder[name] = [holder[name]]
            case _:
                holder[name] = type(holder[name])()
    return document


def _places(value: Any) -> Any:
    """(container, key or index) of everything inside a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, entry in list(inner):
        yield value, name
        yield from _places(entry)


@st.composite
def damaged_bytes(draw: Any, *contents: bytes, tokens: Sequence[bytes] = ()) -> bytes:
    """One of these contents with one to four pieces cut, overwritten, inserted, dropped or repeated."""
    data = bytearray(draw(st.sampled_from(contents)))
    pieces = st.one_of(
        st.binary(max_size=8),
        st.sampled_from([*tokens, *(word.encode("utf-8", "surrogatepass") for word in WORDS)]),
    )
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(1, 64))
        match draw(st.sampled_from(("cut", "flip", "flip", "overwrite", "insert", "drop", "repeat"))):
            case "cut":
                del data[at:]
            case "flip" if at < len(data):
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "overwrite":
                piece = draw(pieces)
                data[at : at + len(piece)] = piece
            case "drop":
                del data[at : at + length]
            case "repeat":
                data[at:at] = data[at : at + length]
            case _:
                data[at:at] = draw(pieces)
    return bytes(data)


def as_json(value: Any) -> bytes:
    """JSON as a careless program writes it: NaN, halves of characters and all."""
    return json.dumps(value).encode()


DEEP = st.sampled_from(("[", '{"a":', '{"data":[', '[{"data":{"key":')).flatmap(
    lambda opening: st.integers(50, 60_000).map(lambda depth: (opening * depth).encode())
)
HTML = b"<!DOCTYPE html><html><head><title>Log in</title></head><body>" + b"x" * 400 + b"</body></html>"


def json_files(*documents: Any) -> st.SearchStrategy[bytes]:
    """The bytes of files or replies that should be JSON like these documents."""
    return st.one_of(
        damaged(*documents).map(as_json),
        damaged(*documents).map(as_json),
        json_values.map(as_json),
        damaged_bytes(*map(as_json, documents)),
        st.binary(max_size=40),
        st.sampled_from(documents).map(lambda found: json.dumps(found).encode("utf-16")),
        DEEP,
        st.just(HTML),
    )
