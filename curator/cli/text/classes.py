"""How classes and their changes look on a terminal."""

from curator.amounts import readable_amount
from curator.cli.printing import table
from curator.pool.problems import counted
from curator.rounds.classes.change import ClassesReport
from curator.rounds.classes.listing import ClassList


def list_text(found: ClassList) -> str:
    """The classes as a table, what is to be asked again, and how they changed."""
    described = any(row.description for row in found.classes)
    headers = ["class", *(["what it means"] if described else []), "labels", "of them imported", "hold-out"]
    rows = [
        [
            row.name,
            *([row.description] if described else []),
            f"{row.labels:,}",
            f"{row.imported:,}",
            f"{row.holdout:,}",
        ]
        for row in found.classes
    ]
    lines = [table(headers, rows, left=2 if described else 1)]
    if found.holdout_again:
        lines.append(
            f"{counted(found.holdout_again, 'hold-out item')} to be asked about again, since the classes changed."
        )
    if found.training_again:
        lines.append(
            f"{counted(found.training_again, 'training item')} back in the pool, having lost the label in a change."
        )
    lines += [f"  {change}" for change in found.changes]
    return "\n".join(lines)


def change_text(report: ClassesReport, currency: str) -> str:
    """What a change did, or would do."""
    head = report.sentence if report.done else f"{report.sentence}: dry run, nothing was changed"
    lines = [f"{head}.", *meaning_lines(report, currency)]
    if report.done:
        asked = f" It sends {counted(report.asked_now, 'more question')}." if report.asked_now else ""
        lines.append(f"Classes now: {', '.join(report.classes)}. Next: `curator round`.{asked}")
    return "\n".join(lines)


def meaning_lines(report: ClassesReport, currency: str) -> list[str]:
    """What a change makes of the labels, and what it costs; a line each."""
    lines = []
    if report.relabeled:
        lines.append(f"  {counted(report.relabeled, 'label')} changed with it, at no cost")
    if report.holdout_again:
        price = readable_amount(report.price, currency)
        lines.append(
            f"  {counted(report.holdout_again, 'hold-out item')} to be asked about again: up to {price} ({report.priced_at})"
        )
    if report.training_again:
        lines.append(
            f"  {counted(report.training_again, 'training label')} no longer precise enough: back into the pool, to be "
            "paid for again if picked"
        )
    return lines or ["  no label changes, and nothing is asked again"]
