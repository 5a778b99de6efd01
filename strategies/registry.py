"""All strategies by name: ours in two plain dicts, those of third parties by entry points.

A strategy of ours is its file and its line here. A third party registers a `Scorer` or a `Selector` under the entry
point group `curator.strategies`, under the strategy's name:

    [project.entry-points."curator.strategies"]
    my-strategy = "my_package.my_module:MY_STRATEGY"
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

import numpy as np

from strategies import coverage, entropy, least_confidence, margin, maxherding, random_
from strategies._types import FloatArray, IntArray
from strategies.errors import StrategyError, UnknownStrategyError

GROUP = "curator.strategies"


class SelectFunction(Protocol):
    """What a selector does: candidates in, a batch of positions out, best first."""

    def __call__(
        self,
        embeddings: FloatArray,
        k: int,
        *,
        labeled: FloatArray | None,
        weights: FloatArray | None,
        rng: np.random.Generator,
    ) -> IntArray:
        """(k,) distinct positions into `embeddings` (n, dim)."""
        ...


@dataclass(frozen=True, slots=True)
class Scorer:
    """A strategy that scores each item by itself: `score(probs) -> (n,)`, higher = ask first."""

    name: str
    score: Callable[[FloatArray], FloatArray]
    summary: str


@dataclass(frozen=True, slots=True)
class Selector:
    """A strategy that picks a batch as a whole, from embeddings.

    Attributes:
        uniform: every candidate is as likely as any other, so the inclusion probability is k / n.
    """

    name: str
    select: SelectFunction
    summary: str
    uniform: bool = False


SCORERS = {
    "entropy": Scorer("entropy", entropy.score, "the most spread predictions, over all classes"),
    "margin": Scorer("margin", margin.score, "the closest race between the two most likely classes"),
    "least_confidence": Scorer("least_confidence", least_confidence.score, "the least likely best guess"),
}
SELECTORS = {
    "random": Selector(
        "random", random_.select, "chance: the yardstick, unbiased for estimates", uniform=True
    ),
    "coverage": Selector(
        "coverage", coverage.select, "k-center greedy: the farthest from everything labeled"
    ),
    "maxherding": Selector(
        "maxherding", maxherding.select, "cover the pool where it is dense: a good first batch"
    ),
}


def names() -> tuple[str, ...]:
    """The names of all strategies, ours first; loads no third party's code."""
    return (*SCORERS, *SELECTORS, *sorted(_third_party()))


def get(name: str) -> Scorer | Selector:
    """Find a strategy.

    Args:
        name: as listed by `names()`.

    Returns:
        The scorer or selector.

    Raises:
        UnknownStrategyError: no such name; the message lists the known ones.
        StrategyError: a third party's strategy cannot be loaded; the message names its distribution.
    """
    if name in SCORERS:
        return SCORERS[name]
    if name in SELECTORS:
        return SELECTORS[name]
    third_party = _third_party()
    if name in third_party:
        return _load(third_party[name])
    known = names()
    close = get_close_matches(name, known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise UnknownStrategyError(f"No strategy is called {name!r}.{hint} There are: {', '.join(known)}.")


def _third_party() -> dict[str, EntryPoint]:
    """Entry points by name. Ours cannot be replaced, so a name of ours is an error and not a surprise."""
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        if point.name in SCORERS or point.name in SELECTORS or point.name in found:
            raise StrategyError(
                f"Two strategies are called {point.name!r}; one is of {_distribution(point)}. "
                "Uninstall it or ask its author for another name."
            )
        found[point.name] = point
    return found


def _load(point: EntryPoint) -> Scorer | Selector:
    try:
        strategy = point.load()
    except Exception as error:  # someone else's module may fail in any way
        raise StrategyError(
            f"Strategy {point.name!r} of {_distribution(point)} cannot be loaded from {point.value!r}: "
            f"{type(error).__name__}: {error}. Update or uninstall it."
        ) from error
    if not isinstance(strategy, Scorer | Selector):
        raise StrategyError(
            f"Strategy {point.name!r} of {_distribution(point)} is a {type(strategy).__name__}; "
            f"{point.value!r} must be a strategies.registry.Scorer or Selector."
        )
    return strategy


def _distribution(point: EntryPoint) -> str:
    return f"distribution {point.dist.name!r}" if point.dist else "an unknown distribution"
