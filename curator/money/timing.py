"""What the ledger's answers say about seconds: the times that a model is fitted to, and what the pool's items will cost."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.config import CostSection
from curator.ledger import queries
from curator.ledger.store import Ledger
from curator.money.caps import Caps
from curator.money.cost import SECONDS_PER_HOUR, rate_of
from curator.money.seconds_model import NoModel, SecondsModel, Times, fit_seconds
from curator.pool.catalogue import Pool

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class ExpectedCosts:
    """What answers to items are expected to cost.

    Attributes:
        model: of the seconds; None: the plain mean of the times so far, or a price per label.
        why: in a sentence, where they come from.
        for_good: nobody is paid for time, so further answers will teach nothing.
    """

    model: SecondsModel | None
    why: str
    for_good: bool = False


def lengths_of(pool: Pool, rows: IntArray) -> FloatArray | None:
    """(n,) characters of the texts at these rows; None of images. One segment of the pool is in memory at a time."""
    if pool.kind != "text":
        return None
    found = np.empty(len(rows))
    order = np.argsort(rows, kind="stable")
    for first, lengths in _segment_lengths(pool, rows):
        within = order[
            np.searchsorted(rows[order], first) : np.searchsorted(rows[order], first + len(lengths))
        ]
        found[within] = lengths[rows[within] - first]
    return found


def _segment_lengths(pool: Pool, rows: IntArray) -> Iterator[tuple[int, FloatArray]]:
    """First row and characters per text, of the segments that hold some of the rows."""
    import pyarrow.compute as pc  # loads Arrow, for time that is paid alone

    from curator.pool.segment_files import read_segment

    starts = np.asarray([segment.first_row for segment in pool.segments], dtype=np.int64)
    for number in np.unique(np.searchsorted(starts, rows, side="right") - 1):
        segment = pool.segments[number]
        column = read_segment(segment, ("text",)).column("text")
        yield segment.first_row, np.asarray(pc.fill_null(pc.utf8_length(column), 0), dtype=np.float64)


def measured_times(ledger: Ledger, pool: Pool) -> Times:
    """The times of all answers so far that have one, capped as they are paid, in the order of their ids."""
    rows = queries.answers.timed_answers(ledger)
    of_annotator: dict[str, list[float]] = {}
    for row in rows:
        of_annotator.setdefault(row["annotator"], []).append(row["seconds"])
    caps = Caps(of_annotator)
    seconds = [min(row["seconds"], caps.paid(row["annotator"])) for row in rows]
    return Times(
        seconds=np.array(seconds, dtype=np.float64),
        lengths=lengths_of(pool, pool.rows([row["item_id"] for row in rows])),
        shown=np.array([row["shown"] for row in rows], dtype=np.float64),
        annotators=[row["annotator"] for row in rows],
    )


def seconds_model(ledger: Ledger, pool: Pool, *, seed: int = 0) -> SecondsModel | NoModel:
    """How long answers take, fitted anew to all answers of the ledger."""
    return fit_seconds(measured_times(ledger, pool), seed=seed)


def expected_costs(
    ledger: Ledger,
    pool: Pool,
    cost: CostSection,
    rows: IntArray,
    *,
    shown: float = 0.0,
    seed: int = 0,
) -> tuple[FloatArray, ExpectedCosts]:
    """What one answer about each item is expected to cost, whoever gives it.

    Who will answer is not known: annotators are expected to go on answering in the proportion in which they have so far.

    Args:
        ledger: its answers are what is known.
        pool: of the items.
        cost: the rate card.
        rows: (n,) pool rows.
        shown: share of the questions that will show a suggestion.
        seed: of the model's cross-validation.

    Returns:
        (n,) micro-units, and where they come from. 0 where time is paid and none was measured yet.
    """
    shares = _shares(ledger)
    # Where an hour costs nothing, no item is dearer than another.
    hourly = {who: share for who, share in shares.items() if rate_of(cost, who).micro_per_hour}
    labels = sum(share * (rate_of(cost, who).micro_per_label or 0) for who, share in shares.items())
    total = np.full(len(rows), float(labels))
    if not hourly:
        return total, ExpectedCosts(None, "every label has the same price", for_good=True)
    times = measured_times(ledger, pool)
    model = fit_seconds(times, seed=seed)
    lengths = lengths_of(pool, rows)
    for who, share in hourly.items():
        per_second = (rate_of(cost, who).micro_per_hour or 0) * cost.paid_to_active / SECONDS_PER_HOUR
        if isinstance(model, NoModel):
            seconds: Any = float(times.seconds.mean()) if len(times) else 0.0
        else:
            seconds = model.expected(lengths, shown=shown, annotator=who)
        total += share * per_second * seconds
    if isinstance(model, NoModel):
        return total, ExpectedCosts(None, model.why)
    return total, ExpectedCosts(model, described(model))


def described(model: SecondsModel) -> str:
    """A model of seconds in a sentence."""
    parts = []
    if model.per_log_length:
        parts.append(f"a text twice as long takes {2.0**model.per_log_length:.2f} times as long")
    if model.of_suggestion:
        parts.append(f"with a suggestion {np.exp(model.of_suggestion):.2f} times")
    if len(model.of_annotator) > 1:
        factors = [float(np.exp(effect)) for effect in model.of_annotator.values()]
        parts.append(f"annotators between {min(factors):.2f} and {max(factors):.2f} times")
    return (
        f"seconds from {model.answers:,} answers: {', '.join(parts) or 'all alike'} (mean error "
        f"{np.expm1(model.error):.0%}; of the plain median {np.expm1(model.median_error):.0%})"
    )


def _shares(ledger: Ledger) -> dict[str, float]:
    """Annotator -> share of the answers so far; of nobody in particular before the first."""
    answers = queries.answers.answers_by_annotator(ledger)
    whole = sum(answers.values())
    return {annotator: n / whole for annotator, n in answers.items()} or {"": 1.0}
