"""What was asked, what is still to be asked, and how far it is answered."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from curator.ledger.queries.labels import imported_ids
from curator.ledger.store import Ledger, Row

# A question that counts: out, about to be sent, or deleted at the labeler after somebody had answered it.
_ASKED = "(q.state <> 'withdrawn' or exists (select 1 from live_answers a where a.key = q.key))"


@dataclass(frozen=True)
class Progress:
    """How far a round's questions are answered."""

    asked: int
    answered: int  # questions that have as many answers as they want
    withdrawn: int  # deleted at the labeler: nobody will answer them
    annotators: dict[str, int]  # answers per annotator, copies left out
    problems: int  # answers that no label could be read from

    @property
    def waiting(self) -> int:
        """Questions that are still to be answered."""
        return self.asked - self.answered - self.withdrawn


def progress(ledger: Ledger, round_id: int) -> Progress:
    """How far the questions of a round are."""
    counts = ledger.one(
        """
        select count(*) as asked,
               sum(q.state = 'withdrawn' and coalesce(n.annotators, 0) < q.answers_wanted) as withdrawn,
               sum(coalesce(n.annotators, 0) >= q.answers_wanted) as answered
        from questions q left join (
            select a.key, count(distinct a.annotator) as annotators
            from questions p join live_answers a on a.key = p.key where p.round = ? group by a.key
        ) n on n.key = q.key
        where q.round = ?
        """,
        [round_id, round_id],
    )
    answers = ledger.rows(
        """
        select a.annotator, count(*) as n, sum(a.problem is not null) as problems
        from live_answers a join questions q on q.key = a.key where q.round = ? and a.copy_of is null
        group by a.annotator order by n desc, a.annotator
        """,
        [round_id],
    )
    counts = counts or {}
    return Progress(
        asked=counts.get("asked") or 0,
        answered=counts.get("answered") or 0,
        withdrawn=counts.get("withdrawn") or 0,
        annotators={row["annotator"]: row["n"] for row in answers},
        problems=sum(row["problems"] for row in answers),
    )


def asked_ids(ledger: Ledger) -> list[str]:
    """Every item that was put to the labeler, in any round and role, unless the question is gone without an answer."""
    return [
        row["item_id"]
        for row in ledger.rows(
            "select distinct item_id from questions q where state <> 'withdrawn' "
            "or exists (select 1 from answers a where a.key = q.key) order by item_id"
        )
    ]


def settled_ids(ledger: Ledger) -> list[str]:
    """Items that are not to be picked: asked about, or labeled by a file; but for those that lost their label since."""
    taken = {*asked_ids(ledger), *imported_ids(ledger)}
    return sorted(taken - set(outdated_training(ledger)))


def holdout_to_ask(ledger: Ledger) -> dict[str, bool]:
    """item_id -> whether it was labeled before, of the hold-out items that no question asks about.

    Those that were labeled lost their label when the classes changed.
    """
    rows = ledger.rows(
        f"""
        select h.item_id, l.item_id is not null as again
        from holdout h left join current_labels l on l.item_id = h.item_id and l.outdated is not null
        where (h.source = 'sample' or l.item_id is not null) and not exists (
            select 1 from questions q where q.item_id = h.item_id and {_ASKED}
            and (l.item_id is null or q.classes >= l.outdated)
        ) order by h.item_id
        """  # noqa: S608 - our own condition
    )
    return {row["item_id"]: bool(row["again"]) for row in rows}


def outdated_training(ledger: Ledger) -> list[str]:
    """Training items that lost their label when the classes changed, and that nobody was asked about since."""
    rows = ledger.rows(
        f"""
        select l.item_id from current_labels l where l.role = 'train' and l.outdated is not null and not exists (
            select 1 from questions q where q.item_id = l.item_id and {_ASKED} and q.classes >= l.outdated
        ) order by l.item_id
        """  # noqa: S608 - our own condition
    )
    return [row["item_id"] for row in rows]


def unsettled_ties(ledger: Ledger, most: int) -> dict[str, str]:
    """item_id -> role of the items whose answers are even between classes and that may be asked about again.

    Not while a question about the item is still open, as after a round that was settled in part; and only while there
    is somebody in the campaign who has not answered about it: the same people would tie again, and be paid for it.

    Args:
        ledger: settled.
        most: an item is asked about so many times at most.
    """
    rows = ledger.rows(
        """
        select l.item_id, l.role, count(q.key) as asked
        from current_labels l join questions q on q.item_id = l.item_id
        where l.tied = 1 and not exists (
            select 1 from questions o where o.item_id = l.item_id and o.state <> 'withdrawn'
            and (select count(distinct a.annotator) from live_answers a where a.key = o.key) < o.answers_wanted
        ) and (
            select count(distinct a.annotator) from live_answers a join questions o on o.key = a.key
            where o.item_id = l.item_id
        ) < (select count(distinct annotator) from live_answers)
        group by l.item_id having asked < ? order by l.item_id
        """,
        [most],
    )
    return {row["item_id"]: row["role"] for row in rows}


