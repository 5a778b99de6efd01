"""The checks on what strategies are given, each written once.

Checks run block by block, right before the block is used: while it is in the processor's cache a check is nearly free.
"""

import numpy as np
from numpy.typing import NDArray

from strategies.errors import StrategyInputError
from strategies.kernels.types import FloatArray, IntArray

# 2,048 rows of 77 float32 probabilities are 0.6 MB and stay in the second-level cache: 2 x faster than one big block.
_BLOCK_ROWS = 2_048
SUM_TOLERANCE = 1e-3


def check_prob_shape(probs: FloatArray) -> None:
    """Check that probabilities are a float matrix with at least two columns; looks at no number in it.

    Args:
        probs: (n_items, n_classes).

    Raises:
        StrategyInputError: something else, or fewer than two classes.
    """
    if not isinstance(probs, np.ndarray) or probs.ndim != 2 or not np.issubdtype(probs.dtype, np.floating):
        raise StrategyInputError(
            f"Probabilities must be a float array (items, classes), not {_what(probs)}. Pass what predict_proba returns."
        )
    if probs.shape[1] < 2:
        raise StrategyInputError(
            f"Probabilities must have at least two classes (columns), not {probs.shape[1]}. "
            "With one class there is nothing to be unsure about: label items of a second class first."
        )


def check_probs(probs: FloatArray) -> None:
    """Check that every row is a probability vector over at least two classes.

    Args:
        probs: (n_items, n_classes) class probabilities. They are not copied, save float16, which is widened by the block.

    Raises:
        StrategyInputError: says how many rows are not probabilities, which is first, why, and what to do.
    """
    check_prob_shape(probs)
    ones = np.ones(probs.shape[1], dtype=np.float32 if probs.dtype == np.float16 else probs.dtype)
    for start in range(0, len(probs), _BLOCK_ROWS):
        block = probs[start : start + _BLOCK_ROWS].astype(ones.dtype, copy=False)
        # A NaN or an infinity makes its row's sum fail the comparison, so finiteness needs no pass of its own.
        off = np.abs(block @ ones - 1.0)
        if not (off <= SUM_TOLERANCE).all() or block.min() < 0.0:
            refuse_bad_rows(probs)


def check_embeddings(embeddings: FloatArray, what: str = "Embeddings") -> None:
    """Check that embeddings are a finite float matrix.

    Args:
        embeddings: (n_items, dim).
        what: how the message calls them.

    Raises:
        StrategyInputError: not a float matrix, no columns, or a row with NaN or infinity.
    """
    check_embedding_shape(embeddings, what)
    bad, first = 0, -1
    ones = np.ones(embeddings.shape[1], dtype=np.result_type(embeddings, np.float32))
    for start in range(0, len(embeddings), _BLOCK_ROWS):
        block = embeddings[start : start + _BLOCK_ROWS]
        # A sum over NaN or infinity is not finite, and sums are 4 x faster than a look at each number.
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(block @ ones).all():
                continue
        finite = np.isfinite(block).all(axis=1)
        if not finite.all():
            first = start + int(finite.argmin()) if not bad else first
            bad += int((~finite).sum())
    if bad:
        raise StrategyInputError(
            f"{bad:,} of {len(embeddings):,} rows of {what[0].lower()}{what[1:]} hold NaN or infinity; first is row {first}. "
            "Embed these items again, or remove them."
        )


def check_embedding_shape(embeddings: FloatArray, what: str = "Embeddings") -> None:
    """Check that embeddings are a float matrix with columns; looks at no number in it.

    Args:
        embeddings: (n_items, dim).
        what: how the message calls them.

    Raises:
        StrategyInputError: something else.
    """
    if (
        not isinstance(embeddings, np.ndarray)
        or embeddings.ndim != 2
        or embeddings.shape[1] == 0
        or not np.issubdtype(embeddings.dtype, np.floating)
    ):
        raise StrategyInputError(f"{what} must be a float array (items, dim), not {_what(embeddings)}.")


