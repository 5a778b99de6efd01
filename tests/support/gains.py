"""The gain of one model over one other, for tests that compare two."""

from curator.evidence.gain import gains
from curator.evidence.metrics import METRICS
from curator.evidence.outcomes import ClassOutcomes
from curator.evidence.resampling import Resampling


def gain_of(before, after, y, metric="accuracy", *, costs=None, n_bootstrap=2000, seed=0):
    """What `gains` says of a single earlier model; probs are (n_seeds, n_items, n_classes)."""
    draws, by = Resampling(len(y), n_bootstrap, seed), METRICS[metric]
    by = by if costs is None else by.with_costs(costs)
    (found,) = gains([ClassOutcomes.of(before, y)], ClassOutcomes.of(after, y), [by], draws=draws)
    return found[metric]
