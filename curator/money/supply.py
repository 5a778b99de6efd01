"""How many labels there still are to be had: the pool ends, and answers of the open round are paid for already."""

from dataclasses import dataclass

from curator.ledger.store import Ledger
from curator.pool.catalogue import Pool


@dataclass(frozen=True)
class Supply:
    """Training labels that no model has learned from yet.

    Attributes:
        answered: items of the open round that have a label, which is paid for.
        asked: items of the open round, answered or not.
        left: items of the pool that nobody was asked about.
    """

    answered: int
    asked: int
    left: int

    @property
    def total(self) -> int:
        """Labels that can be had beyond those of the last model."""
        return self.asked + self.left


def supply(ledger: Ledger, pool: Pool) -> Supply:
    """What the campaign can still label."""
    found = ledger.one(
        """
        select count(distinct q.item_id) as asked,
               count(distinct case when a.label is not null then q.item_id end) as answered
        from questions q join rounds r on r.id = q.round left join live_answers a on a.key = q.key
        where q.role = 'train' and q.state <> 'withdrawn' and r.status not in ('measured', 'unmeasured')
        """
    )
    # Near-duplicates of the hold-out are never asked about.
    near = ledger.scalar(
        "select holdout_duplicates from rounds where holdout_duplicates is not null order by id desc limit 1"
    )
    ever = ledger.scalar(
        "select count(distinct item_id) from questions q where role = 'train' "
        "and (state <> 'withdrawn' or exists (select 1 from answers a where a.key = q.key))"
    )
    sampled = ledger.scalar("select count(*) from holdout where source = 'sample'")
    items = len(pool.role_rows("pool")) - int(sampled) - int(ever) - int(near or 0)
    return Supply(
        answered=int(found["answered"]) if found else 0,
        asked=int(found["asked"]) if found else 0,
        left=max(items, 0),
    )


def labels_per_batch(ledger: Ledger, batch: int) -> float:
    """Labels that a batch of questions will give: as many per question as in the rounds so far, for some are skipped.

    Rounds that are still open do not count: their answers have no labels yet. Labels that were lost to a change of the
    classes do: the questions gave them. At least 1.
    """
    asked = int(
        ledger.scalar(
            "select count(distinct q.item_id) from questions q join live_answers a on a.key = q.key "
            "join rounds r on r.id = q.round where q.role = 'train' and r.status in ('measured', 'unmeasured')"
        )
    )
    labeled = int(
        ledger.scalar(
            "select count(*) from current_labels l join rounds r on r.id = l.round "
            "where l.role = 'train' and (l.label is not null or l.outdated is not null) and r.status in ('measured', 'unmeasured')"
        )
    )
    return max(1.0, batch * labeled / asked) if asked else float(batch)
