"""How a plan looks on a terminal."""

from curator.amounts import format_amount, rounded_amount
from curator.cli.printing import table
from curator.money.advice import chance_text, sentence
from curator.rounds.forecasts.track_record import FEWEST, TrackRecord
from curator.tasks.registry import metric_title
from curator.views.plan import Ahead, Plan, TargetPlan

_WIDTH = 30
_RATHER_NOT = 0.5  # chance that a target is out of sight, from which that is what is said first


def plan_text(plan: Plan) -> str:
    """What `curator plan` shows."""
    middle, low, high = plan.present
    lines = [
        (
            f"{metric_title(plan.metric)} now: {plan.measured:.3f} measured on {plan.holdout_items:,} items after "
            f"{plan.rounds_seen} rounds, {plan.labels:,} labels; the curve fitted to them says {middle:.3f} "
            f"(80%: {low:.3f} to {high:.3f})"
        ),
        "",
        _table(plan),
    ]
    if plan.price:
        lines.append(
            f"A label costs {_money(plan.price.micro, plan, exact=True)}: {plan.price.source}, hold-out not counted."
        )
    else:
        lines.append("What a label costs is not known yet: pass --price-per-label.")
    if plan.target:
        lines += ["", *_target(plan, plan.target)]
    lines += [
        "",
        sentence(plan.verdict, plan.currency),
        "",
        f"This campaign's forecasts so far: {_held(plan.record)}",
    ]
    return "\n".join(lines)


def _table(plan: Plan) -> str:
    target = plan.target.target if plan.target else None
    rows = [
        [
            f"{row.labels:,}",
            "-" if row.cost is None else _money(row.cost, plan),
            f"{row.median:.3f}",
            f"{row.low:.3f} to {row.high:.3f}",
            f"{100 * row.expected_error:.1f}",
            band,
        ]
        for row, band in zip(plan.ahead, bands(plan.ahead, target), strict=True)
    ]
    return table(
        ["labels", "cost from now", "median", "80% interval", "usual error, points", "band"], rows, left=0
    )


def bands(rows: list[Ahead], target: float | None) -> list[str]:
    """A line for each row: the interval, its median, and the target, all on one scale."""
    ends = [row.low for row in rows] + [row.high for row in rows] + ([target] if target is not None else [])
    low, high = min(ends), max(ends)

    def place(value: float) -> int:
        return round((_WIDTH - 1) * (value - low) / max(high - low, 1e-9))

    found = []
    for row in rows:
        cells = [" "] * _WIDTH
        cells[place(row.low) : place(row.high) + 1] = ["-"] * (place(row.high) + 1 - place(row.low))
        if target is not None:
            cells[place(target)] = "|"
        cells[place(row.median)] = "o"
        found.append("".join(cells))
    return found


def _target(plan: Plan, target: TargetPlan) -> list[str]:
    eight = f"8 times the labels ({8 * plan.labels:,})"
    name = f"{target.target:.3g}"
    if target.unreachable:
        return [
            (
                f"{name} cannot be reached with this model and encoder: {chance_text(target.chance_never)} chance that the curve "
                "levels off below it. Another encoder or model, or cleaner labels, may change that; more of the same labels will not."
            )
        ]
    lines = []
    if target.labels is None:
        lines.append(f"{name}: no curve gets there within {eight}.")
    elif target.labels <= plan.labels:
        lines += [
            f"{name} may have been reached already: {chance_text(target.chance_now)} chance.",
            *_beyond(target, eight),
        ]
    else:
        lines += _needed(plan, target, name, eight)
    if target.labels is not None and target.labels > target.pool_ends_at:
        lines.append(f"The pool ends at {target.pool_ends_at:,} labels: `curator add` brings more items.")
    if target.chance_in_budget is not None and plan.budget is not None and target.affordable is not None:
        lines.append(
            f"Chance of reaching it for {_money(plan.budget, plan)} ({target.affordable:,} labels in all): "
            f"{chance_text(target.chance_in_budget)}."
        )
    elif target.labels is None or target.labels > plan.labels:
        lines.append(
            f"Chance of reaching it with {target.reach:,} labels in all: {chance_text(target.chance_in_reach)}."
        )
    return lines


def _needed(plan: Plan, target: TargetPlan, name: str, eight: str) -> list[str]:
    """What it takes; where that is probably out of sight, that leads, for then a range says little.

    The range is one of all curves: its lower end may lie above the median of the few that get there.
    """
    cost = "" if target.cost is None else f", {_money(target.cost, plan)} more"
    beyond = _beyond(target, eight)
    if target.low is None or target.chance_beyond > _RATHER_NOT:
        return [
            f"{name}: {' '.join(beyond)} Of the curves that get there, half need {target.labels:,} labels in all or fewer{cost}."
        ]
    takes = (
        f"{name} takes {target.labels:,} labels in all{cost}, if {eight} are enough; "
        f"80%: {_range(plan, target, target.low)}."
    )
    return [takes, *beyond]


def _beyond(target: TargetPlan, eight: str) -> list[str]:
    return (
        [f"{chance_text(target.chance_beyond)} chance that {eight} are not enough."]
        if target.chance_beyond
        else []
    )


def _range(plan: Plan, target: TargetPlan, low: int) -> str:
    if target.high is None:
        cost = "" if target.cost_low is None else f" ({_money(target.cost_low, plan)})"
        return f"at least {low:,} labels{cost}, with no upper end"
    costs = (
        ""
        if target.cost_low is None or target.cost_high is None
        else f" ({_money(target.cost_low, plan)} to {_money(target.cost_high, plan)})"
    )
    return f"{low:,} to {target.high:,} labels{costs}"


def _held(record: TrackRecord | None) -> str:
    if record is None:
        return "none scored yet."
    if not record.tells:
        return (
            f"{record.forecasts} scored, mean error {100 * record.error:.1f} points; how often their intervals held is shown "
            f"from {FEWEST} forecasts on."
        )
    return (
        f"{record.forecasts} scored; 50%, 80% and 95% intervals held {100 * record.hit50:.0f}%, {100 * record.hit80:.0f}% "
        f"and {100 * record.hit95:.0f}% of the time; mean error {100 * record.error:.1f} points."
    )


def _money(micro: int, plan: Plan, *, exact: bool = False) -> str:
    """An amount; a forecast is not told to the thousandth of a cent."""
    return format_amount(micro, plan.currency) if exact else rounded_amount(micro, plan.currency)
