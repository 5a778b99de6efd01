"""Who answered: how many, how fast, and how often as the others."""

import statistics
from collections import defaultdict
from typing import Any

from curator.ledger.store import Ledger, Row
from curator.rounds.agreement import read_agreement


def annotators(ledger: Ledger) -> list[dict[str, Any]]:
    """One row per annotator, the busiest first.

    `agreement` is the share of the others who said the same about the items that several people answered, and `kappa` that
    beyond chance; None where nobody else answered the same items. Copies are no answers.
    """
    seconds = _seconds(ledger)
    agreement = read_agreement(ledger).people
    rows = ledger.rows(
        """
        select annotator, count(*) as answers, sum(skipped) as skipped, sum(cannot_tell) as cannot_tell,
               sum(problem is not null) as problems, sum(suggestion = 'accepted') as accepted,
               sum(suggestion = 'changed') as changed
        from live_answers where copy_of is null group by annotator order by answers desc, annotator
        """
    )
    bill = {row["annotator"]: row for row in _bill(ledger)}
    found = []
    for row in rows:
        name = row["annotator"]
        took = seconds.get(name, [])
        others = agreement.get(name)
        found.append(
            row
            | {
                "cost": bill.get(name, {}).get("amount", 0),
                "paid_seconds": bill.get(name, {}).get("seconds"),
                "seconds": sum(took) if took else None,
                "median_seconds": statistics.median(took) if took else None,
                "shared": others.shared if others else 0,
                "agreement": others.same if others else None,
                "kappa": others.kappa if others else None,
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
    for row in ledger.rows(
        "select annotator, seconds from live_answers where seconds is not null and copy_of is null"
    ):
        found[row["annotator"]].append(row["seconds"])
    return found
