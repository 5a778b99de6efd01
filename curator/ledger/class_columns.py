"""Probabilities of an earlier model, in the columns of today's classes."""

import json

import numpy as np
from numpy.typing import NDArray

from curator.errors import CuratorError
from curator.ledger.class_history import History
from curator.ledger.queries.rounds import config_of_round
from curator.ledger.store import Ledger

FloatArray = NDArray[np.float32]


def columns_now(ledger: Ledger, round_id: int, probs: FloatArray) -> FloatArray:
    """What the model of a measured round said, by today's classes.

    A class that was renamed or merged counts for the one it is now, a new one has no probability; all that a class which
    was split had goes to its first part, so that it stays wrong for every item that never was of it.

    Args:
        ledger: of the campaign.
        round_id: whose model.
        probs: (..., n_classes of then).

    Returns:
        (..., n_classes of now); the same array where nothing changed.

    Raises:
        CuratorError: the columns are not those of the round.
    """
    history = History.read(ledger)
    then = tuple(json.loads(config_of_round(ledger, round_id) or "{}").get("project", {}).get("classes", ()))
    version = history.version_of_model(round_id)
    if not then or not history.changes or (then == history.classes and not history.since(version)):
        return probs
    if probs.shape[-1] != len(then):
        raise CuratorError(
            f"The hold-out probabilities of round {round_id} have {probs.shape[-1]} columns, but the round had "
            f"{len(then)} classes. Restore .curator/models from a backup."
        )
    position = {name: i for i, name in enumerate(history.classes)}
    sums = np.zeros((len(then), len(position)), dtype=probs.dtype)
    for i, name in enumerate(then):
        sums[i, position[history.successor(name, version)]] = 1.0
    found: FloatArray = probs @ sums
    return found
