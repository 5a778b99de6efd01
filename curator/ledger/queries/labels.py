"""What the answers and the files of the user's amount to (`current_labels`)."""

from curator.ledger.store import Ledger


def training_labels(ledger: Ledger) -> dict[str, str]:
    """item_id -> label of everything the model may learn from."""
    rows = ledger.rows(
        "select item_id, label from current_labels where role = 'train' and label is not null order by item_id"
    )
    return {row["item_id"]: row["label"] for row in rows}


def imported_ids(ledger: Ledger) -> set[str]:
    """Items whose training label is from a file of the user's."""
    rows = ledger.rows(
        "select item_id from current_labels where role = 'train' and source = 'imported' and label is not null"
    )
    return {row["item_id"] for row in rows}
