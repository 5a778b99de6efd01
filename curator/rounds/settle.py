"""Settle: derive labels from answers. Labels are never overwritten: a change is the next version."""

from collections import Counter
from dataclasses import dataclass

from curator.ledger import records
from curator.ledger.store import Ledger, Row, utc_now


@dataclass(frozen=True)
class Settled:
    """What settling changed."""

    labeled: int  # items with a new or another label
    retracted: int  # items that lost theirs
    tied: int  # items whose answers have become even, and so have no label


@dataclass(frozen=True)
class Consensus:
    """What the answers to one item amount to."""

    label: str | None  # None: nobody gave a label, or a tie
    answers: int  # that gave a label
    agreement: float | None  # share of all votes that gave this one; None without a label
    tied: bool


def consensus(votes: list[str | None]) -> Consensus:
    """The majority of the votes on an item; an even split gives none.

    Args:
        votes: a class, or None of an annotator who cannot tell; that is a vote for no label.
    """
    labels = [vote for vote in votes if vote is not None]
    if not labels:
        return Consensus(None, 0, None, tied=False)
    (first, n), *rest = Counter(votes).most_common(2)
    if rest and rest[0][1] == n:
        return Consensus(None, len(labels), None, tied=True)
    if first is None:
        return Consensus(None, len(labels), None, tied=False)
    return Consensus(first, len(labels), n / len(votes), tied=False)


def settle(ledger: Ledger, round_id: int, *, partial: bool) -> Settled:
    """Derive the label of every item whose answers say something new, and mark the round settled."""
    with ledger.write():
        settled = derive_labels(ledger, round_id)
        ledger.update("rounds", round_id, status="settled", partial=int(partial), settled_at=utc_now())
    return settled


def settle_corrections(ledger: Ledger) -> Settled:
    """Let labels follow what was corrected since they were settled; what an open round asks waits for its end."""
    with ledger.write():
        return derive_labels(ledger, records.last_round_id(ledger), closed_only=True)


def derive_labels(ledger: Ledger, round_id: int, *, closed_only: bool = False) -> Settled:
    """Write the label of every item whose answers say something new.

    Args:
        ledger: inside a transaction.
        round_id: that settles them.
        closed_only: leave items alone that the open round asks about.
    """
    votes = read_votes(ledger)
    asked = {
        row["item_id"]: row
        for row in ledger.rows("select item_id, role, max(round) as round from questions group by item_id")
    }
    current = {row["item_id"]: row for row in ledger.rows("select * from current_labels")}
    running = records.current_round(ledger) if closed_only else None
    labeled = retracted = tied = 0
    changed = []
    for item_id, question in asked.items():
        if running is not None and question["round"] == running["id"]:
            continue
        now, before = consensus(list(votes.get(item_id, {}).values())), current.get(item_id)
        if not _changed(now, before):
            continue
        tied += now.tied and not (before and before["tied"])
        labeled += now.label is not None
        retracted += now.label is None and before is not None and before["label"] is not None
        changed.append(_label_row(item_id, question, now, before, round_id))
    ledger.insert("labels", changed)
    return Settled(labeled, retracted, tied)


def read_votes(ledger: Ledger) -> dict[str, dict[str, str | None]]:
    """Item id -> annotator -> the class they chose, or None of who cannot tell.

    Of one person the newest word counts. A copy that was imported has none as long as its original is there: it says
    what that said when it was copied.
    """
    given: dict[str, dict[str, str | None]] = {}
    for row in ledger.rows(
        """
        select q.item_id, a.annotator, a.label from live_answers a join questions q on q.key = a.key
        where (a.label is not null or a.cannot_tell) and not (
            a.copy_of is not null and a.import_id is not null
            and exists (select 1 from live_answers o where o.source_id = a.copy_of)
        ) order by q.item_id, coalesce(a.updated_at, a.created_at), a.created_at, a.source_id
        """
    ):
        given.setdefault(row["item_id"], {})[row["annotator"]] = row["label"]
    return given


def _changed(now: Consensus, before: Row | None) -> bool:
    if before is None:
        return now.answers > 0
    return (before["label"], before["answers"], before["agreement"], bool(before["tied"])) != (
        now.label,
        now.answers,
        now.agreement,
        now.tied,
    )


def _label_row(item_id: str, question: Row, now: Consensus, before: Row | None, round_id: int) -> Row:
    return {
        "item_id": item_id,
        "version": 1 if before is None else before["version"] + 1,
        "role": question["role"],
        "label": now.label,
        "answers": now.answers,
        "agreement": now.agreement,
        "tied": int(now.tied),
        "round": question["round"],
        "settled_in": round_id,
        "settled_at": utc_now(),
    }
