"""The one recommendation: go on or stop, with its reasons, how many labels to order next, and where.

Three rules look at a campaign: whether further rounds pay for themselves (`curator.money.stop`), which order a target is
worth (`curator.money.order_size`), and whether the hold-out could show a gain (`curator.money.holdout_table`). Each is an input
here, and none is told by itself: `curator round`, `status`, `plan` and `report` all print what `advise` made of them.

Which rule decides: what ends a campaign in any case; then what better models are worth, where curator.toml says it; then the target.
"""

from dataclasses import dataclass
from typing import Any

from curator.amounts import UNKNOWN, rounded_amount
from curator.money.holdout_table import NextDollars
from curator.money.order_size import Order
from curator.money.stop import Verdict
from curator.pool.problems import counted

CONTINUE, STOP = "continue", "stop"


@dataclass(frozen=True)
class TargetOrder:
    """What the target alone would order.

    Attributes:
        target: of the metric, 0 to 1.
        order: labels, chance and cost.
        never: the chance that the curve levels off below the target.
        unreachable: all but certain.
    """

    target: float
    order: Order
    never: float
    unreachable: bool


@dataclass(frozen=True)
class Advice:
    """What to do.

    Attributes:
        word: as `curator.money.stop.Verdict`.
        reasons: sentences, the decisive one first.
        labels: to order next; 0: none.
        cost: of them, micro-units; None: not known.
        chance: that they reach the target; None: there is none, or no forecast.
        holdout: where the money does more in a hold-out, that in a sentence; None: it does not.
    """

    word: str
    reasons: tuple[str, ...]
    labels: int
    cost: int | None
    chance: float | None
    holdout: str | None


def advise(
    verdict: Verdict,
    *,
    batch: int,
    batch_cost: int | None,
    target: TargetOrder | None,
    holdout: NextDollars | None,
) -> Advice:
    """Make one recommendation of all rules.

    Args:
        verdict: whether further rounds pay.
        batch: labels that the next batch gives, within the budget.
        batch_cost: micro-units; None: not known.
        target: the order that the target is worth; None: there is no target, or no forecast.
        holdout: hold-out or training; None: not known.
    """
    word, reasons = _decided(verdict, target)
    hint = holdout.sentence(verdict.evidence.currency) if holdout and holdout.better == "hold-out" else None
    if word == STOP or word.startswith("hard stop"):
        return Advice(word, reasons, 0, 0, None, None)
    if target is not None and target.order.labels:
        order = target.order
        cost = None if batch_cost is None else order.cost
        return Advice(word, reasons, order.labels, cost, order.chance, hint)
    return Advice(word, reasons, batch, batch_cost, None, hint)


def _decided(verdict: Verdict, target: TargetOrder | None) -> tuple[str, tuple[str, ...]]:
    """The word with its reasons; a target decides where nothing says what a better model is worth."""
    if target is None or verdict.word not in (CONTINUE, STOP, "not known"):
        return verdict.word, verdict.reasons
    sees, name = _seen(target), f"{target.target:.3g}"
    if verdict.word == CONTINUE:
        extra = (
            ()
            if target.order.labels
            else (f"The target of {name} alone would not justify another order: {sees}",)
        )
        return verdict.word, (*verdict.reasons, *extra)
    if verdict.word == STOP:
        return verdict.word, verdict.reasons
    if verdict.evidence.outlook is None or verdict.evidence.outlook.cost is None:
        return verdict.word, verdict.reasons
    if target.order.labels:
        return CONTINUE, (f"An order towards the target of {name} is worth its price.", *verdict.reasons)
    return STOP, (f"{sees[0].upper()}{sees[1:]}", *verdict.reasons)


def _seen(target: TargetOrder) -> str:
    name = f"{target.target:.3g}"
    if target.unreachable:
        return (
            f"{name} cannot be reached with this model and encoder: there is a {chance_text(target.never)} chance that the curve levels "
            "off below it."
        )
    if target.order.chance >= 0.5:
        return f"{name} has probably been reached already ({chance_text(target.order.chance)} chance)."
    return f"no order raises the chance of reaching {name} enough to be worth its price."


def sentence(told: dict[str, Any], currency: str) -> str:
    """The recommendation for people, as every view prints it.

    Args:
        told: as `curator.rounds.advice.current`.
        currency: of the amounts.
    """
    head = f"Advice after round {told['round']}: {told['word']}."
    return " ".join([head, *told["reasons"], *advice_lines(told, currency)])


def advice_lines(told: dict[str, Any], currency: str) -> list[str]:
    """What to order and where, in sentences; nothing where a hard stop has said it."""
    parts = []
    order = told.get("order") or {}
    if told["word"] == STOP:
        parts.append("Order no more labels.")
    elif order.get("labels"):
        cost = "" if order["cost"] is None else f" for {rounded_amount(order['cost'], currency)}"
        cost = f" (price {UNKNOWN})" if order["cost"] is None else cost
        chance = (
            ""
            if order["chance"] is None
            else f", a {chance_text(order['chance'])} chance of reaching the target"
        )
        parts.append(f"Recommended order: {counted(order['labels'], 'label')}{cost}{chance}.")
    if told.get("holdout"):
        parts.append(told["holdout"])
    return parts


def chance_text(share: float) -> str:
    """A chance in percent; never a certainty that a thousand draws cannot show."""
    if share > 0.99:
        return "over 99%"
    if share < 0.01:
        return "under 1%"
    return f"{100 * share:.0f}%"
