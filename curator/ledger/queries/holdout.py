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


def holdout_counts(ledger: Ledger) -> dict[str, int]:
    """sample, file -> items of the hold-out that come from there; empty before it is sealed."""
    rows = ledger.rows("select source, count(*) as n from holdout group by source")
    return {row["source"]: row["n"] for row in rows}


def holdout_probabilities(ledger: Ledger) -> dict[str, float | None]:
    """item_id -> probability with which it was drawn into the hold-out; None: it is from a file."""
    return {
        row["item_id"]: row["probability"] for row in ledger.rows("select item_id, probability from holdout")
    }


def holdout_file_labels(ledger: Ledger) -> dict[str, str]:
    """item_id -> label as the user's hold-out file gives it."""
    rows = ledger.rows("select item_id, label from holdout where source = 'file'")
    return {row["item_id"]: row["label"] for row in rows}


def count_labeled_by_answers(ledger: Ledger) -> int:
    """Hold-out items whose label is from answers."""
    return int(
        ledger.scalar(
            "select count(*) from current_labels where role = 'holdout' and label is not null and answers > 0"
        )
    )
