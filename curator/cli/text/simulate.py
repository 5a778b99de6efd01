"""How a simulation looks on a terminal."""

from pathlib import Path

from curator.amounts import readable_amount
from curator.cli.printing import table
from curator.simulate.result import Against, Simulation, Standing, Target
from curator.tasks.registry import metric_title


def simulation_text(found: Simulation, folder: Path) -> str:
    """Standings, what each target takes, and what to do."""
    plan = found.settings
    arm = f", and draw {plan['random_share']:.0%} of each batch (at least 5 items, at most half) at random"
    head = (
        f"{found.data}: {found.seeds} campaigns of each strategy; {plan['rounds']} rounds of {plan['batch']} (the first "
        f"{plan['seed_batch']}) out of {found.pool:,} items, measured on {found.holdout:,} others. Random campaigns are random "
        f"from the first round; the others begin with {plan['seed_strategy']}{arm if plan['random_share'] else ''}."
    )
    parts = [
        head,
        _standings(found),
        _targets(found),
        found.recommendation,
        "\n".join(f"Note: {warning}." for warning in found.warnings),
        f"Curves: {folder / 'curves.svg'}; numbers: {folder / 'result.json'}",
    ]
    return "\n\n".join(part for part in parts if part)


def _standings(found: Simulation) -> str:
    metric = metric_title(found.metric)
    headers = [
        "strategy",
        f"mean {metric}",
        f"at {_money(found.budget, found)}",
        "against random, points (95%)",
        "p",
        "saved (95%)",
        "of random's",
    ]
    return table(headers, [_standing(one, found) for one in found.standings])


def _standing(one: Standing, found: Simulation) -> list[str]:
    test = one.against_random
    cells = [one.name, f"{one.area:.1%}", f"{one.over_money[-1].mean:.1%}"]
    if test is None:
        return [*cells, "-", "-", "-", "-"]
    if found.seeds == 1:
        return [*cells, f"{test.points:+.1f}", "-", _money(test.saved, found), f"{test.saved_share:.0%}"]
    return [
        *cells,
        f"{test.points:+.1f} ({test.low:+.1f} to {test.high:+.1f})",
        f"{test.p:.3f}" if test.p >= 0.001 else "< 0.001",
        f"{_money(test.saved, found)} ({_money(test.saved_low, found)} to {_money(test.saved_high, found)})",
        _share(test),
    ]


def _share(test: Against) -> str:
    return f"{test.saved_share:.0%} ({test.saved_share_low:.0%} to {test.saved_share_high:.0%})"


def _targets(found: Simulation) -> str:
    values = found.standings[0].targets
    headers = ["to reach", *(f"{target.value:.1%} (random {_when(target)})" for target in values)]
    return table(
        headers, [[one.name, *(_needed(target, found) for target in one.targets)] for one in found.standings]
    )


def _when(target: Target) -> str:
    return "at the end" if target.share == 1 else f"at {target.share:.0%} of the money"


def _needed(target: Target, found: Simulation) -> str:
    if target.labels is None or target.cost is None:
        return "not reached"
    return f"{target.labels:,.0f} labels, {_money(target.cost, found)}"


def _money(micro: float, found: Simulation) -> str:
    return readable_amount(micro, found.currency)
