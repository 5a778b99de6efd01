"""How good the forecasts of this campaign were, as later rounds showed.

It is told and changes nothing: a campaign has a dozen rounds, and its own earlier miss does not tell its next (rank correlation
-0.08 on recorded campaigns).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from curator.ledger import queries
from curator.ledger.store import Ledger, Row

FEWEST = 5  # scored forecasts from which it is told how often their intervals held


@dataclass(frozen=True)
class TrackRecord:
    """Forecasts that a round decided: how many, how often the intervals held, and the mean absolute error (0-1)."""

    forecasts: int
    hit50: float
    hit80: float
    hit95: float
    error: float
    crps: float

    @property
    def tells(self) -> bool:
        """Whether there are enough to tell how often intervals hold."""
        return self.forecasts >= FEWEST


def own_record(ledger: Ledger) -> TrackRecord | None:
    """The record of this campaign; None before a round has decided a forecast."""
    scores = queries.forecasts.forecast_scores(ledger)
    return _record_of(scores) if scores else None


def _record_of(scores: Sequence[Row]) -> TrackRecord:
    mean = {
        key: float(np.mean([float(s[key]) for s in scores])) for key in ("hit50", "hit80", "hit95", "crps")
    }
    return TrackRecord(len(scores), error=float(np.mean([abs(float(s["error"])) for s in scores])), **mean)
