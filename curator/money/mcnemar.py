"""McNemar's test: are two models right equally often, judged by the items on which only one of them is?

Source: Dietterich, "Approximate statistical tests for comparing supervised classification learning algorithms" (1998).
"""

import math

# Below this number of discordant items the normal approximation is not to be trusted.
_EXACT_BELOW = 25


def mcnemar_p(lost: int, won: int) -> float:
    """Two-sided p of McNemar's test of equal accuracy: exact binomial below 25 items, else the corrected normal.

    Args:
        lost: items right before and wrong after.
        won: items wrong before and right after.

    Returns:
        p in (0, 1]; 1 when no item changed.
    """
    changed = lost + won
    if changed < _EXACT_BELOW:
        tail = sum(math.comb(changed, i) for i in range(min(lost, won) + 1)) / 2.0**changed
        return min(1.0, 2.0 * tail)
    z = max(abs(lost - won) - 1.0, 0.0) / math.sqrt(changed)
    return math.erfc(z / math.sqrt(2.0))
