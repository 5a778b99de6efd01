"""How many seconds of one answer are paid: a page left open over lunch is not work.

The cap of an annotator lies where none of their own answers would be by chance: the median of the logarithms of their
seconds plus five standard deviations, these estimated by the median absolute deviation so that the lunch breaks
themselves do not move it; and never below a minute.

Source: Iglewicz & Hoaglin, "How to Detect and Handle Outliers" (1993), for the median and its absolute deviation.
"""

import math
import statistics
from collections.abc import Mapping, Sequence

LEAST = 60.0  # seconds; below, nothing is capped
ENOUGH = 20  # answers with a time, for a cap of one's own
_DEVIATIONS = 5.0
_MAD = 1.4826  # standard deviations per median absolute deviation, of a normal distribution
_SMALLEST = 0.1  # seconds; the logarithm of a time of 0 has no meaning


def cap_of(seconds: Sequence[float]) -> float | None:
    """The most seconds that one answer is paid for.

    Args:
        seconds: of the answers so far.

    Returns:
        Seconds; None with fewer than `ENOUGH` answers.
    """
    if len(seconds) < ENOUGH:
        return None
    logs = [math.log(max(value, _SMALLEST)) for value in seconds]
    middle = statistics.median(logs)
    deviation = _MAD * statistics.median(abs(value - middle) for value in logs)
    return max(LEAST, math.exp(min(middle + _DEVIATIONS * deviation, math.log(1e9))))


class Caps:
    """The cap of each annotator; of who has few answers, that of all together; none while these are few."""

    def __init__(self, seconds: Mapping[str, Sequence[float]]) -> None:
        """Take the seconds of each annotator's answers so far."""
        self._own = {annotator: cap_of(values) for annotator, values in seconds.items()}
        self._of_all = cap_of([value for values in seconds.values() for value in values])

    def of(self, annotator: str) -> float | None:
        """The most seconds that one answer of this annotator is paid for; None = all of them."""
        own = self._own.get(annotator)
        return self._of_all if own is None else own
