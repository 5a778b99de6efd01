"""The cards beside the spend: forecast, stop or go on, savings; each there even when it has nothing to say yet."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Self, TypedDict

from curator.amounts import parse_amount, unit_name
from curator.config import Config
from curator.evidence.forecast.seen import FEWEST_ROUNDS
from curator.ledger import queries
from curator.ledger.store import Ledger, Row
from curator.money import savings
from curator.money.advice import advice_lines, chance_text
from curator.money.bill import KINDS, SOURCES, by_source, sum_known
from curator.money.overview import cost_notes
from curator.money.pool_estimate import recent_accuracy
from curator.rounds import advice
from curator.tasks.registry import metric_title
from curator.views.report import words
from curator.views.report.outlook import Forecast
from curator.views.report.section import Campaign, Head, Section


class Spend(TypedDict):
    """Everything spent so far, by kind and by how the amount is known; `total` is None where nobody knows."""

    total: int | None
    budget: int | None
    kinds: list[dict[str, Any]]
    sources: list[dict[str, Any]]
    notes: list[str]


@dataclass(frozen=True)
class Card:
    """One figure with what it means.

    Attributes:
        title: what it is about.
        figure: the number, or a word.
        lines: sentences below it.
        facts: what went into it, name and value.
        absent: there is no number yet, and the lines say why.
    """

    title: str
    figure: str
    lines: tuple[str, ...]
    facts: tuple[tuple[str, str], ...] = ()
    absent: bool = False


@dataclass(frozen=True)
class Cards(Section):
    """What was spent, the advice, what was saved, and the accuracy on the live pool by the random share of the batches."""

    spend: Spend
    stop: dict[str, Any] | None
    savings: Row | None
    live_pool: dict[str, Any] | None
    needs_rounds = False

    @classmethod
    def gather(cls, campaign: Campaign) -> Self:
        """As status and round tell it."""
        project, ledger = campaign.project, campaign.ledger
        live_pool = recent_accuracy(ledger, campaign.task)
        return cls(
            spend=read_spend(ledger, project.config),
            stop=advice.current(project),
            savings=savings.current(ledger),
            live_pool=None if live_pool is None else asdict(live_pool),
        )

    def cards(self, head: Head) -> list[Card]:
        """Forecast, stop, savings."""
        return [
            _forecast(head.forecast, len(head.rounds), head.currency),
            _stop(self.stop, head.currency),
            _savings(self.savings, self.live_pool, head.project["metric"], head.currency),
        ]


def read_spend(ledger: Ledger, config: Config) -> Spend:
    """Everything spent so far, by kind and by how the amount is known; the open round's answers included."""
    spent = queries.costs.spend(ledger)
    kinds = {kind: amount for kind, amount in spent.items() if amount != 0}
    sources = by_source(ledger)
    budget = config.cost.budget
    return {
        "total": sum_known(spent.values()),
        "budget": None if budget is None else parse_amount(budget),
        "kinds": [{"kind": k, "name": KINDS[k], "amount": kinds[k]} for k in kinds],
        "sources": [{"source": s, "name": SOURCES[s], "amount": sources[s]} for s in sources],
        "notes": cost_notes(ledger, config.cost),
    }


