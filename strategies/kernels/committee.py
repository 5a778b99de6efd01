"""A committee made of one model: each member sees the embeddings through a mask of its own.

The default head is the minimum of a convex function, so training it again gives the same head, and retrained members would
agree on everything. Masking columns of a frozen embedding at prediction time is MC dropout at the input (Gal & Ghahramani,
"Dropout as a Bayesian Approximation", ICML 2016; one mask for all items, so that a member is one consistent model: Kirsch,
van Amersfoort & Gal, "BatchBALD", NeurIPS 2019), used on frozen embeddings by DropQuery (Gupte et al., TMLR 2024).

With rate 0 all members coincide and every disagreement is 0; so it is for an item whose prediction rests on no column
that any mask drops (a row of zeros, or one whose class is certain by far).
"""

from collections.abc import Callable
from typing import overload

import numpy as np

from strategies.errors import StrategyInputError
from strategies.inputs import Predict
from strategies.kernels.linear_head import LinearHead
from strategies.kernels.types import FloatArray

MEMBERS = 10
RATE = 0.5


@overload
def dropout_committee(
    model: LinearHead, dim: int, *, members: int = ..., rate: float = ..., rng: np.random.Generator
) -> LinearHead: ...


@overload
def dropout_committee(
    model: Predict, dim: int, *, members: int = ..., rate: float = ..., rng: np.random.Generator
) -> Callable[[FloatArray], FloatArray]: ...


def dropout_committee(
    model: Predict | LinearHead,
    dim: int,
    *,
    members: int = MEMBERS,
    rate: float = RATE,
    rng: np.random.Generator,
) -> LinearHead | Callable[[FloatArray], FloatArray]:
    """Make a committee for the score pass; its masks are drawn here, once, and are the same for every block.

    Args:
        model: embeddings (rows, dim) -> probabilities (rows, classes), or a linear head.
        dim: width of the embeddings.
        members: how many, at least 2.
        rate: share of columns that a member does not see, 0 to below 1; what is left is scaled by 1 / (1 - rate).
        rng: draws the masks.

    Returns:
        What `score_blocks` takes as `predict_members`: of a callable, embeddings (rows, dim) -> (members, rows, classes);
        of a linear head, the linear head whose heads are the members.

    Raises:
        StrategyInputError: fewer than two members, or a rate that cannot be.
    """
    if members < 2:
        raise StrategyInputError(f"A committee has at least 2 members, not {members}.")
    if not 0.0 <= rate < 1.0:
        raise StrategyInputError(f"The rate of dropout is in [0, 1), not {rate}.")
    drawn = dropout_masks(dim, members, rate, rng)
    if isinstance(model, LinearHead):
        return model.masked(drawn)
    predict = model

    def predict_members(embeddings: FloatArray) -> FloatArray:
        return np.stack([predict(embeddings * mask) for mask in drawn])

    return predict_members


def dropout_masks(dim: int, members: int, rate: float, rng: np.random.Generator) -> FloatArray:
    """Draw the masks of a committee.

    Args:
        dim: width of the embeddings.
        members: how many masks.
        rate: in [0, 1): the probability with which a column is dropped.
        rng: draws.

    Returns:
        (members, dim) float32, to be multiplied with embeddings: 0 where a column is dropped, 1 / (1 - rate) elsewhere, so
        that the mean of a product stays what it was.
    """
    kept = rng.random((members, dim)) >= rate
    return (kept / (1.0 - rate)).astype(np.float32)
