"""How many labels there still are to be had: the pool ends, and answers of the open round are paid for already."""

from dataclasses import dataclass

from curator.ledger import queries
from curator.ledger.store import Ledger
from curator.pool.catalogue import Pool


@dataclass(frozen=True)
class Supply:
    """Training labels that no model has learned from yet.

    Attributes:
        answered: items of the open round that have a label, which is paid for.
        asked: items of the open round, answered or not.
        left: items of the pool that nobody was asked about.
    """

    answered: int
    asked: int
    left: int

    @property
    def total(self) -> int:
        """Labels that can be had beyond those of the last model."""
        return self.asked + self.left


def supply(ledger: Ledger, pool: Pool) -> Supply:
    """What the campaign can still label."""
    asked, answered = queries.questions.training_items_out(ledger)
    left = (
        len(pool.role_rows("pool"))
        - queries.holdout.holdout_counts(ledger).get("sample", 0)
        - queries.questions.count_training_items(ledger)
        - queries.rounds.last_holdout_duplicates(ledger)  # are never asked about
    )
    return Supply(answered=answered, asked=asked, left=max(left, 0))


def labels_per_batch(ledger: Ledger, batch: int) -> float:
    """Labels that a batch of questions will give: as many per question as in the rounds so far, for some are skipped.

    Rounds that are still open do not count: their answers have no labels yet. Labels that were lost to a change of the
    classes do: the questions gave them. At least 1.
    """
    asked = queries.questions.count_answered_of_closed_rounds(ledger)
    labeled = queries.labels.count_labels_of_closed_rounds(ledger)
    return max(1.0, batch * labeled / asked) if asked else float(batch)
