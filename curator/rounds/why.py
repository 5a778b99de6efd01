"""The one line that tells an annotator why an item is asked about."""

import numpy as np
from numpy.typing import NDArray

from strategies.registry import Scorer, Selector, get
from strategies.ties import ranking

FloatArray = NDArray[np.float32]

# The same for the hold-out and for the blind share of the others: nobody can tell the two apart by it.
BLIND = "Asked without a reason, so that nothing sways the answer."
SUGGESTED = "What is ticked is the model's suggestion."
AGAIN = "The answers so far give no label: one more is needed."


def why_picked(
    strategy: str, probs: FloatArray | None, classes: tuple[str, ...], distance: float | None
) -> str:
    """Why a strategy picked an item, in one sentence.

    Args:
        strategy: that picked it.
        probs: (n_classes,) what the model thinks; None = nobody is to know, or there is no model.
        classes: names of the classes, in the order of `probs`.
        distance: 1 - cosine to the nearest item asked about before; None = there is none.
    """
    found = None if ":" in strategy else get(strategy)  # a strategy of modAL has no entry of ours
    unsure = None if probs is None else _unsure(probs, classes)
    if isinstance(found, Scorer) and not found.members and unsure:
        return f"The model {unsure}."
    parts = [found.reason if found is not None and found.reason else f"Chosen by {strategy}"]
    if unsure and (isinstance(found, Scorer) or (found is not None and _asks_model(found))):
        parts.append(f"the model {unsure}")
    if distance is not None and not isinstance(found, Scorer) and not (found and found.uniform):
        parts.append(f"the nearest item asked before is {_nearness(distance)} (cosine {1 - distance:.2f})")
    return f"{'; '.join(parts)}."


def _asks_model(selector: Selector) -> bool:
    return bool({"uncertainty", "predict"} & {*selector.needs, *selector.uses})


def _unsure(probs: FloatArray, classes: tuple[str, ...]) -> str:
    first, second = ranking(probs)[:2]
    return f"wavers between {classes[first]} ({probs[first]:.2f}) and {classes[second]} ({probs[second]:.2f})"


def _nearness(distance: float) -> str:
    return "far" if distance > 0.5 else "near" if distance < 0.15 else "some way off"
