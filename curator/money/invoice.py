"""What was really invoiced, from a CSV file into the ledger: as the difference to what was recorded before.

Nothing is overwritten. An invoice for a round and kind adds one row, invoiced minus recorded, and with it every sum over
the costs is what was invoiced. The same file again adds nothing; a later invoice that says something else adds the
difference to the earlier one.
"""

import csv
import io
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from curator.amounts import parse_amount
from curator.errors import DataError
from curator.ledger import queries
from curator.ledger.store import Ledger, Row
from curator.money.bill import KINDS

REQUIRED = ("round", "amount")
COLUMNS = (*REQUIRED, "kind", "currency", "note")
_CLOSED = ("measured", "unmeasured")
_SHOWN = 10  # problems that an error lists
_LARGEST = 10**15  # micro-units of one line; above, it is a slip


@dataclass(frozen=True)
class Line:
    """One line of an invoice.

    Attributes:
        number: of the line in the file, from 1.
        round: that it is for.
        kind: as `curator.money.bill.KINDS`.
        amount: micro-units.
        note: free text.
    """

    number: int
    round: int
    kind: str
    amount: int
    note: str | None


@dataclass(frozen=True)
class Correction:
    """What one line changes; micro-units.

    Attributes:
        round: that it is for.
        kind: of the bill.
        recorded: on the bill before; None: not known.
        invoiced: from now on.
        difference: that is added.
    """

    round: int
    kind: str
    recorded: int | None
    invoiced: int
    difference: int

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def import_invoice(ledger: Ledger, path: Path, currency: str, *, dry_run: bool = False) -> list[Correction]:
    """Bring the bill to what an invoice says, all of it or nothing.

    Args:
        ledger: of the campaign.
        path: CSV with the columns round and amount, and if wanted kind (label where it is empty), currency and note.
        currency: of the campaign.
        dry_run: only say what would change.

    Returns:
        One correction per line, in the order of the file; those with a difference of 0 add nothing.

    Raises:
        DataError: the file cannot be read, or lines of it cannot be used; says which, and why.
    """
    rows = _read(path)
    with ledger.write():
        lines = _checked(ledger, path, rows, currency)
        corrections = [_correction(ledger, line) for line in lines]
        if not dry_run:
            _write(ledger, lines, corrections, currency)
    return corrections


def _read(path: Path) -> list[tuple[int, dict[str, str]]]:
    """(line number, cells) of each line that is not empty."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        rows = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except OSError as exc:
        raise DataError(f"{path} cannot be read: {exc.strerror or exc}.") from exc
    except (UnicodeDecodeError, csv.Error) as exc:
        raise DataError(f"{path} is not a CSV file in UTF-8: {exc}.") from exc
    if not rows:
        raise DataError(f"{path} is empty. Its first line names the columns: {', '.join(COLUMNS)}.")
    head = [name.strip().lower() for name in rows[0][1]]
    problems = [f"no column `{name}`" for name in REQUIRED if name not in head]
    problems += [f"column `{name}` is not known" for name in dict.fromkeys(head) if name not in COLUMNS]
    problems += [f"column `{name}` appears twice" for name, n in Counter(head).items() if n > 1]
    if problems:
        raise DataError(
            f"{path}, line 1: {'; '.join(problems)}. The columns are round and amount, and optionally "
            "kind, currency and note."
        )
    problems = [
        f"line {number}: {len(cells)} cells, the first line has {len(head)}"
        for number, cells in rows[1:]
        if len(cells) != len(head)
    ]
    _refuse(path, problems)
    return [(number, dict(zip(head, map(str.strip, cells), strict=True))) for number, cells in rows[1:]]


def _checked(ledger: Ledger, path: Path, rows: list[tuple[int, dict[str, str]]], currency: str) -> list[Line]:
    """The lines, each of a closed round, in the campaign's currency, and said once."""
    status = queries.rounds.round_statuses(ledger)
    problems: list[str] = []
    lines: list[Line] = []
    seen: dict[tuple[int, str], int] = {}
    for number, cells in rows:
        found = [
            *_round_problems(cells["round"], status),
            *_kind_problems(cells.get("kind", "")),
            *_amount_problems(cells["amount"], currency),
        ]
        code = cells.get("currency", "")
        if code and code.upper() != currency:
            found.append(f"column currency: {code!r}, but this campaign is in {currency}")
        if not found:
            line = Line(
                number,
                int(cells["round"]),
                (cells.get("kind") or "label").lower(),
                parse_amount(cells["amount"]),
                cells.get("note") or None,
            )
            first = seen.setdefault((line.round, line.kind), number)
            if first != number:
                found.append(f"round {line.round}, {line.kind}, is on line {first} already; add them up")
            lines.append(line)
        problems += [f"line {number}, {problem}" for problem in found]
    _refuse(path, problems)
    return lines


def _round_problems(text: str, status: dict[int, str]) -> list[str]:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        return [f"column round: {text!r} is not the number of a round"]
    if int(text) not in status:
        there = f"rounds 1 to {max(status)}" if status else "no rounds yet"
        return [f"column round: there is no round {int(text)} (the ledger has {there})"]
    if status[int(text)] not in _CLOSED:
        return [
            f"column round: round {int(text)} is still open and may grow; import its invoice once it is measured"
        ]
    return []


def _kind_problems(text: str) -> list[str]:
    if text and text.lower() not in KINDS:
        return [f"column kind: {text!r} is not one of {', '.join(KINDS)}"]
    return []


def _amount_problems(text: str, currency: str) -> list[str]:
    try:
        amount = parse_amount(text, currency)
    except ValueError as exc:
        return [f"column amount: {exc}"]
    return [f"column amount: {text!r} is more than any round can cost"] if amount > _LARGEST else []


def _refuse(path: Path, problems: list[str]) -> None:
    if problems:
        more = f"\n  and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        shown = "\n".join(f"  {problem}" for problem in problems[:_SHOWN])
        raise DataError(f"{path} cannot be imported; nothing was changed.\n{shown}{more}")


def _correction(ledger: Ledger, line: Line) -> Correction:
    on_bill = queries.costs.recorded_amount(ledger, line.round, line.kind)
    recorded = None if queries.costs.is_unknown(ledger, line.round, line.kind) else on_bill
    return Correction(line.round, line.kind, recorded, line.amount, line.amount - on_bill)


def _write(ledger: Ledger, lines: list[Line], corrections: list[Correction], currency: str) -> None:
    added: list[Row] = []
    for line, correction in zip(lines, corrections, strict=True):
        name = f"invoice:{line.round}:{line.kind}"
        before = queries.costs.count_versions(ledger, name)
        # An invoice that says what was recorded says something, too: from then on the sum is an invoiced one.
        if correction.difference or not before:
            added.append(
                {
                    "source_id": name,
                    "version": before + 1,
                    "round": line.round,
                    "kind": line.kind,
                    "amount": correction.difference,
                    "currency": currency,
                    "basis": "invoice",
                    "source": "invoiced",
                    "note": line.note,
                }
            )
    ledger.insert("costs", added)