def check_labeled(labeled: FloatArray | None, dim: int) -> FloatArray | None:
    """Check the embeddings of what is labeled against the width of the candidates.

    Args:
        labeled: (m, dim), or None.
        dim: width of the candidates' embeddings.

    Returns:
        `labeled`, or None when it has no rows: nothing labeled and None mean the same.

    Raises:
        StrategyInputError: not a finite float matrix, or another width.
    """
    if labeled is None or (isinstance(labeled, np.ndarray) and labeled.ndim == 2 and len(labeled) == 0):
        return None
    check_embeddings(labeled, "Embeddings of labeled items")
    if labeled.shape[1] != dim:
        raise StrategyInputError(
            f"Labeled items have {labeled.shape[1]} embedding columns, the pool has {dim}. Use one encoder for both."
        )
    return labeled


def check_weights(weights: FloatArray | None, n: int) -> FloatArray | None:
    """Check the weights of a selector.

    Args:
        weights: (n,) finite and >= 0, or None for equal weights.
        n: number of candidates.

    Returns:
        `weights` as float64, or None when all are equal (only ratios matter, so equal weights are no weights).

    Raises:
        StrategyInputError: wrong shape, NaN, infinity, negative, or all zero.
    """
    if weights is None:
        return None
    array = np.asarray(weights, dtype=np.float64)
    if array.shape != (n,):
        raise StrategyInputError(f"Weights must have shape ({n},), one per item, not {array.shape}.")
    bad = np.flatnonzero(~(np.isfinite(array) & (array >= 0)))
    if len(bad):
        raise StrategyInputError(
            f"{len(bad):,} of {n:,} weights are not finite numbers >= 0; first is weight {bad[0]}: {array[bad[0]]}."
        )
    if n and not array.any():
        raise StrategyInputError(
            f"All {n:,} weights are zero. Give at least one item a positive weight, or pass None."
        )
    return None if n and (array == array[0]).all() else array


def weights_among(weights: FloatArray | None, positions: IntArray) -> FloatArray | None:
    """The weights of some items.

    Args:
        weights: (n,) as `check_weights` returned them, or None for equal weights.
        positions: (m,) of the items.

    Returns:
        (m,) their weights; None when all of them are zero: then nothing is worth more than the rest.
    """
    some = None if weights is None else weights[positions]
    return some if some is not None and some.any() else None


def check_k(k: int, n: int) -> None:
    """Check the size of a batch.

    Args:
        k: how many items to pick.
        n: how many there are.

    Raises:
        StrategyInputError: k below 1 or above n.
    """
    if k < 1:
        raise StrategyInputError(f"Asked for {k} items; a batch has at least 1.")
    if k > n:
        raise StrategyInputError(
            f"Asked for {k:,} items, {n:,} are unlabeled. Ask for at most {n:,} or add items to the pool."
        )


def _what(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of shape {value.shape}"
    return type(value).__name__


def refuse_bad_rows(probs: FloatArray) -> None:
    """Say all about rows that are not probabilities: a pass of its own, for when a quick check has found something.

    Args:
        probs: (n_items, n_classes).

    Raises:
        StrategyInputError: how many rows are not probabilities, which is first, why, and what to do. Nothing happens when
            all are: a quick check may take -0.0 for a negative number.
    """
    bad, first, why = 0, -1, ""
    for start in range(0, len(probs), _BLOCK_ROWS):
        block: FloatArray = probs[start : start + _BLOCK_ROWS].astype(np.float64)
        finite: NDArray[np.bool_] = np.asarray(np.isfinite(block).all(axis=1))
        sums = np.where(finite[:, None], block, 0.0).sum(axis=1)
        wrong: NDArray[np.bool_] = (
            ~finite
            | (np.abs(sums - 1.0) > SUM_TOLERANCE)
            | (np.where(finite[:, None], block, 0.0) < 0.0).any(axis=1)
        )
        if wrong.any() and not bad:
            row = int(wrong.argmax())
            first = start + row
            if not finite[row]:
                why = "it holds NaN or infinity"
            elif (block[row] < 0.0).any():
                why = f"smallest value={block[row].min():.4g}"
            else:
                why = f"sum={sums[row]:.4g}"
        bad += int(wrong.sum())
    if bad:
        raise StrategyInputError(
            f"{bad:,} of {len(probs):,} rows are not probabilities; first is row {first}: {why}. "
            "Pass softmax output, not logits."
        )
