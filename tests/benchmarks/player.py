"""What benchmarks play: their sets as tasks of `curator.simulate`, whose player is the loop that ships."""

from typing import Any

import numpy as np
from benchmarks.efficiency.data import DataSet, IntArray

from curator.learner.model import Model, build_model
from curator.simulate.task import Task

# The stand-in for the product's model: about as accurate on frozen embeddings, and quick.
_NAME = "sklearn:linear_model.LogisticRegression"
_PARAMS = {"C": 100.0, "max_iter": 300, "tol": 1e-3}
LOGISTIC: dict[str, Any] = {"model": _NAME, "params": _PARAMS, "model_seeds": 1}  # of a plan


def logistic(n_classes: int, seed: int = 0) -> Model:
    """The same model, not yet trained."""
    return build_model(_NAME, dict(_PARAMS), range(n_classes), 1, seed)


def task_of(data: DataSet, cost: IntArray | None = None) -> Task:
    """A set as a task: its pool may be asked about, its test items measure; `cost` in micro-units, 1 each without."""
    free = np.ones(len(data.pool), dtype=np.int64)
    classes = tuple(str(place) for place in range(data.n_classes))
    return Task(
        data.name, data.pool, data.labels, data.test, data.truth, classes, free if cost is None else cost
    )
