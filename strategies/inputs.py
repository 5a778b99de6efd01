"""What a strategy may look at beside embeddings, and whom it may tell something; a selector names what it needs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from strategies.errors import StrategyInputError
from strategies.kernels.checks import weights_among
from strategies.kernels.kept_distances import DistanceMemory
from strategies.kernels.neighbours import Neighbours
from strategies.kernels.types import FloatArray, IntArray

Need = Literal["uncertainty", "predict", "neighbours", "tell", "distances"]
Predict = Callable[[FloatArray], FloatArray]
Tell = Callable[[str], None]


def say_nothing(_sentence: str) -> None:
    """Default for callers that want no messages."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is known about the candidates.

    Attributes:
        uncertainty: (n,) in [0, 1], 1 = an exact tie of the two likeliest classes: the margin score.
        predict: embeddings (m, dim) -> probabilities (m, classes) of the newest model.
        neighbours: the nearest candidates of each candidate.
        tell: takes a sentence for a person: where a choice is approximate, by how much.
        weights: (n,) >= 0, what choosing each is worth against the others (a cheap item more); None: all the same.
        distances: of the candidates to what is labeled, kept from batch to batch; for a strategy that chooses alone, and
            for its first choice, before near-duplicates are replaced.
    """

    uncertainty: FloatArray | None = None
    predict: Predict | None = None
    neighbours: Neighbours | None = None
    tell: Tell = say_nothing
    weights: FloatArray | None = None
    distances: DistanceMemory | None = None

    def take(self, positions: IntArray) -> "Inputs":
        """The same for some of the candidates, without kept distances; where all have weight 0, without weights."""
        return replace(
            self,
            uncertainty=None if self.uncertainty is None else self.uncertainty[positions],
            neighbours=None if self.neighbours is None else self.neighbours.take(positions),
            weights=weights_among(self.weights, positions),
            distances=None,
        )

    def for_needs(
        self, needs: tuple[Need, ...], strategy: str, uses: tuple[Need, ...] = ()
    ) -> dict[str, object]:
        """The keyword arguments of a selector with these needs; `uses` only where they are there.

        Raises:
            StrategyInputError: one is missing.
        """
        found: dict[str, object] = {need: getattr(self, need) for need in needs}
        missing = [need for need, value in found.items() if value is None]
        if missing:
            raise StrategyInputError(
                f"{strategy!r} needs {', '.join(missing)}. Uncertainty and predict come from a model: before there is one, "
                "choose the batch with a strategy that needs none, such as maxherding. Neighbours come from "
                "strategies.kernels.neighbour_graph.build."
            )
        there = {use: getattr(self, use) for use in uses}
        return {**found, **{use: value for use, value in there.items() if value is not None}}


def check_uncertainty(uncertainty: FloatArray, n: int) -> FloatArray:
    """Check the uncertainty of candidates.

    Args:
        uncertainty: (n,) in [0, 1].
        n: number of candidates.

    Returns:
        The same as float32.

    Raises:
        StrategyInputError: wrong shape, or a value that is not in [0, 1].
    """
    values = np.asarray(uncertainty, dtype=np.float32)
    if values.shape != (n,):
        raise StrategyInputError(f"Uncertainty must have shape ({n},), one per item, not {values.shape}.")
    bad = np.flatnonzero(~((values >= 0.0) & (values <= 1.0)))
    if len(bad):
        raise StrategyInputError(
            f"{len(bad):,} of {n:,} uncertainties are not in [0, 1]; first is item {bad[0]}: {values[bad[0]]}."
        )
    return values
