"""The sealed hold-out in the ledger: written once, read by everything that must keep away from it."""

from collections.abc import Iterable

from curator.ledger.store import Ledger, utc_now
from curator.pool.catalogue import Pool


def seal_file(ledger: Ledger, pool: Pool) -> None:
    """Enter the items of the user's own labeled file, which are in the pool. To be called inside a `write`."""
    rows = pool.role_rows("holdout")
    ledger.insert(
        "holdout",
        [
            {"item_id": item_id, "source": "file", "label": label, "probability": None, "drawn_at": utc_now()}
            for item_id, label in zip(pool.ids(rows), pool.labels(rows), strict=True)
        ],
    )


def seal_sample(ledger: Ledger, drawn: Iterable[tuple[str, float | None]]) -> None:
    """Enter a drawn sample: items, and the probability with which each was drawn. To be called inside a `write`."""
    ledger.insert(
        "holdout",
        [
            {
                "item_id": item_id,
                "source": "sample",
                "label": None,
                "probability": probability,
                "drawn_at": utc_now(),
            }
            for item_id, probability in drawn
        ],
    )
