"""What luck of the training seed adds to a mean over seeds, and how well a handful of seeds can tell.

Seeds measured on n items differ also because of these items. That part is in the resampling of items already, so it is taken
off: its size is read off the replicates. What is left is a variance estimated from few seeds. The two models that are compared
come from one procedure on slightly different labels, so their seeds are pooled, and the interval is widened as by Student's t
with Satterthwaite's degrees of freedom. Where nothing is left (a deterministic model, or seeds that differ no more than items
explain) nothing is widened.

Source: Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics Bulletin 2 (1946).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]


@dataclass(frozen=True)
class SeedNoise:
    """What seeds alone do to the difference between two means, or to one mean.

    Attributes:
        error: standard error.
        raw: the same before the part of the items was taken off: what the degrees of freedom belong to.
        degrees: of freedom of `raw`; 0 when no two seeds differ.
    """

    error: float
    raw: float
    degrees: int

    def widening(self, item_error: float, level: float) -> float:
        """The factor, at least 1, by which an interval of normal width grows.

        Args:
            item_error: standard error from the items.
            level: probability content of the interval.
        """
        if self.error == 0.0:
            return 1.0
        from scipy.special import stdtrit

        total = item_error**2 + self.error**2
        degrees = max(self.degrees, self.degrees * (total / self.raw**2) ** 2)
        upper = (1.0 + level) / 2.0
        return max(1.0, float(stdtrit(degrees, upper)) / NormalDist().inv_cdf(upper))


def seed_noise(now: Sequence[FloatArray], replicates: Sequence[FloatArray]) -> SeedNoise:
    """The noise of the seeds in the difference of two models' means, or in the mean of one.

    Args:
        now: per model (n_seeds,) the metric of each seed on the hold-out.
        replicates: per model (n_draws, n_seeds) the same on each replicate of the items.

    Returns:
        No noise where each model has one seed: nothing is known then.
    """
    between = from_items = 0.0
    degrees = 0
    inverse_seeds = 0.0
    for values, draws in zip(now, replicates, strict=True):
        if len(values) > 1 and bool((draws == draws[:, :1]).all()):
            continue  # nothing is random in this model
        inverse_seeds += 1.0 / len(values)
        if len(values) > 1:
            apart = draws - draws.mean(axis=1, keepdims=True)
            between += float(values.var(ddof=1)) * (len(values) - 1)
            from_items += float(apart.var(axis=0).sum())
            degrees += len(values) - 1
    if degrees == 0:
        return SeedNoise(0.0, 0.0, 0)
    raw = between / degrees * inverse_seeds
    left = max(0.0, between - from_items) / degrees * inverse_seeds
    return SeedNoise(math.sqrt(left), math.sqrt(raw), degrees)
