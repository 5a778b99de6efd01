"""What to do with what a simulation found, in sentences: no strategy is recommended for a difference that chance makes."""

from collections.abc import Mapping, Sequence
from math import isfinite

from curator.amounts import readable_amount
from curator.simulate.result import Against, Standing
from curator.simulate.statistics import Paired

SURE = 0.05  # p value, corrected
FEW_SEEDS = 5


def recommendation(
    standings: Sequence[Standing], seeds: int, currency: str, to_best: Mapping[str, Paired]
) -> str:
    """One or two sentences.

    Args:
        standings: random labels among them.
        seeds: campaigns of each.
        currency: of all money.
        to_best: {strategy: its difference to the one with the largest area}, uncorrected.
    """
    others = [(one, one.against_random) for one in standings if one.against_random is not None]
    if not others:
        return "Only random labels were played: name strategies to compare with them, as in --strategies auto,margin."
    better = [(one, test) for one, test in others if is_better(test)]
    if better:
        return _use(*better[0], seeds, currency, [one for one, _ in better[1:]], to_best)
    name = max(others, key=lambda pair: pair[1].points)[0].name
    test = next(test for one, test in others if one.name == name)
    text = f"No strategy beats random labels here beyond chance: the nearest is {name} with {_points(test)} over {_seeds(seeds)}. "
    late = [one.name for one, test in others if test.saved_low > 0]
    if late:
        text += f"What {' and '.join(late)} saves at the end was lost before: averaged over the spending it is no better. "
    text += (
        "Label at random, which also gives unbiased estimates, or try other strategies, another model or encoder, or more "
        "seeds."
    )
    worse = [one.name for one, test in others if test.p < SURE and test.points < 0]
    return f"{text} Worse than random: {', '.join(worse)}." if worse else text


def is_better(test: Against) -> bool:
    """Whether a strategy is shown to beat random labels: on average while money is spent, or by what it saves at the end.

    Both are corrected for the number of strategies, so that one of them is enough, and a saving that the table shows is never
    called chance below it.
    """
    return test.points > 0 and (test.p < SURE or test.saved_low > 0)


def _use(
    best: Standing,
    test: Against,
    seeds: int,
    currency: str,
    others: Sequence[Standing],
    to_best: Mapping[str, Paired],
) -> str:
    text = f"Use {best.name}: averaged over the spending, its model is {_points(test)} better than that of random labels"
    text += f" (p {_p(test.p)}, {_seeds(seeds)})."
    if test.p >= SURE:
        text = f"Use {best.name} for what it saves at the end; averaged over the spending, the difference from random labels may be "
        text += f"chance: {_points(test)} (p {_p(test.p)}, {_seeds(seeds)})."
    if test.saved_low > 0:
        text += (
            f" What random labels reach for {readable_amount(test.saved / test.saved_share, currency)} it reaches for "
            f"{readable_amount(test.saved / test.saved_share - test.saved, currency)}: it saves {test.saved_share:.0%} "
            f"(95%: {test.saved_share_low:.0%} to {test.saved_share_high:.0%})."
        )
    alike = [one.name for one in others if to_best[one.name].p >= SURE]
    if alike:
        text += f" No worse, within chance: {', '.join(alike)}."
    return text


def warnings(seeds: int, notes: Sequence[str]) -> tuple[str, ...]:
    """What a reader has to know before trusting a simulation."""
    found = list(notes)
    if seeds < FEW_SEEDS:
        found.append(
            f"{_seeds(seeds)}: p values and intervals rest on few campaigns and may change; use --seeds 20"
        )
    found.append(
        "every seed splits the same data in a new way, so intervals and p values are about these data, not about others; the "
        "money is that of the training labels, without the hold-out's"
    )
    return tuple(found)


def _points(test: Against) -> str:
    if not isfinite(test.low):
        return f"{test.points:+.1f} points"  # a single seed has no interval
    return f"{test.points:+.1f} points (95%: {test.low:+.1f} to {test.high:+.1f})"


def _seeds(count: int) -> str:
    return f"{count} seeds" if count != 1 else "1 seed"


def _p(p: float) -> str:
    return f"= {p:.3f}" if p >= 0.001 else "< 0.001"
