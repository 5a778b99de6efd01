"""All strategies by name: ours in two plain dicts, those of third parties by entry points.

A strategy of ours is its file and its line here. A third party registers a `Scorer` or a `Selector` under the entry
point group `curator.strategies`, under the strategy's name:

    [project.entry-points."curator.strategies"]
    my-strategy = "my_package.my_module:MY_STRATEGY"
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol

import numpy as np

from strategies.errors import StrategyError, UnknownStrategyError
from strategies.inputs import Need
from strategies.kernels.types import FloatArray, IntArray

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
        **needed: Any,
    ) -> IntArray:
        """(k,) distinct positions into `embeddings` (n, dim).

        `weights` (n,): what choosing each item is worth against the others. `needed`: what the selector's `needs`
        name, see `strategies.inputs`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Scorer:
    """A strategy that scores each item by itself: `score(probs) -> (n,)`, higher = ask first.

    Attributes:
        members: `score` takes the probabilities of a committee (n_members, n, n_classes) instead of (n, n_classes).
        takes: the predictions that it scores: "probs", or what another kind of label predicts.
        reason: why an item is picked, for a person who is to label it; "" = only the name is said.
    """

    name: str
    score: Callable[[FloatArray], FloatArray]
    summary: str
    members: bool = False
    takes: str = "probs"
    reason: str = ""

    @property
    def reads_predictions(self) -> bool:
        """Always."""
        return True


@dataclass(frozen=True, slots=True)
class Selector:
    """A strategy that picks a batch as a whole, from embeddings.

    Attributes:
        uniform: every candidate is as likely as any other, so the inclusion probability is k / n.
        needs: what `select` takes beside embeddings, as keyword arguments of these names.
        uses: what it takes as well where it is there, but can do without.
        takes: the predictions that it reads, where it needs `predict`; as of a `Scorer`.
        reason: as of a `Scorer`.
    """

    name: str
    select: Callable[..., IntArray]  # a `SelectFunction` that takes exactly what it needs
    summary: str
    uniform: bool = False
    needs: tuple[Need, ...] = ()
    uses: tuple[Need, ...] = ()
    takes: str = "probs"
    reason: str = ""

    @property
    def reads_predictions(self) -> bool:
        """Whether it looks at predictions, and so fits only what predicts them; uncertainty is the same for all."""
        return "predict" in self.needs


def _of(module: str, function: str) -> Callable[..., Any]:
    """A strategy's function, whose module is loaded when it is called: some load numba, which listing them need not."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(import_module(f"strategies.{module}"), function)(*args, **kwargs)

    return call


SCORERS = {
    "entropy": Scorer(
        "entropy",
        _of("entropy", "score"),
        "the most spread predictions, over all classes",
        reason="The model is unsure",
    ),
    "margin": Scorer(
        "margin",
        _of("margin", "score"),
        "the closest race between the two most likely classes",
        reason="The model is unsure",
    ),
    "least_confidence": Scorer(
        "least_confidence",
        _of("least_confidence", "score"),
        "the least likely best guess",
        reason="The model is unsure",
    ),
    "vote_entropy": Scorer(
        "vote_entropy",
        _of("vote_entropy", "score"),
        "a committee's votes are spread the most",
        reason="Several versions of the model disagree",
        members=True,
    ),
    "bald": Scorer(
        "bald",
        _of("bald", "score"),
        "the members of a committee are each sure, and differ",
        reason="Several versions of the model disagree",
        members=True,
    ),
}
SELECTORS = {
    "auto": Selector(
        "auto",
        _of("auto", "select"),
        "the default: cover the pool first, then its most uncertain part",
        reason="It represents many items the model is unsure about",
        uses=("uncertainty", "tell"),
    ),
    "random": Selector(
        "random",
        _of("random_", "select"),
        "chance: the yardstick, and unbiased for estimates",
        reason="Drawn at random",
        uniform=True,
    ),
    "coverage": Selector(
        "coverage",
        _of("coverage", "select"),
        "k-center greedy: the farthest from everything labeled",
        reason="Chosen so that every kind of item gets asked about",
        uses=("distances",),
    ),
    "maxherding": Selector(
        "maxherding",
        _of("maxherding", "select"),
        "cover the pool where it is dense: a good first batch",
        reason="Chosen so that every kind of item gets asked about",
        uses=("neighbours", "tell"),
    ),
    "uncertainty_herding": Selector(
        "uncertainty_herding",
        _of("uncertainty_herding", "select"),
        "cover what the model is unsure of: broad while labels are few, then where classes meet",
        reason="The model is unsure about many items like this one",
        needs=("uncertainty",),
        uses=("neighbours", "tell"),
    ),
    "typiclust": Selector(
        "typiclust",
        _of("typiclust", "select"),
        "the most typical item of each large cluster without a label",
        reason="It is typical of many unlabeled items",
    ),
    "probcover": Selector(
        "probcover",
        _of("probcover", "select"),
        "the items whose neighbourhoods of a single predicted class cover most of the pool",
        reason="Many items are close to this one",
    ),
    "facility_location": Selector(
        "facility_location",
        _of("facility_location", "select"),
        "every item has a similar pick: the best summary",
        reason="It represents many similar items",
    ),
    "badge": Selector(
        "badge",
        _of("badge", "select"),
        "unsure and different, by the gradients the model would get",
        reason="The model would learn a lot from it",
        needs=("predict",),
    ),
    "margin_kmeans": Selector(
        "margin_kmeans",
        _of("margin_kmeans", "select"),
        "the centres of clusters of the most uncertain items",
        reason="It is in the middle of a group of items the model is unsure about",
        needs=("uncertainty",),
    ),
    "dropquery": Selector(
        "dropquery",
        _of("dropquery", "select"),
        "the centres of clusters of items that change class when columns are dropped",
        reason="The model changes its mind when part of the item is hidden",
        needs=("predict",),
    ),
    "ranked_batch": Selector(
        "ranked_batch",
        _of("ranked_batch", "select"),
        "items unlike anything labeled first, uncertain ones more and more",
        reason="It is new to the model, which is unsure about it",
        needs=("uncertainty",),
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
