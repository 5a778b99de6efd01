"""How many labels there still are to be had: the pool ends, and answers of the open round are paid for already."""

from dataclasses import dataclass

from curator.project import Project


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


def supply(project: Project) -> Supply:
    """What the campaign can still label."""
    ledger = project.ledger
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
    items = len(project.pool.role_rows("pool")) - int(sampled) - int(ever) - int(near or 0)
    return Supply(
        answered=int(found["answered"]) if found else 0,
        asked=int(found["asked"]) if found else 0,
        left=max(items, 0),
    )
