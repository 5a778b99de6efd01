"""Changes that `curator restore` makes to the ledger that it builds: what questions and answers alone do not say, or say late.

One function per change, each to be called inside a `write`.
"""

from typing import Literal

from curator.ledger.store import Ledger

_OF_A_MEASUREMENT = ("evaluations", "gains", "comparisons", "looks", "pool_estimates", "savings")


def newest_row(ledger: Ledger, table: Literal["answers", "costs"]) -> int:
    """The row number of the newest row of a table; 0: it is empty. With it, later rows can be told apart."""
    return int(ledger.scalar(f"select coalesce(max(rowid), 0) from {table}"))  # noqa: S608 - our own names


def pay_by_asking_rounds(ledger: Ledger, answers_after: int, costs_after: int, first: int) -> None:
    """Answers and costs that came in just now are of the rounds that asked, or of `first` where that is later.

    A correction of what a round had paid before stays with that round.

    Args:
        ledger: inside a `write`.
        answers_after: `newest_row` of the answers before they came in.
        costs_after: the same of the costs.
        first: the first round that may still be charged.
    """
    for table, last, only_new in (
        ("answers", answers_after, ""),
        ("costs", costs_after, "and source_id not in (select source_id from costs where rowid <= :last)"),
    ):
        ledger.execute(
            f"update {table} set round = max(:first, (select q.round from questions q where q.key = {table}.key)) "  # noqa: S608 - our own names
            f"where rowid > :last and key is not null {only_new}",
            {"first": first, "last": last},
        )


def withdraw_unsent(ledger: Ledger, before: int) -> None:
    """What was waiting to be sent in rounds below `before` was never sent, or is gone."""
    ledger.execute(
        "update questions set state = 'withdrawn' where state in ('outbox', 'sending') and round < ?",
        [before],
    )


def settle_by_asking_rounds(ledger: Ledger, labels_after: int, newest: int, first: int) -> None:
    """Labels that were derived just now are settled in the rounds that asked; those of the newest round are not yet.

    Args:
        ledger: inside a `write`.
        labels_after: `newest_label_row` before they were derived.
        newest: the round that is still open.
        first: the first round that may still settle anything.
    """
    ledger.execute("delete from labels where rowid > ? and round = ?", [labels_after, newest])
    ledger.execute("update labels set settled_in = max(?, round) where rowid > ?", [first, labels_after])


def add_picks(ledger: Ledger, restored: str) -> None:
    """A round without picks picked what it asked about for training, and for the first time.

    Args:
        ledger: inside a `write`.
        restored: the name that stands for a strategy which nobody knows any more.
    """
    ledger.execute(
        """
        insert into picks (round, item_id, rank, strategy)
        select q.round, q.item_id, row_number() over (partition by q.round order by q.rank, q.key), ?
        from questions q
        where q.role = 'train' and q.round not in (select round from picks)
          and not exists (select 1 from questions e where e.item_id = q.item_id and e.round < q.round)
        """,
        [restored],
    )
    ledger.execute(
        "update rounds set batch = (select count(*) from picks p where p.round = rounds.id) where strategy = ?",
        [restored],
    )


def date_rounds(ledger: Ledger, restored: str) -> None:
    """A restored round began with the first of its questions and was sent with the last.

    Args:
        ledger: inside a `write`.
        restored: the strategy of rounds that are to be dated; others know their times.
    """
    ledger.execute(
        """
        update rounds set opened_at = d.first, selected_at = d.first, pushed_at = d.last
        from (select round, min(asked_at) as first, max(asked_at) as last from questions group by round) d
        where d.round = rounds.id and d.first is not null and rounds.strategy = ?
        """,
        [restored],
    )


def date_holdout(ledger: Ledger) -> None:
    """A drawn hold-out was there when the first of its questions was asked."""
    ledger.execute(
        "update holdout set drawn_at = coalesce((select min(asked_at) from questions where role = 'holdout'), drawn_at)"
    )


def take_back_to_settled(ledger: Ledger, round_id: int) -> None:
    """Rounds and labels as they were when a round was settled, with no round measured before it.

    Where classes changed since, labels are to be derived anew.
    """
    ledger.execute("delete from labels where settled_in > ?", [round_id])
    for table in _OF_A_MEASUREMENT:
        ledger.execute(f"delete from {table} where round = ?", [round_id])  # noqa: S608 - our own names
    ledger.execute("update rounds set status = 'unmeasured' where id < ?", [round_id])
    ledger.execute("update rounds set status = 'settled' where id = ?", [round_id])
