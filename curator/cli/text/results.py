"""How results look on a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from curator.amounts import MICRO, readable_amount, unit_name
from curator.cli.printing import table
from curator.cli.text.chart import learning_curve
from curator.cli.text.cost import sources_text
from curator.cli.text.gain import arm_lines, per_unit, verdict_lines, verdict_word, window_lines, windows_rows
from curator.money.advice import sentence
from curator.money.bill import KINDS, hours_line, imported_line, sum_known
from curator.money.measured_on import item_counts, restated
from curator.pool.problems import SHOWN, counted, joined
from curator.rounds.agreement import agreement_text
from curator.rounds.result import RoundReport
from curator.rounds.suggestions import FEWEST, SuggestionEffect
from curator.tasks.registry import metric_title

if TYPE_CHECKING:
    from curator.pool.importing import ImportReport  # loads Arrow
    from curator.views.status import Status  # loads torch

MOST_WINDOWS = 12  # rows of a table


def gain_table(rows: list[dict[str, Any]], currency: str) -> str:
    """The `gain` view for people: a value or a gain never without its interval, and its items where they differ."""
    sizes = bool(item_counts(rows))
    metric = metric_title(rows[0]["metric"]) if rows else "metric"
    body = [
        [
            str(row["round"]),
            f"{row['labels']:,}",
            readable_amount(row["cost"], currency),
            readable_amount(row["total_cost"], currency),
            *([f"{row['holdout_items']:,}"] if sizes else []),
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
        *(["hold-out"] if sizes else []),
        f"{metric} (95%)",
        "gain, points (95%)",
        "verdict",
        f"points per {unit_name(currency)}",
    ]
    return "\n".join([table(headers, body, left=0), *restated(rows)])


def _per_dollar(row: dict[str, Any]) -> str:
    """Gain per unit of currency, with its interval: the ends of the gain's over the same, exact cost."""
    if row["gain_per_dollar"] is None:
        return ""
    ends = {f"per_dollar_{end}": row[f"gain_{end}"] * MICRO / row["cost"] for end in ("low", "high")}
    return per_unit({"per_dollar": row["gain_per_dollar"], **ends})


def add_text(report: ImportReport) -> str:
    """What `curator add` did."""
    text = f"{counted(report.added, 'item')} added, {report.known:,} known already"
    if report.duplicates_collapsed:
        text += f", {counted(report.duplicates_collapsed, 'repeat')} within the file"
    if report.zero_embeddings:
        text += f"\n  {counted(report.zero_embeddings, 'embedding')} all zero: the model cannot tell these items apart"
    if report.respelled:
        text += f"\n  {report.respelled}"
    for note in (*report.notes, report.account):
        if note:
            text += f"\n  {note}"
    return text


def round_text(report: RoundReport, currency: str) -> str:
    """What `curator round` did."""
    lines = []
    if report.measured:
        row = report.measured
        spread = f" ({row['value_low']:.3f} to {row['value_high']:.3f})"
        line = f"Round {row['round']} measured: {counted(row['labels'], 'label')}, {metric_title(row['metric'])} {row['value']:.3f}{spread}"
        if row["gain"] is not None:
            line += (
                f", {100 * row['gain']:+z.1f} points (95%: {100 * row['gain_low']:+z.1f} to {100 * row['gain_high']:+z.1f})"
                f" for {readable_amount(row['cost'], currency)}"
            )
            if row["gain_per_dollar"] is not None:
                line += f": {_per_dollar(row)} points per {unit_name(currency)}"
        lines.append(line)
        lines += [row["note"]] if row.get("note") else []
        lines += restated([row])
        lines += verdict_lines(row["comparisons"])
    if report.verdict:
        lines.append(sentence(report.verdict, currency))
    if report.closed:
        lines.append(f"Round {report.closed} could not be measured. {report.closed_because}")
    if report.opened:
        extra = f", {report.holdout_sent} of them for the hold-out" if report.holdout_sent else ""
        then = (
            "The label column has the answers: run `curator round` again"
            if report.answers_itself
            else f"Answer them at {report.where}"
        )
        lines.append(f"Round {report.opened}: {counted(report.sent, 'question')} asked{extra}. {then}")
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
    accepted = "" if effect.accepted is None else f", {100 * effect.accepted:.0f}% accepted unchanged"
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
    if effect.seconds and effect.seconds.fewest >= FEWEST:
        s = effect.seconds
        lines.append(
            f"  seconds per answer: {s.shown:.1f} with, {s.blind:.1f} without, "
            f"ratio {s.value:.2f} ({s.low:.2f} to {s.high:.2f})"
        )
    if effect.agreement and effect.agreement.fewest >= FEWEST:
        a = effect.agreement
        lines.append(
            f"  labels that match the suggestion: {100 * a.shown:.0f}% with, {100 * a.blind:.0f}% without, "
            f"{100 * a.value:+z.1f} points ({100 * a.low:+z.1f} to {100 * a.high:+z.1f})"
        )
    return lines


