"""JSON in any arrangement as rows: an object a line, objects one after the other, or an array of objects."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from curator.errors import DataError
from curator.pool.problems import Problems, cut, listed, place, quoted
from curator.pool.text import LONGEST_LINE, TextForm, text_chunks, text_lines

LOOKED_AT = 1000  # rows whose keys are listed
MOST_NESTED = 1000  # names of nested fields that are listed
DEEPEST = 3  # objects in objects whose fields are listed; deeper ones can be named
_STRUCTURE = re.compile(r'["\\{}\[\]]')
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")  # a whole pair matches as well: it is only worth a look
_BETWEEN = " \t\r\n,\x1e\ufeff"  # what may stand between objects
_MISSING = object()
_ARRANGEMENTS = 'Write one object a line, like {"text": "..."}, or an array of them.'


class JsonRow(NamedTuple):
    """One object: its number, the line it starts on, and what it holds; `suspect` of half surrogate pairs."""

    row: int
    line: int
    record: dict[str, Any]
    suspect: bool


def json_rows(path: Path, form: TextForm, problems: Problems) -> Iterator[JsonRow]:
    """The objects of a file, one at a time.

    What is no object, or malformed, is noted in `problems` and left out.

    Raises:
        DataError: an object or an array that never ends.
    """
    values = _stretches(path, form) if _is_spread(path, form) else _lines(path, form)
    for row, (line, text) in enumerate(values, start=1):
        problems.n_rows = row
        try:
            record = json.loads(text)
        except (ValueError, RecursionError) as error:
            problems.on_row(row, line)
            at = line + error.lineno - 1 if isinstance(error, json.JSONDecodeError) else line
            inside = f" in line {at}" if at != line else ""
            problems.add(
                "malformed JSON",
                f"{place(row, line)}: {cut(str(error))}{inside}",
                "Write complete JSON objects.",
            )
            continue
        if not isinstance(record, dict):
            problems.on_row(row, line)
            problems.add("not a JSON object", f"{place(row, line)} is a {_json_type(record)}", _ARRANGEMENTS)
            continue
        suspect = "\\u" in text and _HALF_PAIR.search(text) is not None
        if suspect and (bad := next((key for key in record if not is_unicode(key)), None)) is not None:
            problems.on_row(row, line)
            problems.add(
                "name of a field is not valid Unicode",
                f"{place(row, line)}: {quoted(bad)}",
                "Replace half surrogate pairs.",
            )
            continue
        yield JsonRow(row, line, record, suspect)


def json_keys(path: Path, form: TextForm, wanted: set[str]) -> list[str]:
    """The keys of the objects, those of objects in them as `outer.inner`, and what is wanted and there.

    Args:
        path: of the file.
        form: how it is text.
        wanted: objects may differ: all are read until these are found.

    Raises:
        DataError: no object can be read.
    """
    problems = Problems(path)
    keys: dict[str, None] = {}
    nested: dict[str, None] = {}
    first: dict[str, Any] | None = None
    n_objects = 0
    for found in json_rows(path, form, problems):
        n_objects += 1
        first = first or found.record
        if n_objects <= LOOKED_AT:
            keys.update(dict.fromkeys(found.record))
            if len(nested) < MOST_NESTED:
                nested.update(dict.fromkeys(_nested_names(found.record)))
        missing = wanted - keys.keys()
        keys.update(dict.fromkeys(name for name in missing if _find(found.record, name) is not _MISSING))
        if n_objects >= LOOKED_AT and wanted <= keys.keys():
            break
    if n_objects == 1 and first is not None and not wanted & keys.keys():
        _refuse_wrapped(path, first)
    if not keys:
        problems.raise_if_any()
        raise DataError(f"{path}: no rows. {_ARRANGEMENTS}")
    return list(keys | nested)


def field_of(record: Mapping[str, Any], name: str) -> Any:
    """The field of this name, a dotted one from objects in objects; None when there is none.

    A key that has the dots itself comes first. A number is a place in a list, from 0.
    """
    if name in record:
        return record[name]
    found = _find(record, name)
    return None if found is _MISSING else found


def check_unicode(
    found: JsonRow, columns: Sequence[str], unchecked: Sequence[str], problems: Problems
) -> bool:
    """Whether the wanted fields of an object are text that can be stored; else a problem is noted.

    Args:
        found: the object.
        columns: that are wanted.
        unchecked: those of them whose reader sees to half surrogate pairs itself.
        problems: takes what is wrong.
    """
    if not found.suspect:
        return True
    fine = True
    for name in columns:
        value = field_of(found.record, name)
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if name in unchecked or is_unicode(text):
            continue
        fine = False
        at = next(i for i, char in enumerate(text) if "\ud800" <= char <= "\udfff")
        problems.on_row(found.row, found.line)
        problems.add(
            f"column {name!r} is not valid Unicode",
            f"{place(found.row, found.line)}, character {at + 1}: {text[at]!r}",
            "Replace half surrogate pairs.",
        )
    return fine


def is_unicode(text: str) -> bool:
    """Whether a text can be stored: it holds no half surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _find(record: Any, name: str) -> Any:
    if isinstance(record, Mapping):
        if name in record:
            return record[name]
    elif isinstance(record, list):
        # outside a list a number is a key like any other
        head, _, rest = name.partition(".")
        if not (head.isdecimal() and len(head) < 10 and int(head) < len(record)):
            return _MISSING
        return _find(record[int(head)], rest) if rest else record[int(head)]
    else:
        return _MISSING
    at = name.find(".")
    while at >= 0:
        head = name[:at]
        if head in record and (found := _find(record[head], name[at + 1 :])) is not _MISSING:
            return found
        at = name.find(".", at + 1)
    return _MISSING


