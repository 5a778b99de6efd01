"""How results look on a terminal."""

import io
import json
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from curator.cli.arm_text import arm_lines
from curator.cli.chart import learning_curve
from curator.cli.render_gain import verdict_lines, verdict_word
from curator.money.amounts import MICRO, format_amount
from curator.money.bill import KINDS, hours_line
from curator.pool.catalogue import ImportReport
from curator.pool.problems import counted
from curator.rounds.report import RoundReport
from curator.status import Status
from curator.suggestions import FEWEST, SuggestionEffect


def as_json(value: Any) -> str:
    """For `--json`: one line, keys in a fixed order."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _text(table: Table) -> str:
    """A table as plain lines, never cut to a terminal's width: it may go to a file or a log."""
    console = Console(file=io.StringIO(), width=160, color_system=None)
    console.print(table)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()).strip("\n")  # type: ignore[attr-defined]


def table(headers: list[str], rows: list[list[str]], left: int = 1) -> str:
    """Rows under headers; the first `left` columns are text, the others numbers."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for i, header in enumerate(headers):
        grid.add_column(header, justify="left" if i < left else "right", no_wrap=True)
    for row in rows:
        grid.add_row(*row)
    return _text(grid)


def gain_table(rows: list[dict[str, Any]], currency: str) -> str:
    """The `gain` view for people: a value or a gain never without its interval."""
    metric = rows[0]["metric"].replace("_", "-") if rows else "metric"
    body = [
        [
            str(row["round"]),
            f"{row['labels']:,}",
            format_amount(row["cost"], currency),
            format_amount(row["total_cost"], currency),
            f"{row['value']:.3f} ({row['value_low']:.3f} to {row['value_high']:.3f})",
            ""
            if row["gain"] is None
            else f"{100 * row['gain']:+z.1f} ({100 * row['gain_low']:+z.1f} to {100 * row['gain_high']:+z.1f})",
            verdict_word(row),
            _per_dollar(row),
        ]
        for row in rows
    ]
    headers = [
        "round",
        "labels",
        "cost",
        "total",
        f"{metric} (95%)",
        "gain, points (95%)",
        "verdict",
        f"points per {_unit(currency)}",
    ]
    return table(headers, body, left=0)


def _per_dollar(row: dict[str, Any]) -> str:
    """Gain per unit of currency, with its interval: the ends of the gain's over the same, exact cost."""
    if row["gain_per_dollar"] is None:
        return ""
    low, high = (100 * row[end] * MICRO / row["cost"] for end in ("gain_low", "gain_high"))
    return f"{100 * row['gain_per_dollar']:+z.2f} ({low:+z.2f} to {high:+z.2f})"


def _unit(currency: str) -> str:
    return "dollar" if currency == "USD" else currency


def add_text(report: ImportReport) -> str:
    """What `curator add` did."""
    text = f"{counted(report.added, 'item')} added, {report.known:,} known already"
    if report.duplicates_collapsed:
        text += f", {counted(report.duplicates_collapsed, 'repeat')} within the file"
    if report.zero_embeddings:
        text += f"\n  {counted(report.zero_embeddings, 'embedding')} all zero: the model cannot tell these items apart"
    if report.respelled:
        text += f"\n  {report.respelled}"
    return text


def round_text(report: RoundReport, currency: str) -> str:
    """What `curator round` did."""
    lines = []
    if report.measured:
        row = report.measured
        spread = f" ({row['value_low']:.3f} to {row['value_high']:.3f})"
        line = f"Round {row['round']} measured: {row['labels']:,} labels, {row['metric'].replace('_', '-')} {row['value']:.3f}{spread}"
        if row["gain"] is not None:
            line += (
                f", {100 * row['gain']:+z.1f} points (95%: {100 * row['gain_low']:+z.1f} to {100 * row['gain_high']:+z.1f})"
                f" for {format_amount(row['cost'], currency)}"
            )
            if row["gain_per_dollar"] is not None:
                line += f": {_per_dollar(row)} points per {_unit(currency)}"
        lines.append(line)
        lines += verdict_lines(row["comparisons"])
    if report.verdict:
        lines.append(verdict_line(report.verdict))
    if report.closed:
        lines.append(f"Round {report.closed} could not be measured. {report.closed_because}")
    if report.opened:
        extra = f", {report.holdout_sent} of them for the hold-out" if report.holdout_sent else ""
        then = (
            "The label column answers: run `curator round` again"
            if report.answers_itself
            else f"Answer them at {report.where}"
        )
        lines.append(f"Round {report.opened}: {report.sent} questions asked{extra}. {then}")
    if report.stopped and not (report.verdict or {}).get("word", "").startswith("hard stop"):
        lines.append(report.stopped)
    if report.waiting:
        lines.append(
            f"{progress_line(report.progress)} at {report.where}. "
            "--partial settles with these, --wait waits for the rest."
        )
    lines.append(
        "Stages: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in report.seconds.items())
    )
    return "\n".join(lines)


