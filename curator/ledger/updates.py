"""Changes of rows that are there already: one function per change, each to be called inside a `write`.

New rows are put in by `Ledger.insert`, whole, where they are made.
"""

import json
from collections.abc import Iterable, Mapping, Sequence

from curator.ledger.store import Ledger, Row


def mark_asked(
    ledger: Ledger, external_ids: Mapping[str, str], *, asked_at: str | None = None, anew: bool = False
) -> None:
    """Questions are at the labeler.

    Args:
        ledger: inside a `write`.
        external_ids: key of each question -> the labeler's id of it.
        asked_at: when it was asked, for those of which that is not known; None: it is, or stays unknown.
        anew: the time counts for all of them: they were sent just now.
    """
    ledger.execute(
        "update questions set state = 'asked', external_id = there.value, "
        "asked_at = case when ? then ? else coalesce(asked_at, ?) end "
        "from json_each(?) there where questions.key = there.key",
        [anew, asked_at, asked_at, json.dumps(dict(external_ids))],
    )


def mark_questions(ledger: Ledger, keys: Iterable[str], state: str, sending_at: str | None = None) -> None:
    """Questions are about to be sent (sending, since `sending_at`), or are still to be (outbox)."""
    ledger.execute(
        "update questions set state = ?, sending_at = ? where key in (select value from json_each(?))",
        [state, sending_at, json.dumps(list(keys))],
    )


def mark_absent(ledger: Ledger, keys: Iterable[str], state: str) -> None:
    """Questions are not at the labeler that is asked from now on: they are sent again (outbox), or withdrawn."""
    ledger.execute(
        "update questions set state = ?, external_id = null, sending_at = null "
        "where key in (select value from json_each(?))",
        [state, json.dumps(sorted(keys))],
    )


def withdraw_questions(ledger: Ledger, keys: Iterable[str]) -> None:
    """Questions were deleted at the labeler; the id they had there stays on record."""
    ledger.execute(
        "update questions set state = 'withdrawn' where key in (select value from json_each(?))",
        [json.dumps(list(keys))],
    )


def set_authors(ledger: Ledger, authors: Sequence[Sequence[object]]) -> None:
    """Say whose answers are, in all their versions; annotators are called as people are by then.

    Args:
        ledger: inside a `write`.
        authors: (source id, person, number it had where it was exported or None) of each answer.
    """
    ledger.execute(
        "update answers set person = new.value ->> 1, import_id = new.value ->> 2, "
        "annotator = (select p.annotator from people p where p.id = new.value ->> 1) "
        "from json_each(?) new where answers.source_id = new.value ->> 0",
        [json.dumps(authors)],
    )


def set_copies(ledger: Ledger, copies: Sequence[Sequence[object]]) -> None:
    """Say which answers merely repeat another, in all their versions, and whose they are.

    Args:
        ledger: inside a `write`.
        copies: (source id, source id of the original or None, person) of each answer.
    """
    ledger.execute(
        "update answers set copy_of = new.value ->> 1, person = new.value ->> 2, "
        "annotator = (select p.annotator from people p where p.id = new.value ->> 2) "
        "from json_each(?) new where answers.source_id = new.value ->> 0",
        [json.dumps(copies)],
    )


def count_look(ledger: Ledger, round_id: int) -> None:
    """The hold-out was looked at once more in a round that had looked before."""
    ledger.execute("update looks set times = times + 1 where round = ?", [round_id])


def replace_advice(ledger: Ledger, row: Row) -> None:
    """Put what is said after a round in the place of what was said before, if anything was."""
    ledger.execute("delete from verdicts where round = ?", [row["round"]])
    ledger.insert("verdicts", [row])


def take_back_round(ledger: Ledger, round_id: int) -> None:
    """A round that was opened and has asked nothing is gone."""
    ledger.execute("delete from rounds where id = ?", [round_id])
