"""How good the forecasts were: of this campaign, and of all campaigns of this user.

A campaign has a dozen rounds: too few to learn from (its own earlier miss does not tell its next: rank correlation -0.08 on
recorded campaigns). So widths move only on what many campaigns say together, a little at a time.

The pooled record is a small file of the user's, $XDG_DATA_HOME/curator/forecasts.jsonl (~/.local/share without it), numbers
only: no names, texts or labels. CURATOR_TRACK_RECORD=off keeps it unread and unwritten. It is never in the way: what cannot
be read or written is left alone.
"""

import json
import math
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from curator.ledger import queries
from curator.ledger.store import Ledger, Row

SWITCH = "CURATOR_TRACK_RECORD"
FEWEST = 5  # scored forecasts from which it is told how often their intervals held
_FEWEST_CAMPAIGNS, _FEWEST_SCORES = 10, 50
_SHRINK = 20  # campaigns at which half of what they say is believed
_NARROWEST, _WIDEST = 0.7, 1.5
# Upper ends of the horizons that count for 1.5, 2 and 4 times the labels.
_BUCKETS = (1.75, 3.0, 4.01)
_KEPT = ("horizon", "error", "crps", "distance", "hit50", "hit80", "hit95")


@dataclass(frozen=True)
class TrackRecord:
    """Forecasts that a round decided: how many, how often the intervals held, and the mean absolute error (0-1)."""

    forecasts: int
    campaigns: int
    hit50: float
    hit80: float
    hit95: float
    error: float
    crps: float

    @property
    def tells(self) -> bool:
        """Whether there are enough to tell how often intervals hold."""
        return self.forecasts >= FEWEST


def record_of(scores: Sequence[Row], campaigns: int = 1) -> TrackRecord | None:
    """The record of some scores; None of none."""
    if not scores:
        return None
    mean = {
        key: float(np.mean([float(s[key]) for s in scores])) for key in ("hit50", "hit80", "hit95", "crps")
    }
    error = float(np.mean([abs(float(s["error"])) for s in scores]))
    return TrackRecord(len(scores), campaigns, error=error, **mean)


def own_record(ledger: Ledger) -> TrackRecord | None:
    """The record of this campaign."""
    return record_of(queries.forecasts.forecast_scores(ledger))


def record_path() -> Path | None:
    """Where the pooled record is; None when it is switched off, or the user has no home."""
    if os.environ.get(SWITCH, "").lower() in ("off", "0", "no"):
        return None
    base = os.environ.get("XDG_DATA_HOME")
    try:
        folder = Path(base) if base else Path.home() / ".local" / "share"
    except RuntimeError:
        return None
    return folder / "curator" / "forecasts.jsonl"


def pooled_scores(path: Path | None) -> list[Row]:
    """Every score of every campaign on file, the last one of each where it was written twice."""
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    found: dict[tuple[Any, ...], Row] = {}
    for line in lines:
        row = _readable(line)
        if row is not None:
            found[row["campaign"], row["made_after"], row["round"]] = row
    return list(found.values())


def _readable(line: str) -> Row | None:
    """A line of the file; None of one that was torn, or written by hand."""
    try:
        row = json.loads(line)
        numbers = {key: float(row[key]) for key in _KEPT}
        if not all(map(math.isfinite, numbers.values())):
            return None
        return {
            "campaign": str(row["campaign"]),
            "made_after": int(row["made_after"]),
            "round": int(row["round"]),
            **numbers,
        }
    except (ValueError, TypeError, KeyError, OverflowError):
        return None


def add_to_pool(path: Path | None, campaign: str, scores: Iterable[Row]) -> None:
    """Append scores to the user's file; a file that cannot be written is no reason to stop."""
    lines = [
        json.dumps(
            {"campaign": campaign, "made_after": s["made_after"], "round": s["round"]}
            | {k: s[k] for k in _KEPT}
        )
        for s in scores
    ]
    if path is None or not lines:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write("\n".join(lines) + "\n")
    except OSError:
        return


def pooled_record(scores: Sequence[Row]) -> TrackRecord | None:
    """The record over all campaigns on file."""
    return record_of(scores, len({s["campaign"] for s in scores}))


def pooled_widths(scores: Sequence[Row]) -> tuple[float, float, float]:
    """Factors on the widths at 1.5, 2 and 4 times the labels, from many campaigns; 1 until there are enough.

    The factor that would have made 80 % of the intervals hold is the 80 % point of the distances (each campaign counts the
    same); of its logarithm a part n / (n + 20) is believed, with n campaigns.
    """
    low = 0.0
    found = []
    for high in _BUCKETS:
        found.append(_width([s for s in scores if low < s["horizon"] <= high]))
        low = high
    return found[0], found[1], found[2]


def _width(scores: Sequence[Row]) -> float:
    by_campaign: dict[str, list[float]] = defaultdict(list)
    for score in scores:
        by_campaign[str(score["campaign"])].append(float(score["distance"]))
    if len(by_campaign) < _FEWEST_CAMPAIGNS or len(scores) < _FEWEST_SCORES:
        return 1.0
    distances = np.concatenate([np.sort(values) for values in by_campaign.values()])
    weights = np.concatenate([np.full(len(values), 1.0 / len(values)) for values in by_campaign.values()])
    order = np.argsort(distances, kind="stable")
    share = np.cumsum(weights[order]) / weights.sum()
    needed = max(float(distances[order][np.searchsorted(share, 0.8)]), 0.01)
    believed = len(by_campaign) / (len(by_campaign) + _SHRINK)
    return float(np.clip(needed**believed, _NARROWEST, _WIDEST))
