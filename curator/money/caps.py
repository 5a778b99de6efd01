"""How many seconds of one answer are paid: a page left open over lunch is not work.

The cap of an annotator lies where none of their own answers would be by chance: the median of the logarithms of their
seconds plus five standard deviations, these estimated by the median absolute deviation so that the lunch breaks
themselves do not move it; and never below a minute.

Before enough answers are timed, every cap is that minute. It is the figure a budget plans with (`curator.money.budget`), so
what the first answers cost is never more than was planned for them; and it is short, because the first time of a campaign is
as likely as any other to be a page left open. Where the work does take longer, the cap rises with the answer that makes
them enough, and what the earlier answers were paid too little is added to the bill.

A cap depends on which answers there are and on nothing else: not on when they were pulled, or in which order.

Source: Iglewicz & Hoaglin, "How to Detect and Handle Outliers" (1993), for the median and its absolute deviation.
"""

import math
import statistics
from collections.abc import Mapping, Sequence

LEAST = 60.0  # seconds; below, nothing is capped
FIRST = LEAST  # the cap before there is data
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
    """Each annotator's cap. Annotators with few answers share the pooled cap; with too few overall it is `FIRST`."""

    def __init__(self, seconds: Mapping[str, Sequence[float]]) -> None:
        """Take the seconds of each annotator's answers so far."""
        self._seconds = seconds
        self._own = {annotator: cap_of(values) for annotator, values in seconds.items()}
        self._of_all = cap_of([value for values in seconds.values() for value in values])

    def of(self, annotator: str) -> float:
        """The most seconds that one answer of this annotator is paid for."""
        own = self._own.get(annotator)
        cap = self._of_all if own is None else own
        return FIRST if cap is None else cap

    def paid(self, annotator: str) -> float:
        """The same to two digits, as it is on the bill.

        A cap moves a little with every answer, and each move would be a correction of everything above it.
        """
        return max(LEAST, two_digits(self.of(annotator)))

    def typical(self) -> float | None:
        """What an answer without a time is taken to have lasted: the median of all capped times, to two digits; None without any."""
        caps = {name: self.paid(name) for name in self._seconds}
        times = [min(value, caps[name]) for name, values in self._seconds.items() for value in values]
        return two_digits(statistics.median(times)) if times else None


def two_digits(value: float) -> float:
    """Rounded to two significant digits."""
    return float(f"{value:.2g}")
