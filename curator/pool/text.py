"""Bytes of a data file as text: unpacked, in the right encoding, a chunk or a line at a time."""

import bz2
import codecs
import gzip
import lzma
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, cast

from curator.errors import DataError
from curator.pool.problems import cut

CHUNK = 2**20  # bytes read at a time
LONGEST_LINE = 2**26  # characters; what has no end is noticed here, not when memory is full
COMPRESSED = (".gz", ".bz2", ".xz")
_UNPACK: tuple[tuple[bytes, Any], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
)
_NOT_UNPACKED = (gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError, OSError)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like UTF-16, so it comes first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_TEXT = (
    (b"PAR1", "a Parquet file: end its name in .parquet"),
    (b"ARROW1", "an Arrow file: end its name in .arrow"),
    (b"PK\x03\x04", "a ZIP archive or a workbook: end its name in .xlsx, or unpack it"),
    (b"\xd0\xcf\x11\xe0", "an old or protected Office file: save it as .xlsx or CSV"),
    (b"%PDF", "a PDF document: export its table as CSV"),
    (b"SQLite format 3", "an SQLite database: export its table as CSV"),
)
# What people's files are in. The library knows many more, and with all of them mistakes Western for Icelandic Macs.
_USUAL = (
    *(
        "gb18030",
        "big5",
        "cp932",
        "euc_jp",
        "cp949",
        "cp1250",
        "cp1251",
        "cp1252",
        "cp1253",
        "cp1254",
        "cp1255",
    ),
    *("cp1256", "cp1257", "cp1258", "koi8_r", "iso8859_2", "mac_roman"),
)
# Told apart by whole alphabets. Latin letters of the East, of Turkish or of the Baltic are where the library errs.
_TELLING = ("gb18030", "big5", "cp932", "euc_jp", "cp949", "cp1251", "cp1253", "cp1255", "cp1256", "koi8_r")
_WESTERN = frozenset(
    "àáâäãåæçèéêëìíîïñòóôöøœùúûüßÀÁÂÄÅÆÇÈÉÊËÍÎÓÔÖØÚÛÜÑ€£§°©®™·¿¡«»„“”…•½²\xa0"
    "\u2018\u2019\u201a\u2013\u2014\xb4\xd7"  # single quotation marks, dashes, the accent alone, times
)
_INSIDE_WORDS = re.compile(
    "[A-Za-z][\u201a\u201e\u201c\u201d][A-Za-z]"
)  # letters of DOS, taken for quotation marks
_EVIDENCE = 2**18  # bytes of lines that are not ASCII: what a guess looks at
_LOOKED_THROUGH = 2**26  # bytes in which they are looked for
_FEW = 4  # bytes that are not ASCII: fewer tell nothing at all ...
_SOME = 40  # ... and for encodings whose letters look alike, or of two bytes a letter, it takes more
_LETTERS = 0.8  # share of what is not ASCII
_CLEARLY = 0.05  # how much messier the library has to find the second-best guess


@dataclass(frozen=True)
class TextForm:
    """How the bytes of a file are text.

    Attributes:
        encoding: a Python codec.
        guessed: the codec is a guess: neither given nor marked, and not UTF-8.
        line_end: what ends a line; a carriage return alone only where there is nothing else.
        note: what is to be said about it; None where there is nothing.
    """

    encoding: str
    guessed: bool = False
    line_end: str = "\n"
    note: str | None = None


def stamp(path: Path) -> tuple[int, int, bytes]:
    """What changes when a file does: keeps what was found out about it from outliving it.

    The clock of a file system may stand still for some milliseconds, so the first bytes are a part of it.
    """
    found = path.stat()
    with path.open("rb") as file:
        return found.st_size, found.st_mtime_ns, file.read(2**12)


def open_unpacked(path: Path) -> IO[bytes]:
    """The file, or what is in it when it is compressed, whatever its name says."""
    with path.open("rb") as file:
        start = file.read(8)
    for mark, opened in _UNPACK:
        if start.startswith(mark):
            return cast("IO[bytes]", opened(path, "rb"))
    return path.open("rb")


