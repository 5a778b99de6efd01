"""How often the interval of a gain holds the true gain: hold-outs are drawn again and again from a campaign whose truth is known."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from benchmarks.gain.campaigns import DETERMINISTIC, Campaign, Played
from numpy.typing import NDArray

from curator.evidence.gain import gains
from curator.evidence.metrics import METRICS
from curator.evidence.outcomes import ClassOutcomes
from curator.evidence.resampling import Resampling

COMPARED = {name: metric for name, metric in METRICS.items() if metric.compared}
SIZES = (100, 300, 1000)
SEEDS_OF_USER = 3  # the project's default: models per round of a random kind
COSTLY = 5.0  # mistakes on items of the first class cost so much against 1 for all others
PLAIN = (
    "accuracy, plain percentiles"  # what the interval of accuracy would be without pseudo-items and widening
)
_DRAWS_OF_BOOTSTRAP = 1000


@dataclass(frozen=True)
class Covered:
    """One round, one size of hold-out, one metric.

    Attributes:
        round: the later of the two models, from 1.
        late: it is in the second half of the campaign.
        items: of the hold-out.
        metric: of the gain.
        true: gain of the procedure on the population.
        draws: hold-outs drawn.
        hits: of them whose interval holds the true gain.
        above: of them whose interval lies above it.
        width: mean width of the intervals.
    """

    dataset: str
    strategy: str
    seed: int
    kind: str
    round: int
    late: int
    items: int
    metric: str
    true: float
    draws: int
    hits: int
    above: int
    width: float


COLUMNS = tuple(field.name for field in fields(Covered))


def coverage(campaign: Campaign, played: Played, draws: int, sizes: Sequence[int] = SIZES) -> list[Covered]:
    """Draw `draws` hold-outs of each size for every round of a campaign, and count which intervals hold the truth."""
    costs = np.ones((played.n_classes, played.n_classes))
    costs[0] = COSTLY
    np.fill_diagonal(costs, 0.0)
    truths = [true_values(played, model, costs) for model in range(len(played.predicted))]
    rounds = len(truths) - 1
    priced = [COMPARED[name].with_costs(costs) for name in COMPARED]
    found = []
    for items in sizes:
        resampling = Resampling(items, _DRAWS_OF_BOOTSTRAP, campaign.seed)
        for number in range(1, rounds + 1):
            rng = np.random.default_rng([campaign.seed, number, items])
            true = {name: truths[number][name] - truths[number - 1][name] for name in COMPARED}
            true[PLAIN] = true["accuracy"]
            ends = {name: np.empty((draws, 2)) for name in true}
            for draw in range(draws):
                before, after = (
                    _drawn(played, number - 1 + step, rows, rng)
                    for rows in [rng.integers(len(played.truth), size=items)]
                    for step in (0, 1)
                )
                (gain,) = gains([before], after, priced, draws=resampling)
                for name in COMPARED:
                    ends[name][draw] = gain[name].low, gain[name].high
                ends[PLAIN][draw] = _plain(before, after, resampling)
            late = int(number > rounds // 2)
            found += [_counted(campaign, number, late, items, name, true[name], ends[name]) for name in true]
    return found


def true_values(played: Played, model: int, costs: NDArray[np.float64]) -> dict[str, float]:
    """Every metric of a model of the campaign on the whole population, mean over all seeds; more is better."""
    everything = np.ones((1, len(played.truth)), dtype=np.float32)
    outcomes = _said(played, model, slice(None), slice(None))
    return {
        name: float(COMPARED[name].with_costs(costs).replicates(everything, outcomes).astype(float).mean())
        for name in COMPARED
    }


def _drawn(played: Played, model: int, rows: NDArray[np.int64], rng: np.random.Generator) -> ClassOutcomes:
    """A hold-out and the user's few seeds, both drawn with replacement."""
    n_seeds = played.predicted.shape[1]
    seeds = rng.integers(n_seeds, size=SEEDS_OF_USER) if n_seeds > 1 else np.zeros(1, dtype=np.int64)
    return _said(played, model, seeds, rows)


def _said(
    played: Played, model: int, seeds: NDArray[np.int64] | slice, rows: NDArray[np.int64] | slice
) -> ClassOutcomes:
    predicted = played.predicted[model][seeds][:, rows].astype(np.int64)
    # the likeliest class of the mean needs all probabilities, and only McNemar's test needs it: the first seed's stands in
    return ClassOutcomes(
        predicted, played.of_truth[model][seeds][:, rows], predicted[0], played.truth[rows], played.n_classes
    )


def _plain(before: ClassOutcomes, after: ClassOutcomes, resampling: Resampling) -> tuple[float, float]:
    accuracy = METRICS["accuracy"]
    first, second = (
        np.concatenate([accuracy.replicates(counts, model) for counts in resampling.blocks()])
        for model in (before, after)
    )
    rng = np.random.default_rng(resampling.seed)
    n_draws, n_seeds = first.shape
    picked = np.arange(n_draws)[:, None], rng.integers(n_seeds, size=(2, n_draws, n_seeds))
    drawn = second[picked[0], picked[1][1]].mean(axis=1) - first[picked[0], picked[1][0]].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def _counted(
    campaign: Campaign, number: int, late: int, items: int, name: str, true: float, ends: NDArray[np.float64]
) -> Covered:
    # the ends are rounded to 12 digits: the truth may lie on one
    low, high = ends.T
    return Covered(
        campaign.dataset, campaign.strategy, campaign.seed, campaign.kind, number, late, items, name, round(true, 9),
        len(ends), int(((low <= true + 1e-9) & (true - 1e-9 <= high)).sum()), int((low > true + 1e-9).sum()),
        float((high - low).mean()),
    )  # fmt: skip


def read(path: Path) -> list[Covered]:
    """All rows of a file; none when there is no file.

    Raises:
        ValueError: it has other columns.
    """
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if tuple(rows.fieldnames or ()) != COLUMNS:
            raise ValueError(f"{path} has the columns {rows.fieldnames}. Move it away, or give another OUT.")
        return [_row(row) for row in rows]


def _row(row: dict[str, str]) -> Covered:
    kinds = {field.name: field.type for field in fields(Covered)}
    return Covered(**{name: kinds[name](text) for name, text in row.items()})  # type: ignore[operator, arg-type]


def write(path: Path, rows: Sequence[Covered]) -> None:
    """Write a file whole, so that a killed benchmark leaves no part of one."""
    new = path.with_suffix(".tmp")
    with new.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    new.replace(path)


def is_deterministic(kind: str) -> bool:
    """Whether training this kind of model has nothing random."""
    return kind in DETERMINISTIC
