"""Which measured rounds belong together: a forecast does not cross a change of strategy, model, encoder or classes."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from curator.ledger import queries
from curator.ledger.class_history import History
from curator.ledger.store import Ledger, Row


@dataclass(frozen=True)
class Regime:
    """The measured rounds of one regime, oldest first.

    Attributes:
        digest: of strategy, model, encoder, classes, metric and the user's own labels.
        rounds: ids.
        labels: training labels of each.
        values: the metric of each on the hold-out.
        holdout_items: labeled hold-out items of the last.
        metric: name of the project's.
        changed: what changed when it began; empty when it began with the campaign.
    """

    digest: str
    rounds: tuple[int, ...]
    labels: tuple[int, ...]
    values: tuple[float, ...]
    holdout_items: int
    metric: str
    changed: tuple[str, ...]

    @property
    def now(self) -> int:
        """The most labels of a round: a corrected or withdrawn label can make the last one smaller."""
        return max(self.labels)

    @property
    def batch(self) -> int:
        """Labels that the last round added; at least 1."""
        return max(self.labels[-1] - self.labels[-2], 1) if len(self.labels) > 1 else 1


def current_regime(ledger: Ledger, until: int | None = None) -> Regime | None:
    """The rounds that the last measured one (up to round `until`) can be forecast with; None before the first."""
    rows = queries.measures.measured_values(ledger, 2**62 if until is None else until)
    if not rows:
        return None
    facts = _facts_of(rows, History.read(ledger))
    last = facts[-1]
    first = len(facts) - 1
    while first > 0 and facts[first - 1] == last:
        first -= 1
    changed = () if first == 0 else tuple(k for k in last if facts[first - 1].get(k) != last[k])
    kept = rows[first:]
    return Regime(
        digest=hashlib.sha256(json.dumps(last, sort_keys=True).encode()).hexdigest()[:16],
        rounds=tuple(int(row["id"]) for row in kept),
        labels=tuple(int(row["labels"]) for row in kept),
        values=tuple(float(row["value"]) for row in kept),
        holdout_items=int(kept[-1]["holdout_items"]),
        metric=str(kept[-1]["metric"]),
        changed=changed,
    )


def _facts_of(rows: list[Row], history: History) -> list[dict[str, Any]]:
    """What makes the regime of each round; the first batches, chosen before there was a model, count as the strategy's.

    Classes that were only renamed are the same classes.
    """
    found, seeding = [], True
    for row in rows:
        config = json.loads(row["config"])
        acquisition = config.get("acquisition", {})
        strategy = str(row["strategy"])
        seeding = seeding and strategy == _text(acquisition.get("seed_strategy"))
        found.append(
            {
                "strategy": _text(acquisition.get("strategy")) if seeding else strategy,
                "model": config.get("model"),
                "encoder": config.get("encoder"),
                "classes": _renamed(config.get("project", {}).get("classes"), history, int(row["id"])),
                "metric": row["metric"],
                **({"imported labels": row["imported"]} if row["imported"] else {}),
            }
        )
    return found


def _renamed(classes: list[str] | None, history: History, round_id: int) -> list[str] | None:
    """The classes of a measured round under today's names; those that were merged or split since keep theirs."""
    if classes is None:
        return None
    names = {name: name for name in classes}
    for change in history.since(history.version_of_model(round_id)):
        if change.kind == "rename":
            names = {old: change.targets[0] if now in change.sources else now for old, now in names.items()}
        elif change.kind != "add":  # what was merged or split is another class, whatever it is called later
            names = {
                old: f"{now} (until {change.id})" if now in change.sources else now
                for old, now in names.items()
            }
    return [names[name] for name in classes]


def _text(strategy: object) -> str:
    return strategy if isinstance(strategy, str) else json.dumps(strategy)