def _windows(status: Status) -> list[str]:
    """The window that was asked for, else every stretch of rounds that ends at the newest."""
    if status.window:
        return ["", *window_lines(status.window, status.currency)]
    if len(status.comparisons) < 2:
        return []
    headers = [
        "last rounds",
        "cost",
        "gain, points (95%)",
        "verdict",
        f"points per {unit_name(status.currency)}",
    ]
    rows = windows_rows(status.comparisons[:MOST_WINDOWS], status.currency)
    left = len(status.comparisons) - len(rows)
    more = [f"{left} longer windows: `curator status --last AMOUNT`, or --json."] if left else []
    return ["", table(headers, rows), *more]


def _people_lines(status: Status) -> list[str]:
    """What answers do not add up to labels and money as one would expect; and how far people agree."""
    lines = []
    if status.without_label:
        counts = ", ".join(f"{len(items):,} {why}" for why, items in status.without_label.items())
        lines.append(f"Asked about but without a label: {counts}")
        lines += [f"  {why}: {joined(items, SHOWN)}" for why, items in status.without_label.items()]
        if status.holdout_labeled < status.holdout_items:
            lines.append(
                "  The hold-out measures on labeled items only; items that people disagree about are often the harder ones."
            )
    if status.unasked.answers:
        by = ", ".join(f"{name} {n:,}" for name, n in status.unasked.annotators.items())
        lines.append(
            f"{status.unasked.sentence(status.currency)}. By {by}; items: {joined(status.unasked.items, SHOWN)}"
        )
    if status.copies:
        by = ", ".join(f"{name} {n:,}" for name, n in status.copies.items())
        lines.append(
            f"{counted(sum(status.copies.values()), 'answer')} only repeating another, not paid: {by}"
        )
    if status.agreement.shared or len((status.open_round or {}).get("annotators", ())) > 1:
        lines.append(agreement_text(status.agreement))
        people = status.agreement.people
        if people:
            rows = [
                [name, f"{p.shared:,}", f"{100 * p.same:.0f}%", "" if p.kappa is None else f"{p.kappa:.2f}"]
                for name, p in people.items()
            ]
            lines.append(table(["annotator", "shared items", "agreement", "kappa"], rows))
    return lines


def _spent_lines(status: Status, currency: str) -> list[str]:
    """What was spent, and how that is known."""
    total = readable_amount(sum_known(status.spent.values()), currency)
    parts = (
        f"{readable_amount(amount, currency)} for {KINDS[kind]}" for kind, amount in status.spent.items()
    )
    lines = [f"Spent {total}, including answers of the open round: {', '.join(parts)}"]
    if status.imported:
        lines.append(imported_line(status.imported, currency))
    if set(status.sources) - {"measured"}:
        lines.append(f"Of this: {sources_text(status.sources, currency)}")
    lines += status.cost_notes
    if status.hours:
        lines.append(hours_line(status.hours))
    return lines


def status_text(status: Status) -> str:
    """What `curator status` shows."""
    currency = status.currency
    lines = [
        (
            f"{status.name}: {status.items:,} items, {status.labels:,} labels to train on, "
            f"hold-out {status.holdout_labeled:,} of {status.holdout_items:,} labeled"
        ),
        *_spent_lines(status, currency),
    ]
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
        lines.append(f"{counted(len(status.problems), 'answer')} without a readable label:")
        lines += [f"  {p['item_id']} by {p['annotator']}: {p['problem']}" for p in status.problems]
    lines += _people_lines(status)
    if status.cannot_tell:
        lines.append(
            f"In {counted(status.cannot_tell, 'answer')} the annotator could not tell: these give no label."
        )
    if status.suggestions:
        lines += suggestion_lines(status.suggestions)
    if status.suggestions_off:
        lines.append(f"Suggestions are off. {status.suggestions_off}")
    lines += arm_lines(status)
    lines += status.starved
    if status.verdict:
        lines.append(sentence(status.verdict, currency))
    if status.gain:
        lines += ["", gain_table(status.gain, currency), *verdict_lines(status.comparisons)]
        lines += [row["note"] for row in status.gain if row.get("note")]
        lines += _windows(status)
        if status.next_dollars and not (status.verdict or {}).get("holdout"):
            lines.append(status.next_dollars.facts(currency))
        curve = learning_curve(status.gain, currency, sys.stdout.encoding)
        lines += ["", curve] if curve else []
    return "\n".join(lines)
