"""Sizes of a hold-out agree with the published formula."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.errors import ConfigError
from curator.evidence.holdout_size import minimum_detectable_gain, size_for_gain


@pytest.mark.parametrize(
    ("n", "points"),
    [
        (200, (None, 4.40, 6.23, 8.81)),
        (500, (1.77, 2.79, 3.95, 5.59)),
        (1000, (1.25, 1.98, 2.80, 3.96)),
        (2000, (0.89, 1.40, 1.98, 2.80)),
        (10_000, (0.40, 0.63, 0.89, 1.25)),
        (20_000, (0.28, 0.44, 0.63, 0.89)),
    ],
)
def test_detectable_gains_are_those_of_the_table(n, points):
    """Points at psi 2, 5, 10, 20 %, to two decimals."""
    for psi, expected in zip((0.02, 0.05, 0.10, 0.20), points, strict=True):
        found = minimum_detectable_gain(n, psi)
        assert found is None if expected is None else abs(100 * found - expected) < 0.0051


@given(st.floats(0.005, 0.2), st.floats(0.0, 1.0))
def test_size_and_gain_are_inverse(gain, share):
    """The size for a gain detects it, and one item less does not."""
    psi = gain + share * (0.9 - gain)
    n = size_for_gain(gain, psi)
    assert minimum_detectable_gain(n, psi) <= gain * (1 + 1e-9)
    if n > 1:
        smaller = minimum_detectable_gain(n - 1, psi)
        assert smaller is None or smaller > gain * (1 - 1e-9)


def test_the_default_size():
    """A five-point gain with 10 % differing items needs 312 items."""
    assert size_for_gain() == 312


@pytest.mark.parametrize(
    "call",
    [
        lambda: size_for_gain(0.2, 0.1),
        lambda: size_for_gain(0),
        lambda: size_for_gain(power=0.4),
        lambda: minimum_detectable_gain(0, 0.1),
        lambda: minimum_detectable_gain(10, 1.0),
        lambda: minimum_detectable_gain(10, 0.1, power=0.5),
    ],
)
def test_impossible_requests_are_refused(call):
    """A gain above psi, shares outside (0, 1), no power, no items."""
    with pytest.raises(ConfigError):
        call()
