"""The tables of the back-test, and which bars are met."""

from collections.abc import Sequence

from benchmarks.forecast.curves import Campaign
from benchmarks.forecast.methods import METHODS, SHIPPED
from benchmarks.forecast.scores import Reach, Score, mean_over_sets, score_method, score_reach
from benchmarks.forecast.tasks import HORIZONS, ROUNDS_SEEN, Task, sizes_of, tasks_of
from benchmarks.tables import markdown_table

_BARS = {2.0: (1.6, 1.15, 5.2), 4.0: (2.1, 1.5, 7.5)}  # error, CRPS, width80
_FEWEST = 300
_JUDGED_SIZE = 1_000
_HEAD = ("horizon", "forecasts", "error", "bias", "hits 50 / 80 / 95 %", "width 80 %", "CRPS")


def report(campaigns: Sequence[Campaign]) -> str:
    """Everything, as Markdown."""
    parts = [_about(campaigns)]
    by_size = {size: tasks_of(campaigns, size) for size in [*sizes_of(campaigns), None]}
    parts += [_tables(tasks, size) for size, tasks in by_size.items() if tasks]
    judged = _JUDGED_SIZE if _JUDGED_SIZE in by_size else None
    tasks = by_size[judged]
    parts += _by_kind(tasks, judged)
    parts.append(_by_rounds(tasks, judged))
    parts.append(_reach(score_reach(tasks)))
    parts.append(_bars(score_method(METHODS[SHIPPED], tasks), mean_over_sets(score_reach(tasks)), judged))
    return "\n\n".join(parts)


def _about(campaigns: Sequence[Campaign]) -> str:
    sets = sorted({campaign.dataset.partition("/")[0] for campaign in campaigns})
    return f"{len(campaigns):,} campaigns on {len(sets)} data sets ({', '.join(sets)}). Nothing in the forecast was learned from any."


def _name(size: int | None) -> str:
    return "all items" if size is None else f"{size:,} items"


def _tables(tasks: Sequence[Task], size: int | None) -> str:
    scored = {name: score_method(method, tasks) for name, method in METHODS.items()}
    rows = [
        [name, f"{horizon:g}x", *_cells(mean_over_sets(by_set[horizon]))]
        for horizon in HORIZONS
        for name, by_set in scored.items()
        if horizon in by_set
    ]
    per_set = [
        [name, f"{horizon:g}x", *_cells(score)]
        for horizon, by_set in scored[SHIPPED].items()
        for name, score in by_set.items()
    ]
    return (
        f"Fixed hold-out of {_name(size)}, means over data sets, points of accuracy:\n\n{markdown_table(['method', *_HEAD], rows)}\n\n"
        f"The forecast by data set:\n\n{markdown_table(['data set', *_HEAD], per_set)}"
    )


def _by_kind(tasks: Sequence[Task], size: int | None) -> list[str]:
    """Means over the data sets of each kind, where the file tells kinds."""
    kinds = sorted({task.kind for task in tasks})
    if len(kinds) == len({task.dataset for task in tasks}):
        return []
    rows = []
    for kind in kinds:
        scored = score_method(METHODS[SHIPPED], [task for task in tasks if task.kind == kind])
        rows += [[kind, f"{h:g}x", *_cells(mean_over_sets(by_set))] for h, by_set in scored.items()]
    return [f"By kind of data, hold-out of {_name(size)}:\n\n{markdown_table(['kind', *_HEAD], rows)}"]


def _by_rounds(tasks: Sequence[Task], size: int | None) -> str:
    """The usual error: what `curator plan` prints beside each row comes from here."""
    rows = []
    for m in ROUNDS_SEEN:
        scored = score_method(METHODS[SHIPPED], [task for task in tasks if len(task.labels) == m])
        rows.append(
            [str(m), *(f"{mean_over_sets(scored[h]).error:.2f}" if h in scored else "-" for h in HORIZONS)]
        )
    head = ["rounds seen", *(f"error at {h:g}x" for h in HORIZONS)]
    return f"By rounds seen, hold-out of {_name(size)}:\n\n{markdown_table(head, rows)}"


def _cells(score: Score) -> list[str]:
    if score.width80 == 0.0:  # one number, no interval
        shown = ["-", "-"]
    else:
        shown = [
            f"{score.hits50:.0f} / {score.hits80:.0f} / {score.hits95:.0f}",
            f"{score.width80:.1f}",
        ]
    return [
        f"{score.forecasts:.0f}",
        f"{score.error:.2f}",
        f"{score.bias:+.2f}",
        *shown,
        f"{score.crps:.2f}",
    ]


def _reach(by_set: dict[str, Reach]) -> str:
    head = [
        "data set",
        "forecasts",
        "within x1.5",
        "unconditional median within x1.5",
        "wrongly 'cannot be reached'",
        "median wrongly beyond 8x",
        "80 % range holds",
        "its upper end open",
    ]
    shown = {**by_set, "mean": mean_over_sets(by_set)}
    rows = [
        [name, f"{r.forecasts:.0f}"]
        + [f"{v:.0f} %" for v in (r.within, r.within_median, r.never, r.open_median, r.holds, r.open)]
        for name, r in shown.items()
    ]
    return f"Labels to the accuracy that is really reached at 2x:\n\n{markdown_table(head, rows)}"


def _bars(scored: dict[float, dict[str, Score]], reach: Reach, size: int | None) -> str:
    lines = [f"Bars, with a hold-out of {_name(size)}:", ""]

    def say(met: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
        lines.append(f"- {'met' if met else '**missed**'}: {what}")

    for horizon, (error, crps, width) in _BARS.items():
        if horizon not in scored:
            say(met=False, what=f"{horizon:g}x: no campaign is long enough")
            continue
        by_set = scored[horizon]
        mean, hits = mean_over_sets(by_set), [score.hits80 for score in by_set.values()]
        say(
            mean.forecasts >= _FEWEST,
            f"{horizon:g}x: {mean.forecasts:.0f} forecasts, at least {_FEWEST} wanted",
        )
        say(77 <= mean.hits80 <= 85, f"{horizon:g}x: 80 % intervals hit {mean.hits80:.0f} %, 77 to 85 wanted")
        say(
            min(hits) >= 65 and max(hits) <= 95,
            f"{horizon:g}x: on single sets {min(hits):.0f} to {max(hits):.0f} %, 65 to 95 wanted",
        )
        say(mean.error <= error, f"{horizon:g}x: error {mean.error:.2f} points, {error} wanted")
        say(mean.crps <= crps, f"{horizon:g}x: CRPS {mean.crps:.2f}, {crps} wanted")
        say(mean.width80 <= width, f"{horizon:g}x: 80 % width {mean.width80:.1f} points, {width} wanted")
    say(reach.within >= 70, f"labels to target within a factor 1.5 in {reach.within:.0f} %, 70 wanted")
    say(reach.never <= 5, f"falsely 'cannot be reached' in {reach.never:.0f} %, 5 wanted")
    return "\n".join(lines)
