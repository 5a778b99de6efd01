"""What the model's suggestions do to the people who see them: measured on the questions that carry none.

Chance decides which questions are blind (`curator.rounds.questions`), so the two groups differ in nothing else. They are
compared within each round, since later rounds ask harder items, and the differences are averaged with the weights of
Mantel and Haenszel, n_shown * n_blind / (n_shown + n_blind).
"""

import math
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.ledger import queries
from curator.ledger.class_history import History
from curator.ledger.store import Ledger, Row
from curator.project.project import Project
from curator.tasks.task import Task

OFF = "suggestions_off"  # in the ledger's state: why suggestions went off by themselves
SHOWN = 0.95  # level of the intervals that people see
DECIDES = 0.99  # of those that switch suggestions off: they are looked at every round
FEWEST = 30  # questions on either side before anything is decided
PULL = 0.05  # labels drawn to the suggestion by less than this are no harm
SLOWER = 1.02  # times as long; answers that take longer by less are no harm
LEAST_SPREAD = (
    0.01  # standard deviation of log-seconds; times that are more alike than any person's say nothing
)


@dataclass(frozen=True)
class Difference:
    """Shown against blind.

    Attributes:
        shown: mean where the suggestion was shown.
        blind: mean where it was kept back.
        value: the difference, or the ratio for seconds.
        low: lower end of the interval.
        high: upper end.
        fewest: questions on the side that has fewer.
    """

    shown: float
    blind: float
    value: float
    low: float
    high: float
    fewest: int


@dataclass(frozen=True)
class SuggestionEffect:
    """What suggestions do.

    Attributes:
        shown: answered questions with a suggestion.
        blind: answered questions without.
        accepted: share of the answers to these that accepted the suggestion; None = the labeler does not say.
        seconds: geometric mean seconds per answer; `value` is the ratio shown / blind; None = too few were timed, or the
            times are all alike, as a script's are.
        agreement: share of final labels that match the suggestion; `value` is shown - blind.
        level: of the intervals.
    """

    shown: int
    blind: int
    accepted: float | None
    seconds: Difference | None
    agreement: Difference | None
    level: float


def suggestions_on(project: Project) -> bool:
    """Whether questions may carry suggestions."""
    wanted = project.config.labeler.suggestions
    return wanted == "on" or (wanted == "auto" and project.ledger.get(OFF) is None)


def suggestion_effect(ledger: Ledger, task: Task, level: float = SHOWN) -> SuggestionEffect | None:
    """What suggestions do, over all rounds that had questions of both kinds; None when there are none yet."""
    rows = _questions(ledger)
    shown, blind = (sum(row["shown"] == side for row in rows) for side in (1, 0))
    if min(shown, blind) < 2:
        return None
    told = [outcome for row in rows if row["shown"] for outcome in row["outcomes"]]
    timed = [row for row in rows if row["log_seconds"] is not None]
    seconds = _difference(timed, [row["log_seconds"] for row in timed], level)
    history = History.read(ledger)
    for row in rows:  # by today's classes, as the labels are
        row["suggested"] = task.meaning(history, row["suggested"], row["classes"], "train").label
    labeled = [row for row in rows if row["label"] is not None and row["suggested"] is not None]
    agrees = [float(task.same(row["label"], row["suggested"])) for row in labeled]
    return SuggestionEffect(
        shown=shown,
        blind=blind,
        accepted=told.count("accepted") / len(told) if told else None,
        seconds=None if seconds is None else _ratio(seconds),
        agreement=_difference(labeled, agrees, level, binary=True),
        level=level,
    )


