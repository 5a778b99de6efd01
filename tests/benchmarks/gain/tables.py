"""The coverage of the gain's interval as tables in Markdown."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from benchmarks.gain.coverage import COMPARED, PLAIN, Covered, is_deterministic
from benchmarks.tables import markdown_table

_GOAL = (93.0, 97.0)
_NAMES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "log_loss": "log loss",
    "cost_weighted_error": "cost",
    PLAIN: "accuracy, plain bootstrap",
}

EXPLAINED = """\
Each cell: percent of 95% intervals that hold the true gain of the round, and in brackets the mean width of the interval (points;
log loss: hundredths of a nat). The test set of each data set is the population: hold-outs are drawn from it with replacement, so
the true gain is known exactly; random models are drawn from {seeds} trained ones, 3 per round. Cost: a mistake on an item of the
first class costs 5, any other 1. "Plain bootstrap": percentiles over items and seeds, without pseudo-items and widening."""


def tables(rows: Sequence[Covered], seeds_of_random: int) -> str:
    """All tables, with what they mean."""
    campaigns = {(row.dataset, row.strategy, row.seed, row.kind) for row in rows}
    rounds = {(row.dataset, row.strategy, row.seed, row.kind, row.round) for row in rows}
    deterministic = sum(is_deterministic(kind) for *_, kind, _ in rounds)
    draws = {row.draws for row in rows}
    said = (
        f"{len(campaigns)} campaigns on {', '.join(sorted({row.dataset for row in rows}))}: {len(rounds)} rounds, "
        f"{deterministic} of deterministic and {len(rounds) - deterministic} of random models, "
        f"{'/'.join(map(str, sorted(draws)))} hold-outs of each size per round."
    )
    by_kind = _table(
        rows,
        ("models", "items", "rounds"),
        lambda row: (
            f"{'deterministic' if is_deterministic(row.kind) else 'random'}: {row.kind}",
            f"{row.items:,}",
            "late" if row.late else "early",
        ),
    )
    by_set = _table(rows, ("set", "items"), lambda row: (row.dataset, f"{row.items:,}"))
    overall = _table(
        rows, ("models", ""), lambda row: ("deterministic" if is_deterministic(row.kind) else "random", "all")
    )
    return "\n\n".join(
        (
            said,
            EXPLAINED.format(seeds=seeds_of_random),
            overall,
            "### By kind of model, size of the hold-out, and half of the campaign",
            by_kind,
            "### By data set",
            by_set,
            "### All rounds of one data set and kind of model: how many lie in 93-97%",
            _spread(rows),
        )
    )


def _table(
    rows: Sequence[Covered], heads: tuple[str, ...], group: Callable[[Covered], tuple[str, ...]]
) -> str:
    cells: dict[tuple[str, ...], dict[str, list[Covered]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        cells[group(row)][row.metric].append(row)
    order = sorted(
        cells,
        key=lambda key: (
            key[0],
            *(int(part.replace(",", "")) if part[:1].isdigit() else 0 for part in key[1:]),
            key[2:],
        ),
    )
    metrics = (*COMPARED, PLAIN)
    return markdown_table(
        (*heads, *(_NAMES[name] for name in metrics)),
        ((*key, *(_cell(cells[key][name]) for name in metrics)) for key in order),
    )


def _cell(rows: Sequence[Covered]) -> str:
    draws = sum(row.draws for row in rows)
    width = sum(row.width * row.draws for row in rows) / draws
    return f"{_percent(rows):.1f} ({100 * width:.1f})"


def _percent(rows: Sequence[Covered]) -> float:
    return 100 * sum(row.hits for row in rows) / sum(row.draws for row in rows)


def _spread(rows: Sequence[Covered]) -> str:
    """A mean hides its parts: the least and the greatest coverage over sets and kinds, per size and metric."""
    lines = []
    for items in sorted({row.items for row in rows}):
        for name in COMPARED:
            groups: dict[tuple[str, str], list[Covered]] = defaultdict(list)
            for row in rows:
                if row.items == items and row.metric == name:
                    groups[row.dataset, row.kind].append(row)
            found = sorted((_percent(group), *key) for key, group in groups.items())
            inside = sum(_GOAL[0] <= percent <= _GOAL[1] for percent, *_ in found)
            lines.append(
                (
                    f"{items:,}",
                    _NAMES[name],
                    f"{inside} of {len(found)}",
                    f"{found[0][0]:.1f} ({found[0][1]}, {found[0][2]})",
                    f"{found[-1][0]:.1f} ({found[-1][1]}, {found[-1][2]})",
                )
            )
    return markdown_table(("items", "metric", "within 93-97%", "lowest", "highest"), lines)