def _forecast(found: Forecast | None, measured: int, currency: str) -> Card:
    title = "Forecast"
    if found is None:
        why = f"Needs {FEWEST_ROUNDS} measured rounds; there {'is' if measured == 1 else 'are'} {measured}."
        if measured >= FEWEST_ROUNDS:
            why = "None was made after this round."
        return Card(title, "Not yet", (why,), absent=True)
    end = found["ahead"][-1]
    place = f"{end['labels']:,} labels"
    if end["total_cost"] is not None:
        place += f", {words.amount(end['total_cost'], currency)} in all"
    lines = [f"at {place}; 80% interval {words.share(end['low'])} to {words.share(end['high'])}"]
    target = found["target"]
    if target is not None:
        within = (
            f"with {target['labels']:,} labels"
            if target["budget"] is None
            else f"within the budget of {words.amount(target['budget'], currency)}"
        )
        lines.append(
            f"{chance_text(target['chance'])} chance of reaching {words.share(target['target'])} {within}"
        )
    if found["record"]:
        record = found["record"]
        s = "" if record["forecasts"] == 1 else "s"
        # how often intervals held is told of a few forecasts, not of one or two
        held = (
            f"{words.share(record['hit80'], 0)} inside their 80% interval, "
            if record["hit80"] is not None
            else ""
        )
        lines.append(
            f"{record['forecasts']} earlier forecast{s}: {held}off by {100 * record['error']:.1f} points on average"
        )
    return Card(title, words.share(end["median"]), tuple(lines))


def _stop(found: dict[str, Any] | None, currency: str) -> Card:
    title = "Advice"
    if found is None:
        return Card(title, "None yet", ("The first measured round brings one.",), absent=True)
    inputs = found["inputs"]
    outlook = inputs.get("outlook") or {}
    facts = [
        ("next round", _known(outlook.get("cost"), lambda v: words.amount(v, currency))),
        ("expected gain, points", _known(outlook.get("gain"), lambda v: words.points(v, 2))),
        (f"points per {unit_name(currency, 100)}", _known(outlook.get("per_100"), lambda v: f"{v:.2f}")),
        ("a point is worth", _known(outlook.get("value"), lambda v: words.amount(round(v / 100), currency))),
        ("chance of paying for itself", _known(outlook.get("chance"), chance_text)),
        ("predictions changed", _known(inputs.get("changed"), lambda v: words.share(v, 2))),
        ("kappa with the model before", _known(inputs.get("kappa"), lambda v: f"{v:.3f}")),
        ("fewest labels of a class", _known(inputs.get("rarest_labels"), str)),
    ]
    absent = found["word"] in ("too early to say", "not known")
    lines = (*found["reasons"], *advice_lines(found, currency))
    return Card(title, found["word"].capitalize(), lines, tuple(facts), absent=absent)


def _savings(found: Row | None, live: dict[str, Any] | None, metric: str, currency: str) -> Card:
    title = "Saved against random"
    pool = () if live is None else (_live(live),)
    if found is None or found["status"] != "measured" or not found["spent"]:
        why = "only a random share of each batch (random_share) can measure it"
        if found is not None:
            why = savings.why_no_money(found) or why
        return Card(title, "Not measured", (f"{why[0].upper()}{why[1:]}.", *pool), absent=True)
    if metric != savings.JUDGED_BY:
        pool = (f"Judged by {metric_title(savings.JUDGED_BY)}, not by {metric_title(metric)}.", *pool)
    level, low = f"{found['level']:.0%}", words.amount(found["saved_low"], currency)
    if found["saved_high"] is None:
        lines = (f"{level} confidence; what random labels would cost has no upper end", *pool)
        if found["saved_low"] > 0:
            return Card(title, f"{low} or more", lines)
        return Card(title, "Not shown", (f"{low} or more, {lines[0]}", *pool), absent=True)
    middle = words.amount(found["saved"], currency)
    span = f"{level} interval {low} to {words.amount(found['saved_high'], currency)}"
    if found["saved_high"] < 0:
        return Card(title, middle, (f"{span}: random labels would have been cheaper", *pool))
    if found["saved_low"] > 0:
        return Card(title, middle, (span, *pool))
    return Card(title, "Not shown", (f"{middle}, {span}", *pool), absent=True)


def _live(found: dict[str, Any]) -> str:
    between = f"{words.share(found['low'])} to {words.share(found['high'])}"
    return f"Accuracy of the last models on the live pool: {words.share(found['value'])} ({between}), on {found['items']} random items"


def _known(value: Any, write: Callable[[Any], str]) -> str:
    return words.NOTHING if value is None else write(value)
