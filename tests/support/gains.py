"""The gain of one model over one other, for tests that compare two."""

from curator.evidence.gain import gains
from curator.evidence.outcomes import Outcomes
from curator.evidence.resampling import Resampling


def gain_of(before, after, y, metric="accuracy", *, costs=None, n_bootstrap=2000, seed=0):
    """What `gains` says of a single earlier model; probs are (n_seeds, n_items, n_classes)."""
    draws = Resampling(len(y), n_bootstrap, seed)
    (found,) = gains([Outcomes.of(before, y)], Outcomes.of(after, y), (metric,), draws=draws, costs=costs)
    return found[metric]
