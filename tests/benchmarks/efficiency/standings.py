"""Each contender against random labels with logistic regression: on each set, and over all of them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from benchmarks.efficiency.curves import Curves
from benchmarks.efficiency.simulate import LONG, Point, Run
from benchmarks.efficiency.statistics import PowerLaw, area, labels_needed, verdict
from scipy.stats import rankdata

Contender = tuple[str, str, str]  # strategy and start, head, library: as in `Run`
YARDSTICK: Contender = ("random/random", "lr", "curator")
_LONG_RUNS: Contender = (f"{LONG}/random", "lr", "curator")
_THIRD = 1 / 3


@dataclass(frozen=True)
class OnSet:
    """One contender on one set, means over seeds; in points (0-100) unless said otherwise.

    Attributes:
        gains: difference of the areas to the yardstick, for each seed that both have.
        gain: their mean; `early`, `late`, `first`, `final` and `f1` are differences to the yardstick as well: of the area
            over the first and the last third, of the first and the last model's accuracy, of the area under macro-F1.
        saved: share of the labels that random labels take to their accuracy at the full budget and this does not, in
            percent; None: it does not get there.
        ece: calibration error, mean over the curve.
        query_ms: per batch.
        labels: at which there is a point.
        accuracy: (points,) the mean curve, 0-1.
    """

    gains: tuple[float, ...]
    aulc: float
    early: float
    late: float
    first: float
    final: float
    f1: float
    ece: float
    query_ms: float
    saved: float | None
    labels: tuple[int, ...]
    accuracy: tuple[float, ...]

    @property
    def gain(self) -> float:
        """Mean over seeds."""
        return float(np.mean(self.gains))


@dataclass(frozen=True)
class Goal:
    """What random labels reach at the full budget, by the power law through 2.5 times the budget."""

    budget: int
    law: PowerLaw

    @property
    def accuracy(self) -> float:
        """0-1."""
        return self.law.at(self.budget)


@dataclass(frozen=True)
class Standing:
    """One contender over all sets.

    Attributes:
        rank: mean over sets of the place by area, 1 = largest; set by `standings`.
    """

    contender: Contender
    on: dict[str, OnSet]
    rank: float = field(default=np.nan)

    def mean(self, what: str) -> float:
        """The mean over sets of an attribute of `OnSet`."""
        return float(np.mean([getattr(one, what) for one in self.on.values()]))

    @property
    def gain_error(self) -> float:
        """Standard error of the mean gain: chance between seeds, not between sets."""
        parts = [np.var(one.gains, ddof=1) / len(one.gains) for one in self.on.values() if len(one.gains) > 1]
        return float(np.sqrt(sum(parts)) / len(self.on)) if len(parts) == len(self.on) else np.nan

    @property
    def worst(self) -> float:
        """The smallest gain on any set."""
        return min(one.gain for one in self.on.values())

    @property
    def seeds(self) -> int:
        """The fewest seeds on any set."""
        return min(len(one.gains) for one in self.on.values())

    @property
    def verdicts(self) -> tuple[int, int, int]:
        """Sets won, tied and lost."""
        found = [verdict(one.gains) for one in self.on.values()]
        return found.count("win"), found.count("tie"), found.count("loss")

    @property
    def saved(self) -> tuple[float, int]:
        """Labels saved in percent, mean over sets, and on how many sets the accuracy was not reached: they count as 0."""
        values = [one.saved for one in self.on.values()]
        return float(np.mean([value or 0.0 for value in values])), values.count(None)


@dataclass(frozen=True)
class Standings:
    """All contenders that ran on every set, the largest gain first.

    Attributes:
        sets: their names.
        goals: of each set where a power law was found.
        incomplete: contenders that some set lacks.
    """

    sets: tuple[str, ...]
    goals: dict[str, Goal]
    standings: tuple[Standing, ...]
    incomplete: tuple[Contender, ...]


def standings(curves: Curves) -> Standings:
    """Compare everything with the yardstick, seed by seed.

    Raises:
        ValueError: the yardstick itself was not run.
    """
    by_contender: dict[Contender, dict[str, dict[int, list[Point]]]] = defaultdict(lambda: defaultdict(dict))
    for run, points in curves.items():
        by_contender[_contender(run)][run.dataset][run.seed] = points
    yardstick = by_contender.get(YARDSTICK)
    if not yardstick:
        raise ValueError(f"There are no runs of {' '.join(YARDSTICK)}, with which all others are compared.")
    sets = tuple(sorted(yardstick))
    goals = _goals(sets, yardstick, by_contender.pop(_LONG_RUNS, {}))
    found: list[Standing] = []
    incomplete = []
    for contender, runs in by_contender.items():
        on = {
            name: _on_set(runs[name], yardstick[name], goals.get(name))
            for name in sets
            if runs.get(name, {}).keys() & yardstick[name].keys()
        }
        if len(on) == len(sets):
            found.append(Standing(contender, on))
        else:
            incomplete.append(contender)
    found.sort(key=lambda one: -one.mean("gain"))
    return Standings(sets, goals, tuple(_ranked(found, sets)), tuple(incomplete))


def _contender(run: Run) -> Contender:
    return run.strategy, run.head, run.library


def _ranked(found: Sequence[Standing], sets: Sequence[str]) -> list[Standing]:
    """By gain, which is the area on equal terms when not all have the same seeds; equal ones share the mean place."""
    places = np.mean([rankdata([-one.on[name].gain for one in found]) for name in sets], axis=0)
    return [Standing(one.contender, one.on, float(place)) for one, place in zip(found, places, strict=True)]


def _goals(
    sets: Sequence[str],
    yardstick: dict[str, dict[int, list[Point]]],
    long_runs: dict[str, dict[int, list[Point]]],
) -> dict[str, Goal]:
    goals = {}
    for name in sets:
        labels, accuracy = _mean_curve(list(long_runs.get(name, {}).values()))
        try:
            law = PowerLaw.fit(labels, accuracy)
        except ValueError:
            continue  # the tables show no saving on this set
        goals[name] = Goal(next(iter(yardstick[name].values()))[-1].labels, law)
    return goals


def _mean_curve(curves: Sequence[Sequence[Point]]) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Labels and the mean accuracy over seeds."""
    if not curves:
        return (), ()
    accuracy = np.mean([[point.accuracy for point in points] for points in curves], axis=0)
    return tuple(point.labels for point in curves[0]), tuple(accuracy.tolist())


