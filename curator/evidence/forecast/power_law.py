"""The bounded power law a - b x**-c with a <= 1 and b >= 0, and its bootstrap.

The exponent is searched on a grid; given it, a and b are least squares in closed form, with the bounds. Far out it is too low
where the families are too high, so that the mean of both is nearer than either.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curator.evidence.forecast.families import Draws
from curator.evidence.forecast.seen import OWN_SHARE, Seen

FloatArray = NDArray[np.float64]
_EXPONENTS = np.geomspace(0.05, 3.0, 30)


@dataclass(frozen=True)
class Fits:
    """Fitted curves: (n,) each."""

    a: FloatArray
    b: FloatArray
    c: FloatArray
    squares: FloatArray

    def at(self, x: FloatArray) -> FloatArray:
        """(n, len(x)) values."""
        return self.a[:, None] - self.b[:, None] * x ** -self.c[:, None]


def fit(x: FloatArray, curves: FloatArray) -> Fits:
    """Least squares for each row of `curves` (n, len(x)); x are label counts in any unit."""
    basis = x ** -_EXPONENTS[:, None]  # (grid, m)
    centred = basis - basis.mean(axis=1, keepdims=True)
    means = curves.mean(axis=1)[:, None]
    b = np.maximum(-(curves @ centred.T) / np.square(centred).sum(axis=1), 0.0)
    a = means + b * basis.mean(axis=1)
    # beyond the bound: a = 1, and b alone is fitted
    tied = np.maximum(((1.0 - curves) @ basis.T) / np.square(basis).sum(axis=1), 0.0)
    b, a = np.where(a > 1.0, tied, b), np.minimum(a, 1.0)
    # the sum of squares multiplied out: no (n, grid, m) cube
    squares = (
        np.square(curves).sum(axis=1)[:, None]
        + len(x) * a * (a - 2.0 * means)
        + np.square(b) * np.square(basis).sum(axis=1)
        + 2.0 * b * (curves @ basis.T - a * basis.sum(axis=1))
    )
    best = squares.argmin(axis=1)
    rows = np.arange(len(curves))
    return Fits(a[rows, best], b[rows, best], _EXPONENTS[best], np.maximum(squares[rows, best], 0.0))


def bootstrap(seen: Seen, x: FloatArray, n_draws: int, rng: np.random.Generator) -> Draws:
    """Refit `n_draws` curves simulated from the fit, and read them along x (times the labels now).

    The residual standard deviation is never taken to be less than a round's own noise on this hold-out.
    """
    fitted = fit(seen.relative, seen.values[None])
    freedom = max(len(seen.values) - 3, 1)
    own = np.sqrt(OWN_SHARE * seen.binomial.mean())
    residual = max(float(np.sqrt(fitted.squares[0] / freedom)), float(own))
    simulated = fitted.at(seen.relative) + residual * rng.standard_normal((n_draws, len(seen.values)))
    refitted = fit(seen.relative, simulated)
    return Draws(refitted.at(x), np.clip(refitted.a, 0.0, 1.0), np.full(n_draws, residual))
