"""What the rest of curator asks the ledger: one function per question, each a query."""

import json
from dataclasses import dataclass
from typing import Any

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


def current_round(ledger: Ledger) -> Row | None:
    """The round that is not closed, if any: there is at most one."""
    return ledger.one(
        "select * from rounds where status not in ('measured', 'unmeasured') order by id desc limit 1"
    )


def last_round_id(ledger: Ledger) -> int:
    """The number of the newest round; 0 before the first."""
    return int(ledger.scalar("select coalesce(max(id), 0) from rounds"))


def last_settled_round(ledger: Ledger) -> int:
    """The newest round whose answers have become labels; what the open one asked is still out."""
    found = ledger.scalar("select max(id) from rounds where status not in ('opened', 'selected', 'pushed')")
    return int(found or 0)


def last_measured(ledger: Ledger, before: int) -> Row | None:
    """The newest measured round below `before`."""
    return ledger.one(
        "select * from rounds where status = 'measured' and id < ? order by id desc limit 1", [before]
    )


def measured_rounds(ledger: Ledger, before: int) -> list[int]:
    """The numbers of the measured rounds below `before`, ascending."""
    found = ledger.rows("select id from rounds where status = 'measured' and id < ? order by id", [before])
    return [int(row["id"]) for row in found]


def last_trained(ledger: Ledger) -> Row | None:
    """The newest round with a model."""
    return ledger.one("select * from rounds where model_version is not null order by id desc limit 1")


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


def holdout_ids(ledger: Ledger) -> list[str]:
    """The items of the sealed sample, whether labeled yet or not."""
    return [row["item_id"] for row in ledger.rows("select item_id from holdout order by item_id")]


def holdout_size(ledger: Ledger, planned: int) -> int:
    """Items of the hold-out; those that are planned while it is not drawn yet."""
    return len(holdout_ids(ledger)) or planned


def holdout_labels(ledger: Ledger) -> dict[str, str]:
    """item_id -> label of the hold-out items that have one: from the user's file, or from answers."""
    rows = ledger.rows(
        """
        select h.item_id, case when l.item_id is null then h.label else l.label end as label
        from holdout h left join current_labels l on l.item_id = h.item_id order by h.item_id
        """
    )
    return {row["item_id"]: row["label"] for row in rows if row["label"] is not None}


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


def imported_ids(ledger: Ledger) -> set[str]:
    """Items whose training label is from a file of the user's."""
    rows = ledger.rows(
        "select item_id from current_labels where role = 'train' and source = 'imported' and label is not null"
    )
    return {row["item_id"] for row in rows}


def training_labels(ledger: Ledger) -> dict[str, str]:
    """item_id -> label of everything the model may learn from."""
    rows = ledger.rows(
        "select item_id, label from current_labels where role = 'train' and label is not null order by item_id"
    )
    return {row["item_id"]: row["label"] for row in rows}


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


def asked_ids(ledger: Ledger) -> list[str]:
    """Every item that was put to the labeler, in any round and role, unless the question is gone without an answer."""
    return [
        row["item_id"]
        for row in ledger.rows(
            "select distinct item_id from questions q where state <> 'withdrawn' "
            "or exists (select 1 from answers a where a.key = q.key) order by item_id"
        )
    ]


def unasked_answers(ledger: Ledger) -> list[Row]:
    """Answers beyond those that a question asked for, the latest ones: who gave them (`annotator`), to what (`item_id`).

    Each is work, and owed for. Copies and second answers of one person are not among them.
    """
    return ledger.rows(
        """
        select source_id, annotator, item_id from (
            select a.source_id, a.annotator, q.item_id, q.answers_wanted,
                   row_number() over (partition by q.key order by a.created_at, a.source_id) as place
            from questions q join live_answers a on a.key = q.key
            where a.copy_of is null and not exists (
                select 1 from live_answers o where o.key = a.key and o.person = a.person and o.copy_of is null
                and (o.created_at, o.source_id) < (a.created_at, a.source_id)
            )
        ) where place > answers_wanted order by annotator, item_id
        """
    )


def settled_ids(ledger: Ledger) -> list[str]:
    """Items that are not to be picked: asked about, or labeled by a file; but for those that lost their label since."""
    taken = {*asked_ids(ledger), *imported_ids(ledger)}
    return sorted(taken - set(outdated_training(ledger)))


def spend(ledger: Ledger) -> dict[str, int | None]:
    """Micro-units spent so far by kind: label and holdout always; review, round, campaign, compute where there are any.

    None: not known, or a part of it is not.
    """
    found = {
        row["kind"]: row["total"]
        for row in ledger.rows(
            "select kind, case when max(amount is null) then null else sum(amount) end as total from bill group by kind "
            "order by instr('review round campaign compute', kind)"
        )
    }
    first = {"label": found.pop("label", 0), "holdout": found.pop("holdout", 0)}
    return first | {kind: amount for kind, amount in found.items() if amount != 0}


def gain_table(ledger: Ledger) -> list[Row]:
    """The `gain` view, one row per measured round, with the interval of each value and the verdict on each gain beside it.

    `holdout_items` measured it; `before` is the value of the model before on these very items, `stated_before` and
    `stated_items` are what was said of that model in its own round. All of these but the first are null for the first round,
    verdict and `before` also for rounds measured before there were verdicts.
    """
    return ledger.rows(
        "select v.*, g.value_low, g.value_high, g.note, r.holdout_items, c.before, p.value as stated_before, "
        "s.holdout_items as stated_items, c.verdict, c.detectable "
        "from gain v join gains g on g.round = v.round join rounds r on r.id = v.round "
        "left join gains p on p.round = g.previous left join rounds s on s.id = g.previous left join comparisons c "
        "on c.round = g.round and c.previous = g.previous and c.metric = g.metric order by v.round"
    )


def comparisons_of(ledger: Ledger, round_id: int) -> list[Row]:
    """A round against earlier ones by the project's metric, the nearest first."""
    return ledger.rows(
        "select c.* from comparisons c join gains g on g.round = c.round and g.metric = c.metric "
        "where c.round = ? order by c.previous desc",
        [round_id],
    )


def gain_of(ledger: Ledger, round_id: int) -> Row | None:
    """The row of one round, if it was measured, with its `comparisons`."""
    row = next((row for row in gain_table(ledger) if row["round"] == round_id), None)
    return row and {**row, "comparisons": comparisons_of(ledger, round_id)}


def strategy_of(row: Row) -> str | dict[str, float]:
    """A strategy as the rounds table keeps it: a name, or a mixture in JSON."""
    text = str(row["strategy"])
    if not text.startswith("{"):
        return text
    shares: dict[str, Any] = json.loads(text)
    return {name: float(share) for name, share in shares.items()}


def strategy_text(spec: str | dict[str, float]) -> str:
    """The inverse of `strategy_of`."""
    return spec if isinstance(spec, str) else json.dumps(spec)