def text_form(path: Path, encoding: str | None) -> TextForm:
    """Find out the encoding: what was given, what a byte order mark says, UTF-8, or else a guess.

    Args:
        path: a text file, compressed or not; it is read through once, and the answer kept while it does not change.
        encoding: given by the user.

    Raises:
        DataError: this is no text, or in an encoding that can only be given.
    """
    return _text_form(path, stamp(path), encoding)


def text_chunks(path: Path, form: TextForm) -> Iterator[str]:
    """The text, about a mebibyte at a time.

    Raises:
        DataError: bytes that are none in this encoding; names the line.
    """
    decoder = codecs.getincrementaldecoder(form.encoding)("strict")
    lines, done = 1, 0
    for chunk, last in _byte_chunks(path):
        try:
            text = decoder.decode(chunk, last)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(form.encoding, "replace")
            # what the decoder had kept back from the chunk before is in `error.object` as well
            start = done - (len(error.object) - len(chunk)) + error.start
            raise _undecodable(path, form, lines + before.count(form.line_end), start, error) from error
        lines += text.count(form.line_end)
        done += len(chunk)
        if text:
            yield text


def text_lines(path: Path, form: TextForm) -> Iterator[str]:
    """The lines, with their ends.

    Raises:
        DataError: as `text_chunks`; a line without end.
    """
    rest: list[str] = []
    waiting, number = 0, 1
    for chunk in text_chunks(path, form):
        first, *others = chunk.split(form.line_end)
        rest.append(first)
        waiting += len(first)
        if others:
            yield "".join(rest) + form.line_end
            for line in others[:-1]:
                yield line + form.line_end
            number += len(others)
            rest, waiting = [others[-1]], len(others[-1])
        if waiting > LONGEST_LINE:
            raise DataError(
                f"{path}: line {number} has more than {LONGEST_LINE:,} characters. Give a row a line, or a JSON array as .json."
            )
    if waiting:
        yield "".join(rest)


def _byte_chunks(path: Path) -> Iterator[tuple[bytes, bool]]:
    """The bytes, and whether they are the last."""
    try:
        with open_unpacked(path) as file:
            while chunk := file.read(CHUNK):
                yield chunk, False
    except _NOT_UNPACKED as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(f"{path}: damaged, cannot be unpacked ({error}). Compress it again.") from error
    yield b"", True


@lru_cache(maxsize=32)
def _text_form(path: Path, _stamp: tuple[int, int, bytes], encoding: str | None) -> TextForm:
    head = next(_byte_chunks(path))[0]
    for mark, what in _NO_TEXT:
        if head.startswith(mark):
            raise DataError(f"{path}: this is not text but {what}.")
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    if marked is not None:
        return TextForm(marked, line_end=_line_end(head, marked))
    if encoding is not None:
        _refuse_if_utf8(path, head, encoding)
        return TextForm(encoding, line_end=_line_end(head, encoding))
    wide = _without_mark(head)
    if wide is not None:
        return TextForm(wide, line_end=_line_end(head, wide), note=f"encoding: {wide}, without a mark")
    wrong = _first_invalid(path)
    if wrong is None:
        return TextForm("utf-8", line_end=_line_end(head, "utf-8"))
    return _guess(path, head, wrong)


def _line_end(head: bytes, encoding: str) -> str:
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head)
    return "\r" if "\r" in text and "\n" not in text else "\n"


def _refuse_if_utf8(path: Path, head: bytes, encoding: str) -> None:
    """Text that is UTF-8 beyond doubt, in a file that is said to be something else, would come in garbled for good."""
    if head.isascii() or codecs.lookup(encoding).name.startswith("utf"):
        return
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return
    raise DataError(f"{path}: this is UTF-8, but was to be read as {encoding}. Give --encoding utf-8.")


