"""Bad weather on the way to the server: faults at random from a seed, each counted when it has hit."""

import random
import threading
from collections import Counter

from support.studio import Fault

# Kind -> how often. "after" means after the server has done what was asked.
KINDS = {
    "dropped before": 12,
    "dropped after": 16,
    "cut off": 10,
    "shortened": 10,
    "delayed": 8,
    "too late": 4,
    "500 after": 8,
    "502 before": 6,
    "502 after": 8,
    "504 before": 4,
    "504 after": 10,
    "429 after": 6,
}
DELAY = 0.2  # seconds of a reply that still comes in time


class Weather:
    """Says of each request what goes wrong with it.

    Args:
        seed: of the choice.
        share: of the requests that something happens to; twice as much of those that change something.
        too_late: seconds after which nobody waits for a reply any more.

    Attributes:
        hits: faults by kind.
        writes: how many of them hit a request that changes something.
    """

    def __init__(self, seed: int, share: float, too_late: float) -> None:
        self.hits: Counter[str] = Counter()
        self.writes = 0
        self._rng = random.Random(seed)
        self._share = share
        self._too_late = too_late
        self._lock = threading.Lock()

    def __call__(self, method: str, path: str) -> Fault | None:
        with self._lock:
            writes = method != "GET"
            if self._rng.random() >= self._share * (1 + writes):
                return None
            kind = self._rng.choices(list(KINDS), weights=list(KINDS.values()))[0]
            self.hits[kind] += 1
            self.writes += writes
        return self._fault(kind)

    @property
    def total(self) -> int:
        """Faults that did harm; a delay in time does none."""
        return sum(self.hits.values()) - self.hits["delayed"]

    def _fault(self, kind: str) -> Fault:
        forward = not kind.endswith("before")
        if kind.startswith("dropped"):
            return Fault(None, forward=forward)
        if kind == "cut off":
            return Fault(None, forward=True, real="cut")
        if kind == "shortened":
            return Fault(None, forward=True, real="short")
        if kind in ("delayed", "too late"):
            seconds = DELAY if kind == "delayed" else self._too_late
            return Fault(None, forward=True, real="whole", delay=seconds)
        status = int(kind[:3])
        headers = {"Content-Type": "text/html"}
        if status == 429:
            headers["Retry-After"] = "1"
        return Fault(
            status, forward=forward, body=b"<html><title>Bad gateway</title></html>", headers=headers
        )
