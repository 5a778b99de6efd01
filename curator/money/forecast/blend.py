"""Members averaged quantile by quantile, and the width corrected by what back-tests showed.

An average of quantiles keeps the shape of its members where a mixture would have two humps; it is a little too wide, hence the
factors, one per horizon.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from curator.money.forecast.families import Draws

FloatArray = NDArray[np.float64]


def average(members: Sequence[Draws], weights: Sequence[float]) -> Draws:
    """Average the members' quantiles at every x; a path keeps the rank that it has in the first member."""
    first = members[0]
    share = np.asarray(weights) / np.sum(weights)
    ranks = first.paths.argsort(axis=0).argsort(axis=0)
    sorted_paths = sum(w * np.sort(m.paths, axis=0) for w, m in zip(share, members, strict=True))
    limit_ranks = first.limits.argsort().argsort()
    limits = sum(w * np.sort(m.limits) for w, m in zip(share, members, strict=True))
    scatter = np.sqrt(sum(w * np.square(np.sort(m.scatter)) for w, m in zip(share, members, strict=True)))
    return Draws(
        np.take_along_axis(np.asarray(sorted_paths), ranks, axis=0),
        np.asarray(limits)[limit_ranks],
        np.asarray(scatter)[first.scatter.argsort().argsort()],
    )


def factors_at(x: FloatArray, horizons: FloatArray, factors: FloatArray) -> FloatArray:
    """The width factor at each x, between horizons by the logarithm of x, level outside."""
    found: FloatArray = np.interp(np.log(x), np.log(horizons), factors)
    return found


def stretch(values: FloatArray, factors: FloatArray) -> FloatArray:
    """Move every column's values away from, or to, its median by that column's factor."""
    middle = np.median(values, axis=0)
    return np.asarray(middle + factors * (values - middle))
