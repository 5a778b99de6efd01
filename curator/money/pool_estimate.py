"""What the random arm says about the live pool: the model's accuracy on it, and how frequent the classes are.

Labels that a strategy chose are no sample: accuracy and class balance among them are those of odd items. The arm of a
round was drawn uniformly from all that could have been asked about, and the model that chose the rest of the round had
not seen it, so the share it has right is an unbiased estimate of its accuracy on what was left of the pool.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from curator.errors import DataError
from curator.ledger import queries
from curator.ledger.class_history import History
from curator.ledger.store import Ledger, Row
from curator.tasks.task import Task

LEVEL = 0.95
RECENT = 3  # rounds whose arms are pooled: one alone has too few items
FEWEST = 10  # random items from which the accuracy is told: with fewer its interval is wider than half of what is possible


@dataclass(frozen=True)
class Share:
    """A share of the pool, 0 to 1, with its 95% interval, from so many random items."""

    value: float
    low: float
    high: float
    items: int


@dataclass(frozen=True)
class ArmItem:
    """An item of the arm that has a label.

    Attributes:
        round: that drew it.
        label: as it counts now.
        guess: of the model that chose the rest of the round; None: there was none yet.
    """

    round: int
    label: str
    guess: str | None


def wilson(hits: int, n: int, level: float = LEVEL) -> Share:
    """A share with Wilson's score interval, which holds its level for few items and near 0 and 1.

    Raises:
        DataError: no items.
    """
    if n < 1 or not 0 <= hits <= n:
        raise DataError(f"a share needs at least one item and at most all of them, got {hits} of {n}.")
    return Share(hits / n, *wilson_ends(hits / n, n, level), n)


def wilson_ends(share: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's interval of a share of n items, above 0; also of a mean of shares over training seeds.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    z2 = NormalDist().inv_cdf(0.5 + level / 2.0) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = (z2 * (share * (1 - share) / n + z2 / (4 * n * n))) ** 0.5 / (1 + z2 / n)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def arm_items(ledger: Ledger, task: Task, up_to: int) -> list[ArmItem]:
    """The labeled items of all arms up to a round, in the order of rounds, all by today's classes."""
    rows = queries.picks.arm_labels(ledger, up_to)
    history = History.read(ledger)
    guesses = [task.meaning(history, row["suggestion"], row["classes"], "train").label for row in rows]
    return [ArmItem(row["round"], row["label"], guess) for row, guess in zip(rows, guesses, strict=True)]


def accuracy(items: Sequence[ArmItem], task: Task) -> Share | None:
    """The share of arm items that the model which had not seen them had right; None: there was no model, or no item."""
    judged = [(item.guess, item.label) for item in items if item.guess is not None]
    return wilson(sum(task.same(*pair) for pair in judged), len(judged)) if judged else None


def balance(
    items: Sequence[ArmItem],
    known: Mapping[int, Mapping[str, int]],
    candidates: Mapping[int, int],
    task: Task,
) -> dict[str, Share]:
    """How frequent each class is among all items that are labeled or may be asked about.

    Each round says it anew, without bias: the labels known before it are counted, and its arm stands for all that could
    still be asked about. The rounds are averaged by the size of their arms.

    Args:
        items: of the arms.
        known: {round: {label: how often it was known before it}}.
        candidates: {round: items that could be asked about}.
        task: what a label is, and the classes. An item of several classes counts for each.

    Returns:
        {class: share}; empty without an arm.
    """
    arms = Counter(item.round for item in items)
    if not arms:
        return {}
    drawn = sum(arms.values())
    rest = {r: candidates[r] / (candidates[r] + sum(known[r].values())) for r in arms}
    unknown = sum(n * rest[r] for r, n in arms.items()) / drawn
    of_class = {r: task.count(known[r]) for r in arms}
    found = {}
    for name in task.classes:
        counted = sum(
            n * (1.0 - rest[r]) * of_class[r][name] / max(1, sum(known[r].values())) for r, n in arms.items()
        )
        hits = [item for item in items if name in task.names(item.label)]
        value = (counted + sum(rest[item.round] for item in hits)) / drawn
        arm = wilson(len(hits), drawn)
        low, high = (unknown * (end - arm.value) for end in (arm.low, arm.high))
        found[name] = Share(value, max(0.0, value + low), min(1.0, value + high), drawn)
    return found


def estimate_rows(ledger: Ledger, round_id: int, task: Task) -> list[Row]:
    """What the arms up to a round say, as rows of `pool_estimates`; none without an arm."""
    items = arm_items(ledger, task, round_id)
    rows = []
    seen = accuracy([item for item in items if item.round == round_id], task)
    if seen is not None:
        rows.append(_row(round_id, "accuracy", "", "arm", seen))
    rounds = {item.round for item in items}
    known = {r: queries.labels.label_counts_before(ledger, r) for r in rounds}
    shares = balance(items, known, queries.rounds.candidate_counts(ledger), task)
    return rows + [_row(round_id, "share", name, "arm and labels", share) for name, share in shares.items()]


def recent_accuracy(ledger: Ledger, task: Task, rounds: int = RECENT) -> Share | None:
    """The accuracy of the last models on the live pool, pooled over their arms; None: fewer than `FEWEST` items judged them."""
    numbers = queries.measures.rounds_with_arm_accuracy(ledger, rounds)
    if not numbers:
        return None
    found = accuracy([item for item in arm_items(ledger, task, max(numbers)) if item.round in numbers], task)
    return found if found is not None and found.items >= FEWEST else None


def _row(round_id: int, quantity: str, name: str, method: str, share: Share) -> Row:
    return {
        "round": round_id,
        "quantity": quantity,
        "class": name,
        "method": method,
        "value": share.value,
        "low": share.low,
        "high": share.high,
        "items": share.items,
    }
