"""Priors over the families: the vague one, and how one that was learnt (`learnt.py`) is written."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.evidence.forecast.families import JITTERS, Prior
from curator.evidence.forecast.shapes import dictionary

# What is written is a whole number of these, so that the table is short and reads back exactly.
UNIT = 1e-6


@cache
def vague_prior() -> Prior:
    """Each family has the same mass, each shape of a family too, and G is anything up to the error now."""
    families = dictionary().families
    mass = 1.0 / (np.bincount(families)[families] * (families.max() + 1))
    weights = np.repeat(mass[:, None, None] / len(JITTERS), len(JITTERS), axis=1)
    return Prior(weights, np.zeros(1), 0.3)


def prior_from(table: dict[str, Any]) -> Prior:
    """A prior as it is written: gains, gain_sd and, per shape, scatter and gain, weights in units of `UNIT`."""
    counts: NDArray[np.float64] = np.array(table["weights"], dtype=np.float64)
    shape = (len(dictionary().families), len(JITTERS), len(table["gains"]))
    weights = counts.reshape(shape) + UNIT  # no atom is impossible
    return Prior(weights / weights.sum(), np.array(table["gains"]), float(table["gain_sd"]))


def as_table(prior: Prior) -> dict[str, Any]:
    """The inverse of `prior_from`."""
    return {
        "gains": prior.gains.tolist(),
        "gain_sd": prior.gain_sd,
        "weights": np.round(prior.weights / UNIT).astype(int).ravel().tolist(),
    }
