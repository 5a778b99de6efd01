"""When to stop: what the next rounds are expected to be worth, against what they cost.

Draws of the learning curve say how many points the next batches will gain. With a value, V = what a wrong prediction costs x
how many predictions the model will make, buying three rounds more has the net value V x gain - cost. The verdict is to stop at the
first round after which

* that net value is not expected to be positive, or
* the last batches changed so few predictions that the next cannot pay: the net gain is about 15% of the predictions that a
  batch changes on fixed random items, or less.

Nothing is said before four measured rounds, and never to stop while a class has too few labels.

Measured and left out, on the development sets (docs/measured/stop.md has the table): waiting until the chance that the next round pays is
below 30% for two rounds, since on a usual hold-out that chance stays near one half long after the expected value is gone;
and waiting for stable predictions (Cohen's kappa between successive models), which only delays. Both are shown as inputs.

Sources: Pullar-Strecker et al., "Hitting the target: stopping active learning at the cost-based optimum" (2021), arXiv
2110.03802, for the total cost that is minimised; Bloodgood & Vijay-Shanker, "A method for stopping active learning based on
stabilizing predictions and the need for user-adjustable stopping", CoNLL 2009, for the fixed random items.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curator.amounts import MICRO, format_amount, rounded_amount
from curator.evidence.forecast.seen import FEWEST_ROUNDS
from curator.pool.problems import counted

AHEAD = 3  # rounds that are bought or not: one alone may be too small to show what a few together gain
# Of the predictions that a batch changes, as many points are gained at most: measured 7 to 19% in the first quarter of
# campaigns, 3 to 11% in the second, less later.
NET_OF_CHANGED = 0.15
_UNSET = "Set value_per_error and predictions, or floor, in [stop] of curator.toml."
_NO_PRICE = "The cost of a round is not known: no answer came with a time, and no invoice was imported."
_PER = 100 * MICRO  # gains are also told per 100 of the currency
FloatArray = NDArray[np.floating]


@dataclass(frozen=True)
class Outlook:
    """What the next rounds gain and cost. Gains are metric points, 0 to 1; amounts are micro-units.

    Attributes:
        gain: expected of the next round.
        gain_low, gain_high: its 80% interval.
        cost: of a round; None: not known.
        rounds: that are looked ahead, three, or fewer where forecasts do not reach so far.
        gain_ahead: expected of so many.
        per_100: points (0-100) that they are expected to gain per 100 of the currency; None where labels are free, or their price is not known.
        value: of one unit of the metric; None: not known.
        net: expected of so many rounds; None without a value, or where the cost is not known.
        chance: that the next round pays for itself; None likewise.
    """

    gain: float
    gain_low: float
    gain_high: float
    cost: int | None
    rounds: int
    gain_ahead: float
    per_100: float | None
    value: int | None
    net: float | None
    chance: float | None


@dataclass(frozen=True)
class Evidence:
    """Everything that the verdict looks at.

    Attributes:
        rounds: measured with the present strategy, model, encoder and classes.
        outlook: None where no forecast can be made.
        no_outlook: why.
        floor: points per 100 of the currency that are worth paying for; used without a value.
        rarest: the class with the fewest labels.
        rarest_labels: how many.
        least_per_class: how many each class should have.
        changed: share of fixed random items whose prediction a batch changed, mean of the last three; None before.
        kappa: agreement of the last three models' predictions, each with the one before, on fixed random items; None before.
        hard: what ends the campaign in any case: budget, deadline or target; empty: nothing does.
        hard_reason: that in a sentence.
        currency: of the amounts.
    """

    rounds: int
    outlook: Outlook | None
    no_outlook: str
    floor: float | None
    rarest: str
    rarest_labels: int
    least_per_class: int
    changed: float | None
    kappa: float | None
    hard: str
    hard_reason: str
    currency: str


@dataclass(frozen=True)
class Verdict:
    """What to do.

    Attributes:
        word: "continue", "stop", "too early to say", "not known" (nothing says what a better model is worth), or
            "hard stop: budget", "hard stop: deadline", "hard stop: target".
        reasons: sentences, the decisive one first.
        evidence: all inputs.
    """

    word: str
    reasons: tuple[str, ...]
    evidence: Evidence


def look_ahead(draws: FloatArray, *, cost: int | None, value: int | None) -> Outlook:
    """What further rounds are worth, from draws of the learning curve.

    Args:
        draws: (n_draws, 1 + k) joint draws of the true metric now and after 1 to k further rounds.
        cost: of one round, micro-units; None: not known.
        value: micro-units of one unit of the metric: what an error costs times how many predictions there will be; None:
            not known.
    """
    gains = draws[:, 1:] - draws[:, :1]
    rounds = gains.shape[1]
    # Curves never fall: what the draws' scatter leaves below that, next to 0 or 1, is no loss.
    expected = np.maximum.accumulate(np.maximum(gains.mean(axis=0), 0.0))
    low, high = np.quantile(gains[:, 0], [0.1, 0.9])
    return Outlook(
        gain=float(expected[0]),
        gain_low=float(low),
        gain_high=float(high),
        cost=cost,
        rounds=rounds,
        gain_ahead=float(expected[-1]),
        per_100=None if cost is None else _per_100(float(expected[-1]), rounds * cost),
        value=value,
        net=None if value is None or cost is None else float(value * expected[-1] - rounds * cost),
        chance=None if value is None or cost is None else float(np.mean(value * gains[:, 0] > cost)),
    )


def _per_100(gain: float, cost: int) -> float | None:
    """Points (0-100) per 100 of the currency; None where labels are free."""
    return 100.0 * gain * _PER / cost if cost else None


def decide(evidence: Evidence) -> Verdict:
    """The verdict, with its reasons."""
    outlook = evidence.outlook
    if evidence.hard:
        return Verdict(f"hard stop: {evidence.hard}", (evidence.hard_reason,), evidence)
    if outlook is None or evidence.rounds < FEWEST_ROUNDS:
        return Verdict("too early to say", (f"No forecast yet: {evidence.no_outlook}",), evidence)
    if outlook.cost is None:
        return Verdict("not known", (_NO_PRICE,), evidence)
    if outlook.value is None and evidence.floor is None:
        return Verdict("not known", (_UNSET,), evidence)
    word, reasons = _weigh(outlook, evidence)
    return Verdict(word, (*reasons, _told(outlook, evidence)), evidence)


def _weigh(outlook: Outlook, evidence: Evidence) -> tuple[str, tuple[str, ...]]:
    """Whether to go on, by what the next rounds are worth."""
    reason, pays = _worth(outlook, evidence)
    if pays:
        return "continue", (reason,)
    if evidence.rarest_labels < evidence.least_per_class:
        few = (
            f"The class {evidence.rarest!r} has {counted(evidence.rarest_labels, 'label')}, fewer than least_per_class "
            f"= {evidence.least_per_class}."
        )
        return "continue", (few, reason)
    return "stop", (reason,)


def _worth(outlook: Outlook, evidence: Evidence) -> tuple[str, bool]:
    """Whether further rounds are expected to pay, and the sentence that says so."""
    still = None if evidence.changed is None else NET_OF_CHANGED * evidence.changed
    settled = still is not None and not _pays(still, 1, outlook, evidence)
    pays = _pays(outlook.gain_ahead, outlook.rounds, outlook, evidence)
    ahead = "round" if outlook.rounds == 1 else f"{outlook.rounds} rounds"
    if outlook.net is None:
        rate = "at no cost" if outlook.per_100 is None else f"per {format_amount(_PER, evidence.currency)}"
        points = 100 * outlook.gain_ahead if outlook.per_100 is None else outlook.per_100
        reason = (
            f"The next {ahead} should gain {points:+z.2f} points {rate}; the floor is {evidence.floor:g}."
        )
    else:
        net = rounded_amount(outlook.net, evidence.currency)
        reason = (
            f"The next {ahead} should be worth {net} net of {'its' if outlook.rounds == 1 else 'their'} cost."
        )
    if pays and settled:
        reason = (
            f"The last batches changed {100 * (evidence.changed or 0):.2f}% of predictions: about {100 * (still or 0):.2f} points "
            "of gain, too little to pay for a round."
        )
    return reason, pays and not settled


def _pays(gain: float, rounds: int, outlook: Outlook, evidence: Evidence) -> bool:
    """Whether a gain is worth more than so many rounds cost."""
    cost = rounds * (outlook.cost or 0)
    if outlook.value is not None:
        return gain * outlook.value > cost
    rate = _per_100(gain, cost)
    return gain > 0 if rate is None else rate >= (evidence.floor or 0.0)


def _told(outlook: Outlook, evidence: Evidence) -> str:
    """The next round in numbers, with how stable predictions are."""
    text = (
        f"Next round: {rounded_amount(outlook.cost, evidence.currency)} for {100 * outlook.gain:+z.2f} points "
        f"(80%: {100 * outlook.gain_low:+z.2f} to {100 * outlook.gain_high:+z.2f})"
    )
    if outlook.chance is not None:
        text += f", {100 * outlook.chance:.0f}% chance of paying for itself"
    kappa = "not known" if evidence.kappa is None else f"{evidence.kappa:.3f}"
    return f"{text}; kappa with the model before: {kappa}."


def recent(values: Sequence[float | None], window: int = 3) -> float | None:
    """The mean of the last three; None while there are fewer."""
    last = [value for value in values[-window:] if value is not None]
    return float(np.mean(last)) if len(last) == window else None