def unread_items(ledger: Ledger, most: int) -> dict[str, str]:
    """item_id -> role of the items whose answers carry no label that can be read, and that may be asked about again.

    As when a class was renamed while people answered. Not while a question about the item is open, and not where somebody
    who cannot tell has said so: that is an answer.

    Args:
        ledger: settled.
        most: an item is asked about so many times at most.
    """
    rows = ledger.rows(
        """
        select q.item_id, q.role, count(distinct q.key) as asked, sum(a.problem is not null) as problems,
               sum(a.label is not null or a.cannot_tell) as votes,
               min(q.state = 'withdrawn' or (
                   select count(distinct n.annotator) from live_answers n where n.key = q.key
               ) >= q.answers_wanted) as closed
        from questions q left join live_answers a on a.key = q.key
        group by q.item_id having problems > 0 and votes = 0 and closed and asked < ? order by q.item_id
        """,
        [most],
    )
    return {row["item_id"]: row["role"] for row in rows}


def asked_again(ledger: Ledger, most: int) -> dict[str, str]:
    """item_id -> role of the items that have answers, but no label, and may be asked about again; see the two parts."""
    return dict(sorted((unsettled_ties(ledger, most) | unread_items(ledger, most)).items()))


def without_label(ledger: Ledger) -> dict[str, list[str]]:
    """Why -> ids of the items that were asked about, are not waited for, and have no label."""
    rows = ledger.rows(
        """
        select q.item_id, max(coalesce(l.tied, 0)) as tied, sum(a.problem is not null) as problems,
               sum(a.cannot_tell) as cannot_tell, sum(a.skipped) as skipped
        from questions q left join live_answers a on a.key = q.key left join current_labels l on l.item_id = q.item_id
        where l.label is null and q.round in (select id from rounds where status not in ('opened', 'selected', 'pushed'))
        group by q.item_id order by q.item_id
        """
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        why = next(
            (
                said
                for said, holds in (
                    ("answers disagree", row["tied"]),
                    ("the annotator cannot tell", row["cannot_tell"]),
                    ("no answer can be read", row["problems"]),
                    ("skipped", row["skipped"]),
                )
                if holds
            ),
            "not answered",
        )
        found.setdefault(why, []).append(row["item_id"])
    return found


def count_questions(ledger: Ledger) -> int:
    """All questions that there ever were, whatever became of them."""
    return int(ledger.scalar("select count(*) from questions"))


def count_questions_there(ledger: Ledger) -> int:
    """Questions that are at the labeler now, as far as the ledger knows."""
    return int(ledger.scalar("select count(*) from questions where state = 'asked'"))


def open_answers(ledger: Ledger) -> int:
    """Answers that were asked for, or are about to be, and may still come and be paid."""
    return int(
        ledger.scalar(
            """
            select coalesce(sum(max(0, q.answers_wanted - coalesce(n.annotators, 0))), 0)
            from questions q left join (
                select key, count(distinct annotator) as annotators from live_answers group by key
            ) n on n.key = q.key where q.state <> 'withdrawn'
            """
        )
    )


def rounds_with_questions(ledger: Ledger) -> list[int]:
    """The rounds that have a question which is not withdrawn: answers to it may still come."""
    rows = ledger.rows("select distinct round from questions where state <> 'withdrawn'")
    return [int(row["round"]) for row in rows]


def training_items_out(ledger: Ledger) -> tuple[int, int]:
    """Items that open rounds ask about for training, and how many of them have an answer with a label."""
    row = ledger.rows(
        """
        select count(distinct q.item_id) as asked,
               count(distinct case when a.label is not null then q.item_id end) as answered
        from questions q join rounds r on r.id = q.round left join live_answers a on a.key = q.key
        where q.role = 'train' and q.state <> 'withdrawn' and r.status not in ('measured', 'unmeasured')
        """
    )[0]
    return int(row["asked"]), int(row["answered"])


def count_training_items(ledger: Ledger) -> int:
    """Items that were ever asked about for training, but for questions that are gone without an answer."""
    return int(
        ledger.scalar(
            "select count(distinct item_id) from questions q where role = 'train' "
            "and (state <> 'withdrawn' or exists (select 1 from answers a where a.key = q.key))"
        )
    )


def count_answered_of_closed_rounds(ledger: Ledger) -> int:
    """Items that closed rounds asked about for training, and that somebody answered."""
    return int(
        ledger.scalar(
            "select count(distinct q.item_id) from questions q join live_answers a on a.key = q.key "
            "join rounds r on r.id = q.round where q.role = 'train' and r.status in ('measured', 'unmeasured')"
        )
    )


def training_items_in_order(ledger: Ledger) -> list[str]:
    """Items asked about for training, by the round that asked first, the arm of a round before the rest, then by id.

    Kept distances rely on the order.
    """
    return [
        row["item_id"]
        for row in ledger.rows(
            "select q.item_id from questions q left join picks p on p.round = q.round and p.item_id = q.item_id "
            "where q.role = 'train' and (q.state <> 'withdrawn' or exists (select 1 from answers a where a.key = q.key)) "
            "group by q.item_id order by min(q.round), max(coalesce(p.arm, 0)) desc, q.item_id"
        )
    ]


def asked_items(ledger: Ledger, last_round: int) -> list[Row]:
    """Each item that was asked about up to a round: `item_id`, and `role` and `round` of its last question."""
    return ledger.rows(
        "select item_id, role, max(round) as round from questions where round <= ? group by item_id",
        [last_round],
    )


# Every item that the ledger speaks of, by id.
NAMED_ITEMS = "select item_id from questions union select item_id from holdout order by 1"


def named_items(ledger: Ledger) -> list[str]:
    """Every item that was asked about or is of the hold-out, by id."""
    return [row["item_id"] for row in ledger.rows(NAMED_ITEMS)]


def outbox(ledger: Ledger, round_id: int | None = None) -> list[Row]:
    """Questions that were not sent yet, in order of rank; of one round, or of all."""
    return ledger.rows(
        "select * from questions where state = 'outbox' and (? is null or round = ?) order by round, rank",
        [round_id, round_id],
    )


def keys_in_state(ledger: Ledger, state: str) -> list[str]:
    """Keys of the questions in a state (outbox, sending, asked, withdrawn), by round and rank."""
    rows = ledger.rows("select key from questions where state = ? order by round, rank", [state])
    return [row["key"] for row in rows]


def keys_ever_sent(ledger: Ledger) -> list[str]:
    """Keys of the questions that are not in the outbox, in order."""
    return [
        row["key"] for row in ledger.rows("select key from questions where state <> 'outbox' order by key")
    ]


def sent_questions(ledger: Ledger) -> list[Row]:
    """Questions that the labeler gave a number, withdrawn ones included, in the order of these numbers."""
    return ledger.rows(
        "select * from questions where state in ('asked', 'withdrawn') and external_id is not null "
        "order by cast(external_id as integer)"
    )


def keys_still_wanted(ledger: Ledger, round_id: int, keys: Sequence[str]) -> set[str]:
    """Of some questions those of a round that have fewer answers than they want."""
    rows = ledger.rows(
        """
        select q.key from questions q where q.round = ? and q.key in (select value from json_each(?))
        and (select count(distinct annotator) from live_answers a where a.key = q.key) < q.answers_wanted
        """,
        [round_id, json.dumps(list(keys))],
    )
    return {row["key"] for row in rows}


def questions_by_key(ledger: Ledger, keys: Sequence[str]) -> dict[str, Row]:
    """Those of some keys that are ours -> `key`, `role`, `state` and `external_id` of the question."""
    rows = ledger.rows(
        "select key, role, state, external_id from questions where key in (select value from json_each(?))",
        [json.dumps(list(keys))],
    )
    return {row["key"]: row for row in rows}


def training_questions(ledger: Ledger, keys: Sequence[str]) -> list[Row]:
    """Of some keys the training questions: `key`, `item_id`, `suggestion_shown`, and `picked_with` of their round."""
    return ledger.rows(
        "select q.key, q.item_id, q.suggestion_shown, r.picked_with from questions q join rounds r on r.id = q.round "
        "where q.role = 'train' and q.key in (select value from json_each(?))",
        [json.dumps(list(keys))],
    )


def roles_of_round(ledger: Ledger, round_id: int) -> dict[str, int]:
    """train, holdout -> how many questions a round has with that role."""
    rows = ledger.rows("select role, count(*) as n from questions where round = ? group by role", [round_id])
    return {row["role"]: row["n"] for row in rows}


def answers_wanted(ledger: Ledger, round_id: int) -> dict[str, int]:
    """Key of each question of a round -> answers it wants, by different annotators; in order of rank."""
    rows = ledger.rows("select key, answers_wanted from questions where round = ? order by rank", [round_id])
    return {row["key"]: row["answers_wanted"] for row in rows}


def suggesting_model(ledger: Ledger, round_id: int) -> str | None:
    """The version of the model whose suggestions a round shows; None: it shows none."""
    found = ledger.scalar(
        "select model_version from questions where round = ? and suggestion_shown = 1 limit 1", [round_id]
    )
    return None if found is None else str(found)


def last_rank(ledger: Ledger, round_id: int) -> int:
    """The rank of the last question of a round; 0: it has none."""
    return int(ledger.scalar("select coalesce(max(rank), 0) from questions where round = ?", [round_id]))
