"""Mixtures: several strategies share one batch, {"entropy": 0.3, "margin": 0.3, "coverage": 0.4}."""

from collections.abc import Mapping, Sequence
from math import floor, isclose, isfinite

from strategies.errors import StrategyInputError


def shares_of(spec: str | Mapping[str, float]) -> dict[str, float]:
    """The strategies of a batch and their shares.

    Args:
        spec: the name of one strategy, or {name: share} with shares above 0 that add up to 1.

    Returns:
        {name: share}, in the order given.

    Raises:
        StrategyInputError: no strategy, a share that is not above 0, or shares that do not add up to 1.
    """
    if isinstance(spec, str):
        return {spec: 1.0}
    if not spec:
        raise StrategyInputError('A mixture needs at least one strategy, for example {"margin": 1.0}.')
    wrong = {name: share for name, share in spec.items() if not (isfinite(share) and share > 0)}
    if wrong:
        listed = ", ".join(f"{name} = {share}" for name, share in wrong.items())
        raise StrategyInputError(
            f"Shares of a mixture must be above 0; these are not: {listed}. Leave them out."
        )
    total = sum(spec.values())
    if not isclose(total, 1.0, abs_tol=1e-6):
        raise StrategyInputError(
            f"The shares of a mixture must add up to 1; {', '.join(spec)} add up to {total:g}. Change one of them."
        )
    return dict(spec)


def quotas(shares: Mapping[str, float], k: int) -> dict[str, int]:
    """Split k picks by shares, by the method of the largest remainder.

    Args:
        shares: {name: share}, adding up to 1.
        k: size of the batch.

    Returns:
        {name: picks}, adding up to k, each within 1 of its exact share; of equal remainders the first named wins.
    """
    # 0.3 * 10 is 3.0000000000000004 or 2.9999999999999996 depending on the shares: neither is a remainder.
    exact = {name: round(share * k, 9) for name, share in shares.items()}
    counts = {name: floor(value) for name, value in exact.items()}
    by_remainder = sorted(shares, key=lambda name: counts[name] - exact[name])
    for name in by_remainder[: k - sum(counts.values())]:
        counts[name] += 1
    return counts


def interleave(counts: Mapping[str, int]) -> Sequence[str]:
    """Order the picks of several strategies so that every beginning of the batch respects their shares.

    Args:
        counts: {name: picks}.

    Returns:
        One name per pick. Whoever is furthest behind its share comes next; of equals the first named.
    """
    total = sum(counts.values())
    given = dict.fromkeys(counts, 0)
    order: list[str] = []
    for place in range(1, total + 1):
        # In whole numbers (times `total`), so that rounding never decides.
        waiting = [name for name in counts if given[name] < counts[name]]
        name = max(waiting, key=lambda name: counts[name] * place - given[name] * total)
        given[name] += 1
        order.append(name)
    return order
