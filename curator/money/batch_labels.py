"""How many labels a batch of questions gives."""

from curator.ledger.store import Ledger


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
