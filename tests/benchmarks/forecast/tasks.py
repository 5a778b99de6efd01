"""The back-test's questions: what is seen of a campaign, and what came of it.

The protocol: m = 4, 6 and 8 rounds seen, horizons 1.5, 2 and 4 times the labels seen; the forecast sees the metric on a fixed
hold-out, the truth is the metric on the largest one there is, between two rounds interpolated in labels.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from benchmarks.forecast.curves import Campaign, FloatArray

from curator.evidence.forecast.seen import HORIZONS

ROUNDS_SEEN = (4, 6, 8)


@dataclass(frozen=True, eq=False)  # told apart by identity, for what is kept of each
class Task:
    """One forecast to make, and its answer.

    Attributes:
        dataset: of the campaign, however it was changed.
        kind: of the data set.
        labels, values: (m,) the rounds seen.
        n_holdout: items of the hold-out that they were measured on.
        at: label counts asked for, by horizon; only those that the campaign reached.
        truths: the metric that was reached there.
    """

    dataset: str
    kind: str
    labels: FloatArray
    values: FloatArray
    n_holdout: int
    at: dict[float, float]
    truths: dict[float, float]


def tasks_of(campaigns: Iterable[Campaign], size: int | None) -> list[Task]:
    """All tasks of the protocol on a hold-out of `size` items (None: the largest of each campaign)."""
    found = []
    for campaign in campaigns:
        if size is not None and not campaign.has(size):
            continue
        seen, truth = campaign.seen(size), campaign.truth
        for m in ROUNDS_SEEN:
            if m >= len(seen.labels):
                continue
            now = seen.labels[m - 1]
            at = {h: h * now for h in HORIZONS if h * now <= truth.labels[-1]}
            if at:
                truths = {h: float(np.interp(n, truth.labels, truth.values)) for h, n in at.items()}
                name = campaign.dataset.partition("/")[0]
                found.append(
                    Task(name, campaign.kind, seen.labels[:m], seen.values[:m], seen.n_holdout, at, truths)
                )
    return found


def sizes_of(campaigns: Iterable[Campaign]) -> list[int]:
    """Hold-out sizes that are not the largest of their campaign, smallest first."""
    return sorted({curve.n_holdout for campaign in campaigns for curve in campaign.curves[:-1]})