def _nested_names(record: Mapping[str, Any], depth: int = DEEPEST) -> Iterator[str]:
    for key, value in record.items():
        if isinstance(value, Mapping) and depth > 1:
            inner = [name for name in value if is_unicode(name)]
            yield from (f"{key}.{name}" for name in inner)
            yield from (f"{key}.{name}" for name in _nested_names(value, depth - 1))


def _refuse_wrapped(path: Path, record: Mapping[str, Any]) -> None:
    """One object that holds the rows is not one row."""
    for key, value in record.items():
        if isinstance(value, list) and len(value) > 1 and all(isinstance(entry, dict) for entry in value):
            raise DataError(
                f"{path}: one object, with {len(value):,} objects in its list {quoted(key)}. Save that list as a file of its"
                f" own, for example: jq -c '.{cut(key, 40)}[]' {path.name} > rows.jsonl."
            )
    columns = list(record.values())
    if len(columns) > 1 and all(
        isinstance(value, dict) and value.keys() == columns[0].keys() for value in columns
    ):
        raise DataError(
            f"{path}: one object of columns ({listed(list(record), 5)}), as pandas writes it unless told otherwise. Write an"
            " object a row: to_json(path, orient='records', lines=True)."
        )


def _json_type(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case _:
            return "list"


def _lines(path: Path, form: TextForm) -> Iterator[tuple[int, str]]:
    """A value a line; blank lines hold none."""
    for line, text in enumerate(text_lines(path, form), start=1):
        if text.strip(_BETWEEN):
            yield line, text.strip("\x1e")


def _is_spread(path: Path, form: TextForm) -> bool:
    """Whether objects are not one a line: they span lines, share one, or are in an array."""
    head = next(text_chunks(path, form), "").lstrip(" \t\r\n\x1e")
    if not head.startswith("{"):
        return head.startswith("[")
    try:
        _, end = json.JSONDecoder().raw_decode(head)
    except (ValueError, RecursionError):
        # malformed, or longer than what was looked at: an object that is one line ends with it
        first, _, rest = head.partition("\n")
        return bool(rest) and not first.rstrip().endswith("}") and not rest.lstrip().startswith("{")
    rest_of_line = head[end:].partition("\n")[0].strip()
    return bool(rest_of_line) or "\n" in head[:end].strip()


class _Scanner:
    """Finds where objects begin and end, without understanding what is in them; text comes in chunks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parts: list[str] = []  # of the object that is open, or of what stands between objects
        self._size = 0
        self._depth = 0
        self._in_string = False
        self._skip = -1  # position of an escaped character in the chunk
        self._array_line: int | None = None
        self._start_line = self._line = 1

    def feed(self, chunk: str) -> Iterator[tuple[int, str]]:
        """Line and text of each value that ends in this chunk."""
        start = counted = 0
        for match in _STRUCTURE.finditer(chunk):
            at, char = match.start(), match.group()
            if self._is_string(at, char):
                continue
            if self._depth == 0:
                self._line += chunk.count("\n", counted, at)
                counted = at
                yield from self._between(chunk[start:at])
                start = at + 1
                if self._is_array(char):
                    continue
                if char in "}]":
                    yield self._line, char  # closes nothing: malformed
                    continue
                start, self._start_line = at, self._line
            self._depth += 1 if char in "{[" else -1
            if self._depth == 0:
                yield self._start_line, "".join([*self._parts, chunk[start : at + 1]])
                self._parts, self._size, start = [], 0, at + 1
        self._line += chunk.count("\n", counted)
        self._skip -= len(chunk)
        self._parts.append(chunk[start:])
        self._size += len(chunk) - start
        if self._size > LONGEST_LINE:
            raise DataError(
                f"{self._path}: what begins in line {self._start_line} goes on for more than {LONGEST_LINE:,} characters."
                f" {_ARRANGEMENTS}"
            )

    def _is_string(self, at: int, char: str) -> bool:
        """Whether a character begins, ends or is inside a string."""
        if not self._in_string:
            self._in_string = char == '"'
            return self._in_string
        if at != self._skip:
            self._in_string = char != '"'
            if char == "\\":
                self._skip = at + 1
        return True

    def _is_array(self, char: str) -> bool:
        """Whether a bracket outside of objects begins or ends the array that they are in."""
        if char == "[" and self._array_line is None:
            self._array_line = self._line
            return True
        if char == "]" and self._array_line is not None:
            self._array_line = None
            return True
        return False

    def finish(self) -> Iterator[tuple[int, str]]:
        """What is left at the end.

        Raises:
            DataError: something never ended.
        """
        line = self._start_line if self._depth else self._array_line
        if line is not None:
            what = "object" if self._depth else "array"
            raise DataError(
                f"{self._path}: the {what} that begins in line {line} never ends. Is the file cut off, or a quote or"
                " bracket missing? Write it again."
            )
        yield from self._between("")

    def _between(self, text: str) -> Iterator[tuple[int, str]]:
        """Values that are no objects, among them."""
        whole = "".join([*self._parts, text])
        self._parts, self._size = [], 0
        for value in whole.split(","):
            if value.strip(_BETWEEN):
                yield self._line, value.strip(_BETWEEN)


def _stretches(path: Path, form: TextForm) -> Iterator[tuple[int, str]]:
    scanner = _Scanner(path)
    for chunk in text_chunks(path, form):
        yield from scanner.feed(chunk)
    yield from scanner.finish()
