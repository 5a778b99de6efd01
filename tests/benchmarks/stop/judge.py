"""How much more every rule costs than the best stop in hindsight, as tables."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.stop.cases import HOLDOUTS, PLACES, PRICE, Case, dollars, values_of
from benchmarks.stop.rules import RULES, VARIANTS, Rule, labels, share
from benchmarks.tables import markdown_table
from numpy.typing import NDArray

from curator.config import StopSection
from curator.money.hard_stops import check_target
from curator.money.stop import FEWEST_ROUNDS

_SHARES = np.arange(0.1, 1.0, 0.05)
_BUDGETS = (100, 200, 300, 400, 500, 600, 800, 1_000, 1_200, 1_600, 2_000, 3_000)
EXPLAINED = """\
Excess: how much more than the best stop in hindsight everything costs where the rule stops: labels at $0.08, the hold-out, and the
errors that remain on the truth at their value. In percent; over campaigns (data set, strategy, seed), hold-outs and values."""


@dataclass(frozen=True)
class Judged:
    """One rule on one case."""

    case: Case
    stop: int

    @property
    def excess(self) -> float:
        """In percent."""
        return 100.0 * self.case.excess(self.stop)


def judge(cases: Sequence[Case], rules: Mapping[str, Rule]) -> dict[str, list[Judged]]:
    """Every rule on every case."""
    return {name: [Judged(case, rule(case)) for case in cases] for name, rule in rules.items()}


def report(cases: Sequence[Case]) -> str:
    """All tables."""
    rules = {
        **RULES,
        "best fixed number of labels": _best(cases, [labels(n) for n in _BUDGETS]),
        "best fixed share of the campaign": _best(cases, [share(s) for s in _SHARES]),
    }
    found = judge(cases, rules)
    campaigns = {case.campaign.run for case in cases}
    seeds = len({run.seed for run in campaigns})
    said = (
        f"{len(campaigns)} campaigns ({len({run.dataset for run in campaigns})} data sets, strategies "
        f"{', '.join(sorted({run.strategy for run in campaigns}))}, {seeds} seeds), {len(cases)} cases."
    )
    return "\n\n".join(
        [
            f"{said} {EXPLAINED}",
            "The two best fixed ones were chosen with these very results in sight, which nobody can do.",
            _summary(found),
            "### The verdict's parts, and what was left out",
            _summary(judge(cases, VARIANTS)),
            "### Median excess on each data set, and the 90th percentile of curator",
            _by_set(found),
            "### What an error rate of 100% costs in each data set, and where campaigns end",
            _values(cases),
            "### How often a target is called reached that never is",
            _targets(cases),
        ]
    )


def _best(cases: Sequence[Case], rules: Sequence[Rule]) -> Rule:
    """The one with the least median excess."""
    medians = [float(np.median([j.excess for j in judge(cases, {"": rule})[""]])) for rule in rules]
    return rules[int(np.argmin(medians))]


def _percent(judged: Sequence[Judged], belongs: Callable[[Case], bool], statistic: str = "median") -> str:
    of = [one.excess for one in judged if belongs(one.case)]
    if not of:
        return ""
    value = {"median": np.median, "mean": np.mean, "90%": lambda v: np.percentile(v, 90)}[statistic](of)
    return f"{value:.1f}"


def _summary(found: Mapping[str, Sequence[Judged]]) -> str:
    head = ("rule", "median", "mean", "90%", *(f"{p} stop" for p in PLACES), *(f"hold-out {n:,}" for n in HOLDOUTS), "stops at, labels", "best, labels")  # fmt: skip
    rows = []
    for name, judged in found.items():
        rows.append(
            (
                name,
                *(_percent(judged, lambda _c: True, s) for s in ("median", "mean", "90%")),
                *(_percent(judged, lambda c, p=p: c.place == p) for p in PLACES),
                *(_percent(judged, lambda c, n=n: c.items == n) for n in HOLDOUTS),
                f"{np.median([j.case.campaign.labels[j.stop] for j in judged]):,.0f}",
                f"{np.median([j.case.campaign.labels[j.case.cost.argmin()] for j in judged]):,.0f}",
            )
        )
    return markdown_table(head, rows)


def _by_set(found: Mapping[str, Sequence[Judged]]) -> str:
    names = sorted({j.case.campaign.run.dataset for judged in found.values() for j in judged})
    of_set = {name: (lambda c, name=name: c.campaign.run.dataset == name) for name in names}
    rows = [(rule, *(_percent(judged, of_set[n]) for n in names)) for rule, judged in found.items()]
    ours = next(iter(found))
    rows.append((f"{ours}, 90%", *(_percent(found[ours], of_set[n], "90%") for n in names)))
    return markdown_table(("rule", *names), rows)


def _values(cases: Sequence[Case]) -> str:
    campaigns = list({case.campaign.run: case.campaign for case in cases}.values())
    values = values_of(campaigns)
    rows = []
    for name, of_place in values.items():
        of_set = [c for c in campaigns if c.run.dataset == name]
        last = of_set[0].labels[-1]
        accuracy = np.mean([c.accuracy for c in of_set], axis=0)
        inside = np.mean(
            [
                0 < case.cost.argmin() < len(case.cost) - 1
                for case in cases
                if case.campaign.run.dataset == name
            ]
        )
        rows.append(
            (
                name,
                *(f"${dollars(of_place[place])}" for place in PLACES),
                f"{of_set[0].labels[0]:,} to {last:,}",
                f"{accuracy[0]:.3f} to {accuracy[-1]:.3f}",
                f"{100 * inside:.0f}%",
            )
        )
    return markdown_table(
        ("data set", *PLACES, "labels", "mean accuracy", "best stop before the last round"), rows
    )


def _targets(cases: Sequence[Case]) -> str:
    """Targets just above what a campaign ever reaches: each claim is false."""
    rows = []
    for items in HOLDOUTS:
        campaigns = {c.campaign.run: c.campaign for c in cases if c.items == items}.values()
        if not campaigns:
            continue
        fooled = {"point estimate": 0, "95% interval": 0, "widened for looking every round": 0}
        for campaign in campaigns:
            target = float(campaign.accuracy.max()) + 1e-9
            measured = _intervals(campaign.holdout[:, :items])
            looks = range(1, len(measured) + 1)
            fooled["point estimate"] += any(row["value"] >= target for row in measured)
            fooled["95% interval"] += any(row["value_low"] >= target for row in measured)
            stop = StopSection(target=min(target, 1 - 1e-9))
            found = (check_target(stop, measured[:n]) for n in looks)
            fooled["widened for looking every round"] += any(check and check.reached for check in found)
        rows.append((f"{items:,}", *(f"{100 * n / len(campaigns):.1f}%" for n in fooled.values())))
    head = ("hold-out", "point estimate", "lower end of 95%", "lower end, widened for looking every round")
    return markdown_table(head, rows)


def _intervals(right: NDArray[np.bool_]) -> list[dict[str, float]]:
    """Value and lower end of the 95% interval of each round."""
    value = right.mean(axis=1)
    half = 1.96 * np.sqrt(value * (1 - value) / right.shape[1])
    return [{"value": float(v), "value_low": float(v - h)} for v, h in zip(value, half, strict=True)]


def misses(cases: Sequence[Case]) -> str:
    """A line when a promise of the documentation does not hold; empty when all do."""
    found = judge(cases, RULES)
    ours = float(np.median([j.excess for j in found["**curator**"]]))
    worse = [name for name, judged in found.items() if np.median([j.excess for j in judged]) < ours]
    early = sum(j.stop < FEWEST_ROUNDS - 1 for j in found["**curator**"])
    problems = []
    if ours > 10.0:
        problems.append(f"the median excess is {ours:.1f}%, above 10%")
    if worse:
        problems.append(f"better: {', '.join(worse)}")
    if early:
        problems.append(f"{early} stops before round {FEWEST_ROUNDS}")
    return "; ".join(problems) + (f" (labels at {PRICE} micro-units)" if problems else "")