def verdict_line(verdict: dict[str, Any]) -> str:
    """Whether to go on, and why."""
    return f"Stop or go on after round {verdict['round']}: {verdict['word']}. {' '.join(verdict['reasons'])}"


def progress_line(progress: dict[str, Any]) -> str:
    """How far a round that waits for answers is."""
    by = ", ".join(f"{name} {n}" for name, n in progress["annotators"].items())
    line = f"Round {progress['round']} is waiting: {progress['answered']} of {progress['asked']} questions answered"
    return f"{line} ({by})" if by else line


def _stage(current: dict[str, Any]) -> str:
    """What the open round waits for."""
    if current["status"] != "pushed":
        return "to be continued by `curator round`"
    return "waiting for answers" if current["waiting"] else "ready for `curator round`"


def suggestion_lines(effect: SuggestionEffect) -> list[str]:
    """What suggestions do to the annotators, each number with its interval."""
    accepted = "" if effect.accepted is None else f", {100 * effect.accepted:.0f}% accepted as they were"
    if min(effect.shown, effect.blind) < FEWEST:
        return [
            (
                f"Suggestions: {effect.shown:,} questions answered with one, {effect.blind:,} without: too few to compare "
                f"({FEWEST} of each)"
            )
        ]
    lines = [
        (
            f"Suggestions ({100 * effect.level:.0f}% intervals): {effect.shown:,} questions answered with one{accepted}, "
            f"{effect.blind:,} without"
        )
    ]
    if effect.seconds:
        s = effect.seconds
        lines.append(
            f"  seconds per answer: {s.shown:.1f} with, {s.blind:.1f} without, "
            f"ratio {s.value:.2f} ({s.low:.2f} to {s.high:.2f})"
        )
    if effect.agreement:
        a = effect.agreement
        lines.append(
            f"  labels that equal the suggestion: {100 * a.shown:.0f}% with, {100 * a.blind:.0f}% without, "
            f"{100 * a.value:+z.1f} points ({100 * a.low:+z.1f} to {100 * a.high:+z.1f})"
        )
    return lines


def sources_text(sources: dict[str, int], currency: str) -> str:
    """How the amounts are known."""
    return ", ".join(f"{format_amount(amount, currency)} {source}" for source, amount in sources.items())


def status_text(status: Status) -> str:
    """What `curator status` shows."""
    currency = status.currency
    total = format_amount(sum(status.spent.values()), currency)
    lines = [
        (
            f"{status.name}: {status.items:,} items, {status.labels:,} labels to train on, "
            f"hold-out {status.holdout_labeled:,} of {status.holdout_items:,} labeled"
        ),
        (
            f"Spent {total}, answers of the open round included: "
            + ", ".join(
                f"{format_amount(amount, currency)} for {KINDS[kind]}"
                for kind, amount in status.spent.items()
            )
        ),
    ]
    if set(status.sources) - {"measured"}:
        lines.append(f"Of it: {sources_text(status.sources, currency)}")
    if status.hours:
        lines.append(hours_line(status.hours))
    current = status.open_round
    if current:
        lines.append(
            f"Round {current['round']}: {_stage(current)}, {current['answered']} of {current['asked']} questions answered"
            + (f", {current['withdrawn']} deleted at the labeler" if current["withdrawn"] else "")
        )
        if current["annotators"]:
            rows = [[name, str(n)] for name, n in current["annotators"].items()]
            lines.append(table(["annotator", "answers"], rows))
    if status.problems:
        lines.append(f"{len(status.problems)} answers without a readable label:")
        lines += [f"  {p['item_id']} by {p['annotator']}: {p['problem']}" for p in status.problems]
    if status.cannot_tell:
        lines.append(f"{status.cannot_tell} answers say that the annotator cannot tell: no label from them.")
    if status.suggestions:
        lines += suggestion_lines(status.suggestions)
    if status.suggestions_off:
        lines.append(f"Suggestions are off. {status.suggestions_off}")
    lines += arm_lines(status)
    lines += status.starved
    if status.verdict:
        lines.append(verdict_line(status.verdict))
    if status.gain:
        lines += ["", gain_table(status.gain, currency), *verdict_lines(status.comparisons)]
        curve = learning_curve(status.gain, currency, sys.stdout.encoding)
        lines += ["", curve] if curve else []
    if status.next_dollars:
        lines.append(status.next_dollars.sentence(currency))
    return "\n".join(lines)