def harm_of_suggestions(project: Project) -> str | None:
    """In a sentence how suggestions hurt, when that is beyond doubt and has not been said before; None otherwise.

    They hurt when answers take longer with them, by more than `SLOWER`, or when they draw the labels to themselves: the final
    label equals the suggestion more often where it was shown, by more than `PULL`. At least `FEWEST` questions on either
    side must speak of it: with a time, or with a label.
    """
    setting = project.config.labeler
    if not setting.traits.shows_suggestions or setting.suggestions != "auto" or not suggestions_on(project):
        return None  # what is not on need not go off
    effect = suggestion_effect(project.ledger, project.task, DECIDES)
    if effect is None or min(effect.shown, effect.blind) < FEWEST:
        return None
    slower, drawn = effect.seconds, effect.agreement
    if slower is not None and slower.fewest >= FEWEST and slower.low > SLOWER:
        return (
            f"Suggestions slow people down: {slower.shown:.1f} s per answer with, {slower.blind:.1f} s without "
            f"(ratio {slower.value:.2f}, 99%: {slower.low:.2f} to {slower.high:.2f})."
        )
    if drawn is not None and drawn.fewest >= FEWEST and drawn.low > PULL:
        return (
            f"Suggestions sway the labels: {100 * drawn.shown:.0f}% of labels match the suggestion where it "
            f"was shown, {100 * drawn.blind:.0f}% where it was not ({100 * drawn.value:+z.0f} points, 99%: "
            f"{100 * drawn.low:+z.0f} to {100 * drawn.high:+z.0f})."
        )
    return None


def _questions(ledger: Ledger) -> list[Row]:
    """One row per answered question that had a suggestion, shown or kept back; see `answers_to_suggestions`.

    Per question, not per answer: several people's answers to one item are no independent trials.
    """
    answers = queries.answers.answers_to_suggestions(ledger)
    questions = []
    for _, group in groupby(answers, key=itemgetter("key")):
        given = list(group)
        times = [math.log(row["seconds"]) for row in given if row["seconds"] and row["seconds"] > 0]
        questions.append(
            {
                **given[0],
                "log_seconds": sum(times) / len(times) if times else None,
                "outcomes": [row["suggestion"] for row in given if row["suggestion"]],
            }
        )
    return questions


def _ratio(logs: Difference) -> Difference:
    """From log-seconds to seconds; the difference becomes a ratio."""
    return Difference(
        math.exp(logs.shown),
        math.exp(logs.blind),
        math.exp(logs.value),
        math.exp(logs.low),
        math.exp(logs.high),
        logs.fewest,
    )


def _difference(
    rows: list[Row], values: list[float], level: float, *, binary: bool = False
) -> Difference | None:
    """Mean of `values` where shown minus where blind, within rounds; None with fewer than two on a side, or without spread.

    The interval is Student's, with one variance per side pooled over rounds. For shares (`binary`) each side is given
    one success and one failure more for its variance (Agresti and Caffo, The American Statistician 54, 2000), so that
    a side where all agree is not taken for certain.
    """
    from scipy.stats import t  # a second, for campaigns with suggestions alone

    y = np.array(values)
    shown = np.array([row["shown"] == 1 for row in rows], dtype=bool)
    rounds = np.array([row["round"] for row in rows])
    strata = [(y[(rounds == r) & shown], y[(rounds == r) & ~shown]) for r in dict.fromkeys(rounds.tolist())]
    strata = [(a, b) for a, b in strata if len(a) and len(b)]
    counts = [sum(len(pair[side]) for pair in strata) for side in (0, 1)]
    freedom = sum(counts) - 2 * len(strata)
    if min(counts, default=0) < 2 or freedom < 1:
        return None
    variance = [_variance([pair[side] for pair in strata], binary=binary) for side in (0, 1)]
    if not binary and max(variance) < LEAST_SPREAD**2:
        return None  # an interval without width would be beyond all doubt
    weight = np.array([len(a) * len(b) / (len(a) + len(b)) for a, b in strata])
    weight /= weight.sum()
    gaps = np.array([a.mean() - b.mean() for a, b in strata])
    spread = np.array([variance[0] / len(a) + variance[1] / len(b) for a, b in strata])
    value = float(weight @ gaps)
    half = float(t.ppf(0.5 + level / 2, freedom) * math.sqrt(weight**2 @ spread))
    means = [
        float(sum(w * pair[side].mean() for w, pair in zip(weight, strata, strict=True))) for side in (0, 1)
    ]
    return Difference(means[0], means[1], value, value - half, value + half, min(counts))


def _variance(groups: list[NDArray[np.float64]], *, binary: bool) -> float:
    """Variance within groups, pooled."""
    if binary:
        share = (sum(float(g.sum()) for g in groups) + 1) / (sum(len(g) for g in groups) + 2)
        return share * (1 - share)
    squares: Any = sum(float(((g - g.mean()) ** 2).sum()) for g in groups)
    return float(squares / max(1, sum(len(g) for g in groups) - len(groups)))
