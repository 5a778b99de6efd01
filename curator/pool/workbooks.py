"""Excel workbooks (.xlsx) as rows of text, one at a time."""

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from curator.errors import DataError
from curator.pool.fields import shown_text
from curator.pool.layout import refuse_repeated
from curator.pool.problems import Problems, listed, place

LARGEST = 2**31  # bytes that a workbook may unpack to: more is a mistake, or an attack
_DAMAGED = (
    zipfile.BadZipFile,
    KeyError,
    ValueError,
    ParseError,
    OSError,
    EOFError,
    TypeError,
    IndexError,
    AttributeError,
)
_WAY_OUT = "Save it as .xlsx or as CSV (UTF-8) with a spreadsheet program."


def workbook_columns(path: Path, *, header: bool) -> tuple[list[str], list[str]]:
    """The columns of the sheet that is read, and what is to be said about it."""
    with closing(_open(path)) as book:
        sheet, notes = _sheet(path, book)
        for line, cells in _filled(path, sheet):
            names = _names(cells, header=header)
            refuse_repeated(path, names, f" (line {line})")
            return names, notes
    raise DataError(f"{path}: the sheet is empty ({'; '.join(notes)}). Give a header and a row per item.")


def workbook_rows(
    path: Path, names: Sequence[str], problems: Problems, *, header: bool
) -> Iterator[tuple[int, int, list[str]]]:
    """Row number, line of the sheet and cells of each row; empty ones in between are left out."""
    with closing(_open(path)) as book:
        sheet, _ = _sheet(path, book)
        rows = _filled(path, sheet)
        row, before = 0, None
        if header:
            before, _ = next(rows, (0, []))
        for line, cells in rows:
            for empty in range(line if before is None else before + 1, line):
                row += 1
                problems.leave_out_empty(row, empty)
            before, row = line, row + 1
            problems.n_rows = row
            if any(cells[len(names) :]):
                problems.on_row(row, line)
                problems.add(
                    f"number of fields differs from the header's {len(names)}",
                    f"{place(row, line)} has {len(cells)}",
                    "Name the further columns in the header, or empty these cells.",
                )
                continue
            yield row, line, (cells + [""] * len(names))[: len(names)]


def _open(path: Path) -> Any:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST:
            raise DataError(
                f"{path}: unpacks to {size / 2**30:,.1f} GB, more than {LARGEST / 2**30:,.0f}. Save it as CSV (UTF-8)."
            )
        # data_only: what a formula gave when the file was saved, not the formula
        return load_workbook(path, read_only=True, data_only=True, keep_links=False)
    except (*_DAMAGED, InvalidFileException) as error:
        raise DataError(
            f"{path}: not a readable .xlsx workbook ({error}); a protected workbook or an old .xls cannot be read either. {_WAY_OUT}"
        ) from error


def _sheet(path: Path, book: Any) -> tuple[Any, list[str]]:
    """The first sheet that is not hidden, and a note about the others."""
    sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"] or list(book.worksheets)
    if not sheets:
        raise DataError(f"{path}: no sheet with cells in it. {_WAY_OUT}")
    others = [sheet.title for sheet in book.worksheets if sheet is not sheets[0]]
    notes = [f"sheet: {sheets[0].title}"]
    if others:
        notes.append(
            f"not read: the other sheets, {listed(others, 5)}. Save one as a file of its own to read it"
        )
    return sheets[0], notes


def _filled(path: Path, sheet: Any) -> Iterator[tuple[int, list[str]]]:
    """Line and cells of each row that has any, less the empty ones at its end."""
    sheet.reset_dimensions()  # programs that write sheets get them wrong
    line = 0
    try:
        for line, values in enumerate(sheet.iter_rows(values_only=True), start=1):
            cells = [_text(value) for value in values]
            while cells and not cells[-1].strip():
                cells.pop()
            if cells:
                yield line, cells
    except _DAMAGED as error:
        raise DataError(f"{path}: damaged after line {line} of the sheet ({error}). {_WAY_OUT}") from error


def _names(cells: list[str], *, header: bool) -> list[str]:
    return [
        cell if header and cell.strip() else f"column{number}" for number, cell in enumerate(cells, start=1)
    ]


def _text(value: object) -> str:
    """A cell as a CSV file would have it. Half a surrogate pair, which can be escaped in a cell, becomes "?"."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return shown_text(value) or ""