def _on_set(runs: dict[int, list[Point]], yardstick: dict[int, list[Point]], goal: Goal | None) -> OnSet:
    seeds = sorted(runs.keys() & yardstick.keys())
    measured = np.array([_measures(runs[seed]) for seed in seeds])
    differences = 100 * (measured - np.array([_measures(yardstick[seed]) for seed in seeds]))
    labels, accuracy = _mean_curve([runs[seed] for seed in seeds])
    _gain, early, late, first, final, f1 = differences.mean(axis=0)
    saved = None
    if goal is not None:
        needed = labels_needed(goal.accuracy, labels, accuracy)
        saved = None if needed is None else 100 * (1 - needed / goal.budget)
    return OnSet(
        gains=tuple(differences[:, 0].tolist()),
        aulc=float(100 * measured[:, 0].mean()),
        early=float(early),
        late=float(late),
        first=float(first),
        final=float(final),
        f1=float(f1),
        ece=float(np.mean([100 * point.ece for seed in seeds for point in runs[seed]])),
        query_ms=float(np.mean([point.query_ms for seed in seeds for point in runs[seed][1:]])),
        saved=saved,
        labels=labels,
        accuracy=accuracy,
    )


def _measures(points: Sequence[Point]) -> list[float]:
    """Area, that of the first and of the last third, first and last accuracy, area under macro-F1: 0-1."""
    labels = [point.labels for point in points]
    accuracy = [point.accuracy for point in points]
    return [
        area(labels, accuracy),
        area(labels, accuracy, high=_THIRD),
        area(labels, accuracy, low=1 - _THIRD),
        accuracy[0],
        accuracy[-1],
        area(labels, [point.macro_f1 for point in points]),
    ]
