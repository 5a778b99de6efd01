"""What error a forecast has by experience: means of the shipped back-test (docs/measured/forecast.md)."""

from curator.evidence.forecast.seen import between_horizons

# rounds seen -> error of the median (0-1) at 1.5, 2 and 4 times the labels, hold-out of 1,000 items; nearer is not measured
_ERRORS = {4: (0.016, 0.018, 0.023), 6: (0.013, 0.015, 0.020), 8: (0.012, 0.013, 0.015)}


def expected_error(rounds_seen: int, horizon: float) -> float:
    """Mean absolute error of the median (0-1) with so many rounds seen, at `horizon` times the labels."""
    row = _ERRORS[max(m for m in _ERRORS if m <= max(rounds_seen, min(_ERRORS)))]
    return float(between_horizons(horizon, row))
