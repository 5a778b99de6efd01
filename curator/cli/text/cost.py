"""How the bill looks on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.amounts import format_amount, readable_amount
from curator.cli.printing import table
from curator.money.bill import KINDS, hours_line, imported_line

if TYPE_CHECKING:  # the rounds and what they load
    from curator.money.invoice import Correction
    from curator.money.overview import CostOverview
    from curator.rounds.charges import Repriced


def sources_text(sources: dict[str, int | None], currency: str) -> str:
    """How the amounts are known."""
    return ", ".join(
        source if amount is None else f"{readable_amount(amount, currency)} {source}"
        for source, amount in sources.items()
    )


def bill_text(found: CostOverview) -> str:
    """What `curator cost show` prints."""
    lines = ["Rate card", *(f"  {line}" for line in found.rates), ""]
    if found.imported:
        lines.append(imported_line(found.imported, found.currency))
    if not found.bill:
        return "\n".join([*lines, "Nothing has been spent yet."])
    rows = [
        [str(row["round"]), KINDS[row["kind"]], row["source"], readable_amount(row["amount"], found.currency)]
        for row in found.bill
    ]
    lines.append(table(["round", "for", "source", "amount"], rows, left=3))
    sources = sources_text(found.sources, found.currency)
    lines.append(f"Total {readable_amount(found.total, found.currency)}{f': {sources}' if sources else ''}")
    lines += [f"  {line}" for line in found.corrections]
    if found.hours:
        lines.append(hours_line(found.hours))
    lines += found.notes
    if found.seconds:
        lines.append(f"{found.seconds[0].upper()}{found.seconds[1:]}")
    return "\n".join(lines)


def reprice_text(rounds: list[Repriced], currency: str, *, dry_run: bool) -> str:
    """What `curator cost reprice` did, or would do."""
    rows = [
        [str(one.round), format_amount(one.before, currency), format_amount(one.after, currency)]
        for one in rounds
    ]
    note = ["Nothing was changed: this was a dry run."] if dry_run else []
    return "\n".join([table(["round", "before", "after"], rows), *note])


def import_text(corrections: list[Correction], currency: str, *, dry_run: bool) -> str:
    """What `curator cost import` did, or would do."""
    rows = [
        [
            str(c.round),
            KINDS[c.kind],
            *(format_amount(micro, currency) for micro in (c.recorded, c.invoiced, c.difference)),
        ]
        for c in corrections
    ]
    changed = sum(c.difference != 0 for c in corrections)
    if not rows:
        return "The file has no rows: nothing was changed."
    verb = "would change" if dry_run else "changed"
    return "\n".join(
        [
            table(["round", "for", "recorded", "invoiced", "difference"], rows, left=2),
            f"{changed} of {len(rows)} amounts {verb}.",
        ]
    )
