"""How far people agree about the items that several of them answered, beyond what chance alone would give.

"Can't tell" is a choice like any other here, and an item on which people differ counts as that, also where a tie leaves it
without a label.

Sources: Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), for nominal data with any number of answers per
item; Cohen, "A Coefficient of Agreement for Nominal Scales" (1960), here of one person with the others.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from curator.ledger.store import Ledger
from curator.rounds.settle import read_votes
from curator.tasks.task import Task

Votes = Mapping[str, str | None]  # annotator -> label; None = cannot tell


@dataclass(frozen=True)
class PersonAgreement:
    """One person against the others.

    Attributes:
        shared: items that others answered, too.
        same: share of the others who said the same, 0 to 1, the mean over these items.
        kappa: the same beyond chance: 1 always, 0 as chance would, below 0 less; None: there was only one class to say.
    """

    shared: int
    same: float
    kappa: float | None


@dataclass(frozen=True)
class Agreement:
    """All together.

    Attributes:
        shared: items that several people answered; 0 = agreement was not measured.
        differ: of these, where not all said the same.
        alpha: Krippendorff's: 1 always the same, 0 as chance would have it; None: not measured, or only one class was said.
        people: annotator -> how far they agree with the others; without those who share no item.
    """

    shared: int
    differ: int
    alpha: float | None
    people: Mapping[str, PersonAgreement]


def read_agreement(ledger: Ledger, task: Task) -> Agreement:
    """The agreement of a campaign, open questions included."""
    return measure_agreement(read_votes(ledger, task).values())


def measure_agreement(items: Iterable[Votes]) -> Agreement:
    """How far people agree.

    Args:
        items: the votes on each item; those with fewer than two do not count.
    """
    shared = [votes for votes in items if len(votes) > 1]
    people = {
        who: _of_person(who, [votes for votes in shared if who in votes])
        for who in sorted({who for votes in shared for who in votes})
    }
    differ = sum(len(set(votes.values())) > 1 for votes in shared)
    return Agreement(len(shared), differ, _alpha(shared), people)


def agreement_text(found: Agreement) -> str:
    """It in a sentence."""
    if not found.shared:
        return "Agreement: not measured, since no item was answered by more than one person."
    alpha = (
        "everybody always gave the same class, so agreement cannot be told from chance"
        if found.alpha is None
        else f"Krippendorff's alpha {found.alpha:.2f} (1: always the same, 0: as by chance)"
    )
    items = "1 item" if found.shared == 1 else f"{found.shared:,} items"
    return f"Agreement: people disagree on {found.differ:,} of {items} that several answered; {alpha}."


def _alpha(shared: list[Votes]) -> float | None:
    """1 - observed disagreement / that of all votes shuffled over the items."""
    total: Counter[str | None] = Counter()
    pairs_that_differ = 0.0
    for votes in shared:
        counts = Counter(votes.values())
        m = len(votes)
        total.update(counts)
        pairs_that_differ += (m * m - sum(n * n for n in counts.values())) / (m - 1)
    n = sum(total.values())
    by_chance = n * n - sum(c * c for c in total.values())
    return 1.0 - (n - 1) * pairs_that_differ / by_chance if by_chance else None


def _of_person(who: str, shared: list[Votes]) -> PersonAgreement:
    mine: dict[str | None, float] = defaultdict(float)
    theirs: dict[str | None, float] = defaultdict(float)
    same = 0.0
    for votes in shared:
        mine[votes[who]] += 1 / len(shared)
        for other, vote in votes.items():
            if other != who:
                weight = 1 / (len(votes) - 1) / len(shared)
                theirs[vote] += weight
                same += weight * (vote == votes[who])
    chance = sum(share * theirs[vote] for vote, share in mine.items())
    return PersonAgreement(len(shared), same, None if 1 - chance < 1e-9 else (same - chance) / (1 - chance))
