"""The forecast itself: joint draws of the true metric along the labels, and what is read off them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curator.errors import DataError
from curator.evidence.forecast.errors import ForecastRefusedError
from curator.evidence.forecast.families import Draws, draw, posterior
from curator.evidence.forecast.learnt import Learnt, shipped
from curator.evidence.forecast.past_curves import go_on
from curator.evidence.forecast.prior import vague_prior
from curator.evidence.forecast.seen import FURTHEST, OWN_SHARE, SHARED_SHARE, Seen, between_horizons

FloatArray = NDArray[np.float64]
VERSION = "2"
N_DRAWS = 1000
_WIDTH_80 = 2.563  # standard deviations between the ends of a normal's central 80 %
LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
NEVER = 0.8  # probability from which a target is called out of reach
# Times the labels seen, 1 to 8: labels to a target are not counted further.
_GRID = np.exp2(np.arange(0.0, 3.01, 0.125))
# An average of quantiles is too wide; by how much, beside the hold-out's error, was measured on the development sets.
_FACTORS = np.array([0.74, 0.72, 0.76])


@dataclass(frozen=True)
class LabelsTo:
    """How many labels a target takes.

    Attributes:
        target: of the metric, 0-1.
        median: labels in all; None: more likely than not, 8 times the labels of now are not enough.
        low, high: the 80 % range; None for an end that lies beyond 8 times the labels.
        likely: the median among the curves that get there within 8 times the labels; None when none does.
        beyond: probability that 8 times the labels are not enough.
        never: probability that the curve levels off below the target.
        draws: (n,) labels of every curve drawn; infinite beyond 8 times.
    """

    target: float
    median: float | None
    low: float | None
    high: float | None
    likely: float | None
    beyond: float
    never: float
    draws: FloatArray = field(repr=False)

    @property
    def unreachable(self) -> bool:
        """Whether "cannot be reached with this model and encoder" is to be said: only when it is all but certain."""
        return self.never >= NEVER

    def chance_within(self, labels: float) -> float:
        """Probability that the target is reached with so many labels in all."""
        return float(np.mean(self.draws <= labels))


@dataclass(frozen=True)
class Forecast:
    """A forecast of the true metric (on endless test items) at given numbers of labels.

    Attributes:
        at: (k,) label counts.
        levels: (q,) probabilities of the quantiles.
        quantiles: (k, q) of the metric, 0-1.
        seen: what it was made from.
        version: of the method.
    """

    at: FloatArray
    levels: FloatArray
    quantiles: FloatArray
    seen: Seen
    version: str
    seed: int
    _curves: Draws = field(repr=False)  # along _GRID

    @property
    def median(self) -> FloatArray:
        """(k,) the metric as likely above as below."""
        return np.asarray(self.quantiles[:, list(self.levels).index(0.5)])

    def interval(self, level: float = 0.8) -> FloatArray:
        """(k, 2) lower and upper end of the central interval of that probability."""
        tail = (1.0 - level) / 2.0
        ends = [np.interp([tail, 1.0 - tail], self.levels, row) for row in self.quantiles]
        return np.array(ends)

    @property
    def shown(self) -> FloatArray:
        """(k, q) quantiles of what the same hold-out will show, instead of the true metric.

        The error that the hold-out has in all rounds alike is left out, a round's own noise is added: that is what a
        measured round is held against.
        """
        middle = self.median[:, None]
        noise = np.maximum(middle * (1.0 - middle), 1e-4) / self.seen.n_holdout
        spread = np.square(np.ptp(self.interval(0.8), axis=1)[:, None] / _WIDTH_80)
        left = np.maximum(spread + (OWN_SHARE - SHARED_SHARE) * noise, OWN_SHARE * noise)
        scale = np.sqrt(left / np.maximum(spread, 1e-12))
        quantiles: FloatArray = np.clip(middle + scale * (self.quantiles - middle), 0.0, 1.0)
        return quantiles

    def paths(self, n_draws: int = N_DRAWS) -> FloatArray:
        """(n_draws, k) joint draws of the true metric along `at`; the first rows are always the same ones."""
        drawn: FloatArray = self._along(self.at)[_rows(n_draws)]
        return drawn

    def present(self, n_draws: int = N_DRAWS) -> FloatArray:
        """(n_draws,) the true metric at the labels of now, row by row the same curves as `paths`."""
        drawn: FloatArray = self._along(np.array([self.seen.now]))[_rows(n_draws), 0]
        return drawn

    def labels_to(self, target: float) -> LabelsTo:
        """How many labels in all until the curve (without the scatter of single trainings) reaches `target`."""
        reached = self._curves.paths >= target
        first = reached.argmax(axis=1)
        there: NDArray[np.bool_] = np.asarray(reached.any(axis=1))
        labels = np.full(len(first), np.inf)
        labels[there] = self.seen.now * self._crossing(first[there], there, target)
        low, median, high = np.quantile(labels, [0.1, 0.5, 0.9], method="inverted_cdf")
        return LabelsTo(
            target=target,
            median=_finite(median),
            low=_finite(low),
            high=_finite(high),
            likely=float(np.median(labels[there])) if there.any() else None,
            beyond=float(1.0 - there.mean()),
            never=float(np.mean((self._curves.limits < target) & ~there)),
            draws=labels,
        )

    def _crossing(self, first: NDArray[np.int64], rows: NDArray[np.bool_], target: float) -> FloatArray:
        """(n,) where a path crosses the target between two points of the grid, in times the labels now."""
        paths = self._curves.paths[rows]
        before = np.maximum(first - 1, 0)
        place = np.arange(len(first))
        low, high = paths[place, before], paths[place, first]
        share = np.where(high > low, (target - low) / np.where(high > low, high - low, 1.0), 0.0)
        log_x = np.log(_GRID)
        crossed: FloatArray = np.exp(
            log_x[before] + np.clip(share, 0.0, 1.0) * (log_x[first] - log_x[before])
        )
        return crossed

    def _along(self, labels: FloatArray) -> FloatArray:
        """(n, len(labels)) the curves at label counts, each with the scatter of a single training."""
        return _read(self._curves, labels / self.seen.now, self.seed)


def predict(
    labels: ArrayLike,
    values: ArrayLike,
    n_holdout: int,
    at: ArrayLike,
    seed: int = 0,
    *,
    widths: ArrayLike = (1.0, 1.0, 1.0),
    learnt: Learnt | None = None,
) -> Forecast:
    """Forecast the metric at `at` labels from the rounds measured so far.

    Args:
        labels: (m,) labels that each round's model was trained on; m >= 4.
        values: (m,) the metric of each on the hold-out, 0-1; the same hold-out items each time.
        n_holdout: how many items.
        at: (k,) label counts, from the last round's up to four times as many.
        seed: of the draws; the same seed gives the same forecast.
        widths: factors on the widths at 1.5, 2 and 4 times the labels, from the track record.
        learnt: in place of what is shipped, as for a back-test on the sets that this was learnt from.

    Raises:
        ForecastRefusedError: fewer than four rounds, or a label count beyond four times the labels seen.
        DataError: arrays that cannot be learning curves, or a label count below the last round's.
    """
    seen = Seen.of(labels, values, n_holdout)
    wanted = np.asarray(at, dtype=np.float64)
    _check_at(wanted, seen)
    rng = np.random.default_rng([seed, 61])
    known = learnt or shipped()
    drawn = [draw(posterior(seen, prior), _GRID, N_DRAWS, rng) for prior in (known.prior, vague_prior())]
    families = _on_any_items(_average(drawn), seen, rng)
    curves = _finished(
        _average([families, go_on(seen, known.past, families, _GRID)]), seen, np.asarray(widths)
    )
    points = _read(curves, wanted / seen.now, seed, common=True)
    quantiles = np.quantile(points, LEVELS, axis=0).T
    return Forecast(wanted, np.array(LEVELS), quantiles, seen, VERSION, seed, curves)


def _on_any_items(curves: Draws, seen: Seen, rng: np.random.Generator) -> Draws:
    """With the error that this hold-out has in all rounds alike."""
    shared = np.sqrt(seen.shared_variance) * rng.standard_normal(len(curves.paths))
    return Draws(curves.paths + shared[:, None], curves.limits + shared, curves.scatter)


def _finished(curves: Draws, seen: Seen, widths: FloatArray) -> Draws:
    """Widths corrected, rising, and inside [0, 1]; what the hold-out's error makes of a width is not narrowed."""
    noise = np.minimum(seen.shared_variance / np.maximum(curves.paths.var(axis=0), 1e-12), 1.0)
    squares = np.square(between_horizons(_GRID, _FACTORS))
    factors = np.sqrt(squares + (1.0 - squares) * noise) * between_horizons(_GRID, widths)
    paths = np.maximum.accumulate(_stretch(curves.paths, factors), axis=1)
    limits = np.maximum(_stretch(curves.limits, factors[-1]), paths[:, -1])
    return Draws(np.clip(paths, 0.0, 1.0), np.clip(limits, 0.0, 1.0), widths[0] * curves.scatter)


