"""The standings as tables in Markdown."""

from collections.abc import Callable, Sequence

from benchmarks.efficiency.simulate import OWN
from benchmarks.efficiency.standings import OnSet, Standing, Standings
from benchmarks.tables import markdown_table

EXPLAINED = """\
AULC: area under accuracy over labels, divided by the range of labels, in points. All gains are differences to random labels
with logistic regression (C = 100), seed by seed: of the area (± its standard error over seeds), of its first and last third, of
the first and the last model, of the area under macro-F1. Saved: how many percent of the labels are not needed to reach what
random labels reach at the full budget. Rank: mean place over the sets. Worst: the smallest gain on any set. W/T/L: sets with
p < 0.05 in a paired t-test over seeds, uncorrected. ECE: calibration error, mean over the curve. ms: choosing one batch."""

_HEAD = (
    "strategy/start", "head", "AULC", "gain", "early", "late", "first", "final", "F1",
    "saved %", "rank", "worst", "W/T/L", "ECE", "ms", "seeds",
)  # fmt: skip


def tables(found: Standings, skipped: Sequence[str] = ()) -> str:
    """All tables, with what they mean.

    Args:
        found: of the curves.
        skipped: a line for each contender that could not run.
    """
    parts = [_measured(found), EXPLAINED]
    for title, belongs in _GROUPS:
        group = [one for one in found.standings if belongs(one)]
        if group:
            parts += [f"### {title}", _summary(group)]
    each: tuple[tuple[str, Callable[[OnSet], str]], ...] = (
        ("Gain on each set, area in points", lambda one: f"{one.gain:+.1f}"),
        ("AULC on each set", lambda one: f"{one.aulc:.1f}"),
        ("Labels saved on each set, %", lambda one: _percent(one.saved)),
        ("Calibration error on each set", lambda one: f"{one.ece:.1f}"),
    )
    for title, cell in each:
        parts += [f"### {title}", _by_set(found, cell)]
    if found.incomplete:
        names = ", ".join(" ".join(contender) for contender in found.incomplete)
        parts.append(f"Not run on every set, hence in no table: {names}.")
    if skipped:
        parts.append("\n".join(("Left out:", "", *(f"- {line}" for line in skipped))))
    return "\n\n".join(parts)


_GROUPS: tuple[tuple[str, Callable[[Standing], bool]], ...] = (
    ("curator, its own head", lambda one: one.contender[2] == "curator" and one.contender[1] == "head"),
    ("curator, logistic regression", lambda one: one.contender[2] == "curator" and one.contender[1] == "lr"),
    ("Peers with the head of their first example", lambda one: one.contender[1] == OWN),
    ("Peers with curator's head", lambda one: one.contender[2] != "curator" and one.contender[1] != OWN),
)


def _measured(found: Standings) -> str:
    """On what, and what the savings are measured by."""
    seeds = sorted({one.seeds for one in found.standings})
    said = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    goals = ", ".join(
        f"{name} {100 * goal.accuracy:.1f} with {goal.budget} labels (fit within {100 * goal.law.error:.1f})"
        for name, goal in found.goals.items()
    )
    reached = f" Random labels reach: {goals}." if goals else ""
    return f"Sets: {', '.join(found.sets)}; seeds: {said}.{reached}"


def _summary(group: Sequence[Standing]) -> str:
    return markdown_table(_HEAD, (_row(one) for one in group))


def _row(one: Standing) -> tuple[str, ...]:
    saved, missed = one.saved
    wins, ties, losses = one.verdicts
    error = "" if one.gain_error != one.gain_error else f" ± {one.gain_error:.1f}"  # NaN with a single seed
    return (
        _strategy(one), one.contender[1], f"{one.mean('aulc'):.1f}", f"{one.mean('gain'):+.1f}{error}",
        f"{one.mean('early'):+.1f}", f"{one.mean('late'):+.1f}", f"{one.mean('first'):+.1f}",
        f"{one.mean('final'):+.1f}", f"{one.mean('f1'):+.1f}",
        f"{saved:.0f}" + (f" ({missed} not reached)" if missed else ""),
        f"{one.rank:.1f}", f"{one.worst:+.1f}", f"{wins}/{ties}/{losses}",
        f"{one.mean('ece'):.1f}", f"{one.mean('query_ms'):.0f}", f"{one.seeds}",
    )  # fmt: skip


def _by_set(found: Standings, cell: Callable[[OnSet], str]) -> str:
    rows = (
        (_strategy(one), one.contender[1], *(cell(one.on[name]) for name in found.sets))
        for one in found.standings
    )
    return markdown_table(("strategy/start", "head", *found.sets), rows)


def _strategy(one: Standing) -> str:
    strategy, _head, library = one.contender
    return strategy if library == "curator" else f"{library} {strategy}"


def _percent(value: float | None) -> str:
    return "not reached" if value is None else f"{value:.0f}"
