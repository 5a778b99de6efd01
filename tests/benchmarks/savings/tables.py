"""What the certificates were worth, per data set and per strategy, as Markdown."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from benchmarks.savings.judge import LAST, Verdict

from curator.rounds.fallback import CHANCE

_HEAD = (
    "| | certificates | 95% holds | at the end | 80% holds | no upper end | width, of labels bought | middle | true | "
    "says saved | though nothing was | really saved |"
)


def tables(found: Sequence[Verdict]) -> str:
    """Coverage and width, by data set, by strategy, by hold-out and by batch; then the fallback."""
    parts = []
    groups: tuple[tuple[str, Callable[[Verdict], object]], ...] = (
        ("data set", lambda v: v.dataset),
        ("strategy", lambda v: v.strategy),
        ("hold-out", lambda v: v.holdout),
        ("batch", lambda v: v.batch),
    )
    for title, key in groups:
        names = sorted({key(v) for v in found}, key=str)
        rows = [_row(str(name), [v for v in found if key(v) == name]) for name in names]
        if title == "data set":
            rows.append(_row("**all**", found))
        parts.append("\n".join([_HEAD.replace("| |", f"| {title} |", 1), "|" + "---|" * 12, *rows]))
    return "\n\n".join([*parts, fallback(found)])


def _row(name: str, found: Sequence[Verdict]) -> str:
    closed = [(v.high - v.low) / v.labels for v in found if np.isfinite(v.high)]
    says = [v for v in found if v.low > 0]
    cells = (
        str(len(found)),
        _share(v.covered for v in found),
        _share(v.covered for v in found if v.last),
        _share(v.covered80 for v in found),
        _share(not np.isfinite(v.high) for v in found),
        f"{np.median(closed):.1f}" if closed else "",
        _times(v.middle / v.labels for v in found),
        _times(v.true_saved / v.labels for v in found),
        str(len(says)),
        str(sum(v.true_saved <= 0 for v in says)),
        str(sum(v.true_saved > 0 for v in found)),
    )
    return f"| {name} | {' | '.join(cells)} |"


def fallback(found: Iterable[Verdict]) -> str:
    """How often three rounds in a row say that there is no lift, where there is one and where there is none."""
    ends: dict[tuple[object, ...], list[Verdict]] = {}
    for v in found:
        ends.setdefault((v.dataset, v.strategy, v.batch, v.holdout, v.seed), []).append(v)
    last = [sorted(rounds, key=lambda v: v.round)[-LAST:] for rounds in ends.values() if len(rounds) >= LAST]
    lift = [rounds for rounds in last if all(v.true_saved > 0 for v in rounds)]
    none = [rounds for rounds in last if all(v.true_saved <= 0 for v in rounds)]
    falls = [sum(max(v.chance for v in rounds) < CHANCE for rounds in part) for part in (lift, none)]
    return (
        f"Fallback at the end of a campaign: {falls[0]} of {len(lift)} with lift in all of the last {LAST} rounds, "
        f"{falls[1]} of {len(none)} with lift in none of them."
    )


def _share(values: Iterable[bool]) -> str:
    known = list(values)
    return f"{100 * np.mean(known):.0f}%" if known else ""


def _times(values: Iterable[float]) -> str:
    middle = float(np.quantile(list(values), 0.5, method="inverted_cdf"))
    return f"{middle:+.1f}" if np.isfinite(middle) else "open"
