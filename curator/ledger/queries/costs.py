"""What was paid for, in micro-units of the currency; None: not known."""

from curator.ledger.store import Ledger


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
