"""The sealed sample: its items and their labels."""

from curator.ledger.store import Ledger


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
