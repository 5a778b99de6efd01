"""The one line that tells an annotator why an item is asked about."""

import numpy as np
from numpy.typing import NDArray

from strategies.registry import SCORERS

FloatArray = NDArray[np.float32]

CHANCE = "Drawn at random."
AGAIN = "The answers so far disagree: one more is needed."


def why_picked(
    strategy: str, rank: int, probs: FloatArray | None, classes: tuple[str, ...], distance: float | None
) -> str:
    """Why a strategy picked an item, in one sentence.

    Args:
        strategy: that picked it.
        rank: among the picks, 1 = most worth asking.
        probs: (n_classes,) what the model thinks; None = nobody may know (a blind item), or there is no model.
        classes: names of the classes, in the order of `probs`.
        distance: 1 - cosine to the nearest item asked about before; None = there is none.
    """
    if strategy == "random":
        reason = CHANCE.rstrip(".")
    elif strategy in SCORERS:
        reason = "The model is unsure" if probs is None else _unsure(probs, classes)
    else:
        reason = f"Picked by {strategy}"
        if distance is not None:
            reason += f"; the nearest item asked before is {_nearness(distance)} (cosine {1 - distance:.2f})"
        else:
            reason += " to cover the pool"
    return f"{reason}. Number {rank} of its round."


def _unsure(probs: FloatArray, classes: tuple[str, ...]) -> str:
    first, second = np.argsort(-probs, kind="stable")[:2]
    return (
        f"The model wavers between {classes[first]} ({probs[first]:.2f}) and "
        f"{classes[second]} ({probs[second]:.2f})"
    )


def _nearness(distance: float) -> str:
    return "far" if distance > 0.5 else "near" if distance < 0.15 else "some way off"
