"""How a data file is written: what the user said about it, as one value that goes wherever a file is read."""

import codecs
from dataclasses import dataclass, replace
from difflib import get_close_matches
from encodings.aliases import aliases
from typing import Literal, get_args

from curator.errors import ConfigError

Quoting = Literal["double", "none"]
NAMED_DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
NO_DELIMITERS = ('"', "\n", "\r", "\0")


@dataclass(frozen=True)
class Reading:
    """How a file of text is written; None means find out. Parquet, Arrow and folders of images need none of it.

    Attributes:
        delimiter: one character between the fields of a CSV file.
        encoding: a Python codec.
        quoting: "double": a field in double quotes may hold delimiters and line breaks, whatever it looks like;
            "none": a double quote is a character like any other; None: as "double", but a field that seems to
            have swallowed rows is refused.
        header: whether the first line of a CSV file names the columns; None: it does, and is refused when it
            looks like data.
    """

    delimiter: str | None = None
    encoding: str | None = None
    quoting: Quoting | None = None
    header: bool | None = None

    def overridden(self, by: "Reading") -> "Reading":
        """What is said here, where `by` says nothing."""
        said = {name: value for name, value in vars(by).items() if value is not None}
        return replace(self, **said)


UNKNOWN = Reading()


def parse_reading(
    delimiter: str | None, encoding: str | None, quoting: str | None, *, header: bool | None
) -> Reading:
    """`--delimiter`, `--encoding`, `--quoting` and `--no-header` as one value.

    Raises:
        ConfigError: all that cannot be.
    """
    wrong: list[str] = []
    found: dict[str, str | None] = {}
    for option, value, check in (
        ("--delimiter", delimiter, check_delimiter),
        ("--encoding", encoding, check_encoding),
        ("--quoting", quoting, check_quoting),
    ):
        try:
            found[option] = None if value is None else check(value)
        except ValueError as error:
            wrong.append(f"{option} {error}.")
    if wrong:
        raise ConfigError("\n".join(wrong))
    return Reading(found["--delimiter"], found["--encoding"], found["--quoting"], header)  # type: ignore[arg-type]


def check_delimiter(text: str) -> str:
    r"""A delimiter as the character it stands for: `\t` and `tab` are the tab.

    Raises:
        ValueError: not one character, or one that cannot part fields.
    """
    found = NAMED_DELIMITERS.get(text.lower(), text)
    if len(found) != 1 or found in NO_DELIMITERS or not (found.isprintable() or found in "\t\x01\x1e\x1f"):
        raise ValueError(
            f"is {text[:40]!r}; it must be one character, such as ',' ';' '|' or tab, and no quote or line break"
        )
    return found


def check_encoding(text: str) -> str:
    """An encoding that Python knows, under the name it was given by.

    Raises:
        ValueError: there is none of this name.
    """
    name = "cp1252" if text.lower() == "ansi" else text
    try:
        if "\0" not in name and codecs.lookup(name)._is_text_encoding:  # noqa: SLF001 - there is no public way to ask
            return name
    except (LookupError, UnicodeError):
        pass
    close = get_close_matches(text[:40].lower().replace("-", "_"), [*aliases, *aliases.values()], n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise ValueError(
        f"is {text[:40]!r}, which is not a known encoding{hint or '; known are utf-8, utf-16, cp1252, gb18030 and others'}"
    )


def check_quoting(text: str) -> Quoting:
    """A way of quoting.

    Raises:
        ValueError: there is none of this name.
    """
    for quoting in get_args(Quoting):
        if text == quoting:
            return quoting  # type: ignore[no-any-return]
    raise ValueError(f"is {text[:40]!r}; it must be double or none")
