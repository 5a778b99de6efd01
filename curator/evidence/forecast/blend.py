"""Members averaged quantile by quantile, and the width corrected by what back-tests showed.

An average of quantiles keeps the shape of its members where a mixture would have two humps; it is too wide, hence the factors.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from curator.evidence.forecast.families import Draws

FloatArray = NDArray[np.float64]


def average(members: Sequence[Draws]) -> Draws:
    """The mean of the members' quantiles at every x; a path keeps the rank that it has in the first member."""
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


def stretch(values: FloatArray, factors: FloatArray) -> FloatArray:
    """Move every column's values away from, or to, its median by that column's factor."""
    middle = np.median(values, axis=0)
    return np.asarray(middle + factors * (values - middle))
