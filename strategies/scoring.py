"""The streaming score pass: predictions and scores of a pool of any size, one block of rows at a time."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from strategies._types import FloatArray
from strategies.errors import StrategyInputError
from strategies.registry import Scorer, get

# What `predict` sees at a time: 8,192 rows of 77 classes are 2.5 MB of probabilities.
_PREDICT_ROWS = 8_192


def score_blocks(
    blocks: Iterable[tuple[int, FloatArray]],
    predict: Callable[[FloatArray], FloatArray],
    scorers: Sequence[str],
    n: int,
) -> dict[str, FloatArray]:
    """Score a pool in one pass; the (n, classes) matrix of the whole pool never exists.

    Args:
        blocks: (first row, embeddings (rows, dim)) pairs in any order that together hold each row once.
        predict: embeddings (rows, dim) -> class probabilities (rows, classes).
        scorers: names of scorers.
        n: number of rows in the pool.

    Returns:
        {scorer: (n,) float32 scores, higher = ask first}.

    Raises:
        UnknownStrategyError: no strategy has one of the names.
        StrategyInputError: a name is not a scorer's, a row is missing, there twice or outside the pool, or the
            predictions are not probabilities (the message says of which rows).
    """
    chosen = {name: _scorer(name) for name in scorers}
    scores: dict[str, FloatArray] = {name: np.empty(n, dtype=np.float32) for name in chosen}
    done = np.zeros(n, dtype=bool)
    for first, block in blocks:
        if first < 0 or first + len(block) > n or done[first : first + len(block)].any():
            raise StrategyInputError(
                f"Rows {first} to {first + len(block) - 1} are outside the pool of {n:,} rows or were scored already."
            )
        for start in range(0, len(block), _PREDICT_ROWS):
            part = block[start : start + _PREDICT_ROWS]
            rows = slice(first + start, first + start + len(part))
            probs = predict(part)
            if len(probs) != len(part):
                raise StrategyInputError(f"The model predicted {len(probs)} rows for {len(part)} items.")
            for name, scorer in chosen.items():
                try:
                    scores[name][rows] = scorer.score(probs)
                except StrategyInputError as error:
                    raise StrategyInputError(f"Pool rows {rows.start} to {rows.stop - 1}: {error}") from error
            done[rows] = True
    if not done.all():
        raise StrategyInputError(
            f"{int((~done).sum()):,} of {n:,} rows were not scored; the first is row {int(done.argmin())}."
        )
    return scores


def _scorer(name: str) -> Scorer:
    strategy = get(name)
    if not isinstance(strategy, Scorer):
        raise StrategyInputError(
            f"{name!r} picks batches as a whole and gives no scores. Leave it out of the score pass."
        )
    return strategy
