"""What was answered although nobody asked for it: the work is done, so it is owed, and no limit could keep it away."""

from collections import Counter
from dataclasses import dataclass

from curator.amounts import readable_amount
from curator.ledger import queries
from curator.ledger.store import Ledger


@dataclass(frozen=True)
class Unasked:
    """Answers beyond those that questions asked for.

    Attributes:
        answers: how many.
        items: that they are about, the first ones.
        annotators: who gave them -> how many.
        amount: micro-units on the bill for them, their share of reviews included; None: not known.
    """

    answers: int
    items: list[str]
    annotators: dict[str, int]
    amount: int | None

    def sentence(self, currency: str) -> str:
        """What it means for a budget; "" when there are none."""
        if not self.answers:
            return ""
        what = "1 answer was" if self.answers == 1 else f"{self.answers:,} answers were"
        if self.amount is None:
            return f"{what} given beyond those asked for, at a cost that is not known"
        return (
            f"{what} given beyond those asked for: {readable_amount(self.amount, currency)} of the spending"
        )


def read_unasked(ledger: Ledger, most: int = 20) -> Unasked:
    """The answers that nobody asked for, and what they cost; at most `most` items are listed."""
    rows = queries.answers.unasked_answers(ledger)
    ids = [row["source_id"] for row in rows]
    return Unasked(
        answers=len(rows),
        items=list(dict.fromkeys(row["item_id"] for row in rows))[:most],
        annotators=dict(Counter(row["annotator"] for row in rows).most_common()),
        amount=queries.costs.cost_of(ledger, [*ids, *(f"review:{source_id}" for source_id in ids)]),
    )