def _read(curves: Draws, x: FloatArray, seed: int, *, common: bool = False) -> FloatArray:
    """Curves at x, between points of the grid by the logarithm of x, with the scatter of a single training at each x.

    `common`: the same scatter everywhere, so that quantiles rise with x as the curves do; else independent, as rounds are, and
    without a part in the mean: a thousand draws would else show a gain where curves are level.
    """
    place = np.clip(np.searchsorted(_GRID, x) - 1, 0, len(_GRID) - 2)
    low, high = np.log(_GRID[place]), np.log(_GRID[place + 1])
    share = (np.log(x) - low) / (high - low)
    smooth = (1.0 - share) * curves.paths[:, place] + share * curves.paths[:, place + 1]
    # by x itself, so that a label count has the same draws in any list
    keys = [0 if common else round(float(factor) * 1e6) for factor in x]
    noise = np.column_stack(
        [np.random.default_rng([seed, 67, key]).standard_normal(len(smooth)) for key in keys]
    )
    if not common:
        noise -= np.outer(curves.scatter, curves.scatter @ noise / np.square(curves.scatter).sum())
    points: FloatArray = np.clip(smooth + curves.scatter[:, None] * noise, 0.0, 1.0)
    return points


def _check_at(at: FloatArray, seen: Seen) -> None:
    if at.ndim != 1 or len(at) == 0 or not (at >= seen.now).all():
        raise DataError(
            f"at must be a list of label counts from {seen.now:,.0f}, those of the last round, upwards; got {at.tolist()}."
        )
    if at.max() > FURTHEST * seen.now * (1.0 + 1e-9):
        raise ForecastRefusedError(
            "beyond four times the labels seen",
            f"{at.max():,.0f} labels are more than {FURTHEST:g} times the {seen.now:,.0f} seen: forecasts were never checked "
            f"that far ahead. Ask for at most {FURTHEST * seen.now:,.0f}, or run more rounds first.",
        )


def _rows(n_draws: int) -> NDArray[np.int64]:
    return np.arange(n_draws) % N_DRAWS


def _finite(labels: float) -> float | None:
    return float(labels) if np.isfinite(labels) else None


def _average(members: Sequence[Draws]) -> Draws:
    """The mean of the members' quantiles at every x; a path keeps the rank that it has in the first member.

    An average of quantiles keeps the shape of its members where a mixture would have two humps; it is too wide, hence
    `_FACTORS`.
    """
    first = members[0]
    ranks = first.paths.argsort(axis=0).argsort(axis=0)
    paths = np.mean([np.sort(member.paths, axis=0) for member in members], axis=0)
    limits = np.mean([np.sort(member.limits) for member in members], axis=0)
    squares = np.mean([np.square(np.sort(member.scatter)) for member in members], axis=0)
    return Draws(
        np.take_along_axis(paths, ranks, axis=0),
        limits[first.limits.argsort().argsort()],
        np.sqrt(squares)[first.scatter.argsort().argsort()],
    )


def _stretch(values: FloatArray, factors: FloatArray) -> FloatArray:
    """Move every column's values away from, or to, its median by that column's factor."""
    middle = np.median(values, axis=0)
    return np.asarray(middle + factors * (values - middle))
