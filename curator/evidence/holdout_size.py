"""How large a hold-out must be before it can show a gain.

Two models measured on the *same* items differ only on the items where one is right and the other is not. With
psi the share of such items and d the gain in accuracy, a two-sided paired (McNemar) test needs

    n = (z_a * sqrt(psi) + z_b * sqrt(psi - d**2))**2 / d**2

items, where z_a and z_b are the normal quantiles of 1 - alpha / 2 and of the power.

Source: Connor, "Sample size for testing differences in proportions for the paired-sample design",
Biometrics 43 (1987).
"""

import math
from collections.abc import Callable
from statistics import NormalDist

from curator.errors import ConfigError

TARGET_GAIN = 0.05  # metric points, 0 to 1: what a hold-out is sized to show by default
# Share of items on which two successive models differ in being right: sets how large a hold-out must be.
DISAGREEMENT = 0.10
# 60 halvings take an interval of length 1 below the spacing of doubles around any gain worth naming.
_HALVINGS = 60


def _check_share(name: str, value: float) -> None:
    if not 0.0 < value < 1.0:
        raise ConfigError(f"{name} must lie strictly between 0 and 1, got {value!r}.")


def _items_needed(gain: float, psi: float, alpha: float, power: float) -> float:
    """The formula of the module, as a real number of items; strictly falling in `gain`."""
    z_alpha = NormalDist().inv_cdf(1.0 - alpha / 2.0)
    z_power = NormalDist().inv_cdf(power)
    root = z_alpha * math.sqrt(psi) + z_power * math.sqrt(max(psi - gain * gain, 0.0))
    return (root / gain) ** 2


def size_for_gain(gain: float = 0.05, psi: float = 0.10, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """Number of hold-out items at which a gain in accuracy is detectable.

    Args:
        gain: the gain that must not be missed, in metric points 0-1 (0.05 = five points of accuracy).
        psi: share of items (0-1) on which the two models differ in being right; at least `gain`.
        alpha: two-sided error level of the test.
        power: probability of seeing a gain that is really there; above 0.5.

    Returns:
        The smallest whole number of items.

    Raises:
        ConfigError: a share outside (0, 1), a power of 0.5 or less, or a gain above `psi` (a model cannot gain
            more than the share of items on which it differs).
    """
    for name, value in (("gain", gain), ("psi", psi), ("alpha", alpha), ("power", power)):
        _check_share(name, value)
    if power <= 0.5:
        raise ConfigError(f"power must be above 0.5, got {power!r}: less is a coin toss.")
    if gain > psi:
        raise ConfigError(
            f"a gain of {gain:g} needs at least that share of differing items, but psi is {psi:g}. "
            "Raise psi or ask for a smaller gain."
        )
    return math.ceil(_items_needed(gain, psi, alpha, power))


def minimum_detectable_gain(n: int, psi: float, alpha: float = 0.05, power: float = 0.8) -> float | None:
    """Smallest gain in accuracy that a hold-out of `n` items shows with the given power.

    Args:
        n: hold-out items, at least 1.
        psi: share of items (0-1) on which the two models differ in being right.
        alpha: two-sided error level of the test.
        power: probability of seeing a gain that is really there; above 0.5.

    Returns:
        The gain in metric points 0-1, at most `psi`; None when the hold-out is so small that not even a gain on
        every differing item would show.

    Raises:
        ConfigError: `n` below 1, a share outside (0, 1), or a power of 0.5 or less.
    """
    if n < 1:
        raise ConfigError(f"a hold-out needs at least one item, got n={n}.")
    for name, value in (("psi", psi), ("alpha", alpha), ("power", power)):
        _check_share(name, value)
    if power <= 0.5:
        raise ConfigError(f"power must be above 0.5, got {power!r}: less is a coin toss.")
    if _items_needed(psi, psi, alpha, power) > n:
        return None
    return _smallest(0.0, psi, lambda gain: _items_needed(gain, psi, alpha, power) <= n)


def smallest_shown(n: int, psi: float, *, alpha: float = 0.05, power: float = 0.8) -> float | None:
    """Smallest gain in accuracy that a hold-out of `n` items shows with the given power, also where `psi` is small.

    Where not even a gain on every differing item would show, a larger gain would make more items differ: then it is the
    smallest gain d that shows when it is won on a share d of the items and nothing is lost.

    Args:
        n: hold-out items, at least 1.
        psi: share of items (0-1) on which the two models differ in being right.
        alpha: two-sided error level of the test.
        power: probability of seeing a gain that is really there; above 0.5.

    Returns:
        The gain in metric points 0-1; None when the hold-out can show no gain at all.

    Raises:
        ConfigError: as `minimum_detectable_gain`.
    """
    found = minimum_detectable_gain(n, psi, alpha, power)
    if found is not None or _items_needed(1.0, 1.0, alpha, power) > n:
        return found
    return _smallest(psi, 1.0, lambda gain: _items_needed(gain, gain, alpha, power) <= n)


def _smallest(low: float, high: float, shows: Callable[[float], bool]) -> float:
    """The smallest gain above `low` that shows; one of `high` does."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if shows(middle):
            high = middle
        else:
            low = middle
    return high
