"""Predictions for selectors that ask the model, checked like those that scorers get."""

import numpy as np

from strategies.errors import StrategyInputError
from strategies.inputs import Predict
from strategies.kernels.checks import check_probs
from strategies.kernels.types import FloatArray

PREDICT_ROWS = 8_192  # rows handed to the model at a time: 2.5 MB of probabilities at 77 classes


def predict_checked(predict: Predict, rows: FloatArray) -> FloatArray:
    """Class probabilities of some rows.

    Args:
        predict: embeddings (m, dim) -> probabilities (m, classes).
        rows: (m, dim); the caller keeps m small.

    Returns:
        (m, classes) float32 or float64.

    Raises:
        StrategyInputError: not one row of probabilities per item.
    """
    probs = predict(rows)
    if isinstance(probs, np.ndarray) and len(probs) != len(rows):
        raise StrategyInputError(f"The model predicted {len(probs)} rows for {len(rows)} items.")
    check_probs(probs)
    return probs
