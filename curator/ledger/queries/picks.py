"""What each round picked to be labeled, and which of it the random arm drew."""

from curator.ledger.store import Ledger, Row


def newest_round_with_picks(ledger: Ledger) -> int | None:
    """The newest round that picked anything; None before there is one."""
    found = ledger.scalar("select max(round) from picks")
    return None if found is None else int(found)


def count_picks(ledger: Ledger, round_id: int) -> int:
    """Items that a round picked."""
    return int(ledger.scalar("select count(*) from picks where round = ?", [round_id]))


def picked_ids(ledger: Ledger, round_id: int) -> list[str]:
    """Items that a round picked, best first."""
    rows = ledger.rows("select item_id from picks where round = ? order by rank", [round_id])
    return [row["item_id"] for row in rows]


def picks_of_round(ledger: Ledger, round_id: int, most: int) -> list[Row]:
    """The best picks of a round, with what annotators were shown and what the label is now.

    Returns:
        Rows with `rank`, `item_id`, `strategy`, `score`, `entropy` (nats), `margin`, `coverage_distance`, `probability`,
        `why`, `suggestion`, `suggestion_score` and `label`, each null where there is none.
    """
    return ledger.rows(
        """
        select p.rank, p.item_id, p.strategy, p.score, p.entropy, p.margin, p.coverage_distance, p.probability,
               q.why, q.suggestion, q.suggestion_score, l.label
        from picks p
        left join questions q on q.round = p.round and q.item_id = p.item_id and q.role = 'train'
        left join current_labels l on l.item_id = p.item_id
        where p.round = ? group by p.item_id order by p.rank limit ?
        """,
        [round_id, most],
    )


def first_picks(ledger: Ledger) -> dict[str, Row]:
    """item_id -> `round`, `rank` and `arm` (1: drawn at random) of the first time that it was picked."""
    rows = ledger.rows("select item_id, round, rank, arm from picks order by round desc")
    return {row["item_id"]: row for row in rows}


def arm_labels(ledger: Ledger, up_to: int) -> list[Row]:
    """Labeled items of the random arms up to a round, by round and rank.

    Returns:
        Rows with `round`, `label`, `suggestion` (what the model said that had not seen it; null: there was none) and
        `classes` (the change of classes that the suggestion was made under).
    """
    return ledger.rows(
        """
        select p.round, l.label, q.suggestion, q.classes from picks p
        join questions q on q.round = p.round and q.item_id = p.item_id
        join current_labels l on l.item_id = p.item_id
        where p.arm = 1 and p.round <= ? and l.label is not null order by p.round, p.rank
        """,
        [up_to],
    )
