"""What the rest of curator asks the ledger: one function per question, each a query."""

import json
from dataclasses import dataclass
from typing import Any

from curator.ledger.store import Ledger, Row


@dataclass(frozen=True)
class Progress:
    """How far a round's questions are answered."""

    asked: int
    answered: int  # questions that have as many answers as they want
    withdrawn: int  # deleted at the labeler: nobody will answer them
    annotators: dict[str, int]  # answers per annotator
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
        from live_answers a join questions q on q.key = a.key where q.round = ?
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


def holdout_labels(ledger: Ledger) -> dict[str, str]:
    """item_id -> label of the hold-out items that have one: from the user's file, or from answers."""
    rows = ledger.rows(
        """
        select h.item_id, coalesce(l.label, h.label) as label
        from holdout h left join current_labels l on l.item_id = h.item_id
        where coalesce(l.label, h.label) is not null order by h.item_id
        """
    )
    return {row["item_id"]: row["label"] for row in rows}


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


def asked_ids(ledger: Ledger) -> list[str]:
    """Every item that was ever put to the labeler, in any round and role."""
    return [row["item_id"] for row in ledger.rows("select distinct item_id from questions order by item_id")]


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

    The verdict is null for the first round, and for rounds measured before there were verdicts.
    """
    return ledger.rows(
        "select v.*, g.value_low, g.value_high, c.verdict, c.detectable "
        "from gain v join gains g on g.round = v.round left join comparisons c "
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