def _without_mark(head: bytes) -> str | None:
    """UTF-16 that lacks its mark: the zero bytes of digits, delimiters and line ends are all on one side."""
    head = head[: len(head) // 2 * 2]
    even, odd = head[::2].count(0), head[1::2].count(0)
    least = max(4, len(head) // 50)
    if max(even, odd) < least or min(even, odd) > max(even, odd) // 20:
        return None
    name = "utf-16-le" if odd > even else "utf-16-be"
    try:
        text = codecs.getincrementaldecoder(name)().decode(head)
    except UnicodeDecodeError:
        return None
    return name if "\n" in text or "\r" in text or "{" in text else None


def _first_invalid(path: Path) -> DataError | None:
    """The first place that is not UTF-8; None when all is."""
    try:
        for _ in text_chunks(path, TextForm("utf-8")):
            pass
    except DataError as error:
        if isinstance(error.__cause__, UnicodeDecodeError):
            return error
        raise
    return None


def _undecodable(path: Path, form: TextForm, line: int, start: int, error: UnicodeDecodeError) -> DataError:
    name = "UTF-8" if form.encoding.startswith("utf-8") else form.encoding
    byte = f"0x{error.object[error.start]:02x}"
    if error.reason == "unexpected end of data" or "truncated" in error.reason:
        byte += ", the last"
    way_out = (
        "Save the file as UTF-8, or name its encoding with --encoding NAME."
        if name == "UTF-8"
        else "Name the file's encoding with --encoding NAME, or save it as UTF-8."
    )
    return DataError(f"{path}: invalid {name} in line {line}, byte {start} of the file ({byte}). {way_out}")


def _guess(path: Path, head: bytes, wrong: DataError) -> TextForm:
    """The encoding by the library, when there is enough to go by; else an error that says what it looks like."""
    if (
        head.count(0)
        or sum(head.count(code) for code in b"\x01\x02\x03\x04\x05\x06\x0e\x0f") > len(head) // 1000
    ):
        raise DataError(f"{wrong} Or is this not text at all? It has control characters.") from wrong
    lines, valid = _telling_lines(path)
    invalid = [line for line in lines if line not in valid]
    if len(valid) > len(invalid):
        # nearly all of it is UTF-8: text of two sources, which no one encoding can put right
        raise wrong
    sample = b"".join(lines)
    name, sure = _best_guess(sample)
    if name is None:
        raise wrong
    example = cut(invalid[0].decode(name, "replace").strip(), 80)
    if not sure:
        raise DataError(
            f"{wrong} It may be {name}, which makes that {example!r}: --encoding {name}."
        ) from wrong
    return TextForm(
        name,
        guessed=True,
        line_end=_line_end(head, name),
        note=f"encoding: {name}, a guess: {example!r} (--encoding NAME if that is wrong)",
    )


def _telling_lines(path: Path) -> tuple[list[bytes], set[bytes]]:
    """Lines that are not ASCII, from all over the file, and those of them that are UTF-8."""
    lines: list[bytes] = []
    valid: set[bytes] = set()
    size = read = 0
    with open_unpacked(path) as file:
        while size < _EVIDENCE and read < _LOOKED_THROUGH and (line := file.readline(CHUNK)):
            read += len(line)
            if line.isascii():
                continue
            lines.append(line)
            size += len(line)
            try:
                line.decode()
                valid.add(line)
            except UnicodeDecodeError:
                pass
    return lines, valid


def _best_guess(sample: bytes) -> tuple[str | None, bool]:
    """A codec, and whether it is more than a possibility."""
    from charset_normalizer import from_bytes

    amount = sum(byte > 0x7F for byte in sample)
    western = sample.decode("cp1252", "replace")
    if {char for char in western if char > "\x7f"} <= _WESTERN and not _INSIDE_WORDS.search(western):
        # rather than ISO 8859-1, which only lacks what Windows has at 0x80 to 0x9f
        return "cp1252", amount >= _FEW
    found = [
        match
        for match in from_bytes(sample, cp_isolation=list(_USUAL))
        if _is_of_letters(sample.decode(match.encoding, "replace"))
    ]
    if not found:
        return None, False
    best, text = found[0], sample.decode(found[0].encoding, "replace")
    others = [match for match in found[1:] if sample.decode(match.encoding, "replace") != text]
    clear = all(
        match.chaos - best.chaos >= _CLEARLY or best.coherence - match.coherence >= 2 * _CLEARLY
        for match in others
    )
    return best.encoding, clear and amount >= _SOME and best.encoding in _TELLING


def _is_of_letters(text: str) -> bool:
    """Whether what is not ASCII is letters: in the wrong encoding much of it is signs and marks."""
    other = [char for char in text if char > "\x7f"]
    return sum(map(str.isalpha, other)) >= _LETTERS * len(other)
