"""The dictionary of learning-curve shapes: eight families, each of which levels off.

A shape is a rising function s of x = labels / labels now, moved and scaled to s(1) = 0 and s(2) = 1, so that a curve is
level + gain * s(x): the metric now and what twice the labels add to it. Every shape has a finite limit, the asymptote.

Sources of the families: power law and its piecewise form (Jain et al., "A Meta-Learning Approach to Predicting Performance
and Data Requirements", CVPR 2023), arctan, algebraic and logarithmic roots (Mahmood et al., "How Much More Data Do I Need?",
CVPR 2022; the logarithm saturates here), stretched exponential and Hill (Viering & Loog, "The Shape of Learning Curves",
2023), PALM's exponential of a shifted power (arXiv 2507.15381).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Curve = Callable[[FloatArray], FloatArray]
FAR = 1e12  # times the labels of now: the limit of a shape is read there
# A shape whose limit is further away than this many doublings' gains never matters below 8x.
_POWERS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9, 1.1, 1.3, 1.6, 2.0, 2.5, 3.0)
_SCALES = (0.1, 0.2, 0.35, 0.6, 1.0, 1.6, 2.5, 4.0)


@dataclass(frozen=True, eq=False)
class Shapes:
    """Shapes side by side.

    Attributes:
        families: (n,) the family of each, 0 to 7.
        curves: (n,) the functions, not yet moved and scaled.
    """

    families: NDArray[np.int64]
    curves: tuple[Curve, ...]

    def at(self, x: FloatArray) -> FloatArray:
        """(n, len(x)) values at x > 0, with s(1) = 0 and s(2) = 1."""
        return _values(self, tuple(x.tolist()))

    @cached_property
    def limits(self) -> FloatArray:
        """(n,) where each levels off."""
        return self.at(np.array([FAR]))[:, 0]


@lru_cache(maxsize=64)
def _values(shapes: Shapes, x: tuple[float, ...]) -> FloatArray:
    """Kept: campaigns with equal batches ask for the same places again and again."""
    places = np.array([1.0, 2.0, *x])
    raw = np.array([curve(places) for curve in shapes.curves])
    values: FloatArray = (raw[:, 2:] - raw[:, :1]) / (raw[:, 1:2] - raw[:, :1])
    values.flags.writeable = False
    return values


def _power(c: float) -> Curve:
    return lambda x: 1.0 - x**-c


def _stretched(scale: float, c: float) -> Curve:
    return lambda x: -np.expm1(-((x / scale) ** c))


def _palm(scale: float, c: float, shift: float) -> Curve:
    return lambda x: -np.expm1(-((x / scale + shift) ** c))


def _arctan(scale: float) -> Curve:
    return lambda x: np.arctan(x / scale)


def _algebraic(scale: float, c: float) -> Curve:
    return lambda x: (x / scale) / (1.0 + (x / scale) ** c) ** (1.0 / c)


def _logarithm(scale: float) -> Curve:
    def curve(x: FloatArray) -> FloatArray:
        grown = np.log1p(x / scale)
        return grown / (1.0 + grown)

    return curve


def _hill(scale: float, c: float) -> Curve:
    return lambda x: 1.0 / (1.0 + (x / scale) ** -c)


def _broken(before: float, after: float, at: float) -> Curve:
    """A power law whose exponent changes at x = `at`, without a jump."""
    return lambda x: (
        1.0 - np.where(x < at, (x / at) ** -before, 1.0 + (before / after) * ((x / at) ** -after - 1.0))
    )


@cache
def dictionary() -> Shapes:
    """All shapes, family by family."""
    families: list[list[Curve]] = [
        [_power(c) for c in _POWERS],
        [_stretched(scale, c) for scale in (0.2, 0.4, 0.8, 1.6, 3.2) for c in (0.4, 0.7, 1.0)],
        [
            _palm(scale, c, shift)
            for scale in (0.3, 0.8, 2.0)
            for c in (0.4, 0.8)
            for shift in (0.1, 0.5, 1.5)
        ],
        [_arctan(scale) for scale in _SCALES],
        [_algebraic(scale, c) for scale in (0.2, 0.5, 1.0, 2.0) for c in (0.7, 1.5, 3.0)],
        [_logarithm(scale) for scale in (0.01, 0.05, 0.2, 0.6, 1.5, 4.0)],
        [_hill(scale, c) for scale in (0.2, 0.5, 1.0, 2.0, 4.0) for c in (0.7, 1.2, 2.0)],
        [
            _broken(before, after, at)
            for before in (0.1, 0.3, 0.8, 1.6)
            for after in (0.1, 0.4, 1.0, 2.0)
            if before != after
            for at in (0.5, 1.0)
        ],
    ]
    owner = np.repeat(np.arange(len(families)), [len(curves) for curves in families])
    return Shapes(owner, tuple(curve for curves in families for curve in curves))
