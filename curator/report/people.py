"""Who answered: how many, how fast, and how often as the others."""

import statistics
from collections import defaultdict
from typing import Any

from curator.ledger.store import Ledger, Row


def annotators(ledger: Ledger) -> list[dict[str, Any]]:
    """One row per annotator, the busiest first.

    `agreement` is the share of the items that several people answered where this one gave the label that counts;
    None where nobody else answered the same items.
    """
    seconds = _seconds(ledger)
    shared = _shared(ledger)
    rows = ledger.rows(
        """
        select annotator, count(*) as answers, sum(skipped) as skipped, sum(cannot_tell) as cannot_tell,
               sum(problem is not null) as problems, sum(suggestion = 'accepted') as accepted,
               sum(suggestion = 'changed') as changed
        from live_answers group by annotator order by answers desc, annotator
        """
    )
    bill = {row["annotator"]: row for row in _bill(ledger)}
    found = []
    for row in rows:
        name = row["annotator"]
        took = seconds.get(name, [])
        same, of = shared.get(name, (0, 0))
        found.append(
            row
            | {
                "cost": bill.get(name, {}).get("amount", 0),
                "paid_seconds": bill.get(name, {}).get("seconds"),
                "seconds": sum(took) if took else None,
                "median_seconds": statistics.median(took) if took else None,
                "shared": of,
                "agreement": same / of if of else None,
            }
        )
    return found


def _bill(ledger: Ledger) -> list[Row]:
    """What each annotator cost, and the seconds that were charged: None where time is not paid."""
    # The newest row of an answer says who gave it and what is charged; amounts are what each row added.
    return ledger.rows(
        """
        select annotator, case when max(source = 'not known') then null else sum(amount) end as amount,
               sum(seconds) as seconds
        from (
            select max(version), annotator, source, sum(amount) as amount, capped_seconds as seconds from costs
            where annotator is not null group by source_id
        ) group by annotator
        """
    )


def _seconds(ledger: Ledger) -> dict[str, list[float]]:
    """Measured seconds of each answer, as the labeler gave them."""
    found = defaultdict(list)
    for row in ledger.rows("select annotator, seconds from live_answers where seconds is not null"):
        found[row["annotator"]].append(row["seconds"])
    return found


def _shared(ledger: Ledger) -> dict[str, tuple[int, int]]:
    """Of the labels that several people decided: how many an annotator shares, and how many they answered."""
    rows = ledger.rows(
        """
        select a.annotator, sum(a.label = l.label) as same, count(*) as n
        from live_answers a join questions q on q.key = a.key
        join current_labels l on l.item_id = q.item_id
        where l.answers > 1 and l.label is not null and a.label is not null
        group by a.annotator
        """
    )
    return {row["annotator"]: (row["same"], row["n"]) for row in rows}
