"""The streaming score pass: predictions and scores of a pool of any size, one block of rows at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from strategies.errors import StrategyInputError
from strategies.inputs import Predict
from strategies.kernels.fused import FUSED, Device, FusedScorer
from strategies.kernels.linear_head import BLOCK_ROWS, LinearHead
from strategies.kernels.parallel import map_blocks
from strategies.kernels.predict import PREDICT_ROWS
from strategies.kernels.types import FloatArray
from strategies.registry import SCORERS, Scorer, get

PredictMembers = Callable[[FloatArray], FloatArray]
_Block = tuple[slice, FloatArray]

_CUDA_ROWS = 65_536  # 100 MB at 384 columns: enough work to fill a GPU


def score_blocks(
    blocks: Iterable[tuple[int, FloatArray]],
    predict: Predict | LinearHead,
    scorers: Sequence[str],
    n: int,
    *,
    predict_members: PredictMembers | LinearHead | None = None,
    device: Device = "cpu",
) -> dict[str, FloatArray]:
    """Score a pool in one pass; the (n, classes) matrix of the whole pool never exists.

    Args:
        blocks: (first row, embeddings (rows, dim)) pairs in any order that together hold each row once.
        predict: embeddings (rows, dim) -> class probabilities (rows, classes); or a linear head, of which the scores in
            `fused.FUSED` come straight from the logits, within `fused.TOLERANCE` of those of its probabilities.
        scorers: names of scorers.
        n: number of rows in the pool.
        predict_members: embeddings (rows, dim) -> probabilities of each member (n_members, rows, classes), or a linear
            head whose heads are the members; for the scorers that take members.
        device: where a single linear head's fused scores are computed; everything else is computed on the CPU.

    Returns:
        {scorer: (n,) float32 scores, higher = ask first}.

    Raises:
        UnknownStrategyError: no strategy has one of the names.
        StrategyInputError: a name is not a scorer's, a scorer needs members and there are none, a row is missing, there
            twice or outside the pool, or the predictions are not probabilities (the message says of which rows).
    """
    chosen = {name: _scorer(name) for name in scorers}
    _check_members(chosen, predict_members)
    scores: dict[str, FloatArray] = {name: np.empty(n, dtype=np.float32) for name in chosen}
    done = np.zeros(n, dtype=bool)

    def keep(rows: slice, found: Mapping[str, FloatArray]) -> None:
        for name, values in found.items():
            scores[name][rows] = values

    if isinstance(predict, LinearHead) and len(predict.weight) == 1:
        fused = {name for name, scorer in chosen.items() if name in FUSED and scorer is SCORERS[name]}
    else:
        fused = set()
    rest = {name: scorer for name, scorer in chosen.items() if name not in fused}
    straight = FusedScorer(predict, device) if fused and isinstance(predict, LinearHead) else None
    general = _General(rest, predict, predict_members)

    def fused_scores(block: _Block) -> tuple[slice, Mapping[str, FloatArray]]:
        assert straight is not None  # noqa: S101  called only when there is one
        return block[0], _said_where(block, straight.score)

    for first, block in blocks:
        if first < 0 or first + len(block) > n or done[first : first + len(block)].any():
            raise StrategyInputError(
                f"Rows {first} to {first + len(block) - 1} are outside the pool of {n:,} rows or were scored already."
            )
        if straight is not None:
            size = BLOCK_ROWS if device == "cpu" else _CUDA_ROWS
            parts = _parts(first, block, size)
            for rows, found in (
                map_blocks(fused_scores, parts) if device == "cpu" else map(fused_scores, parts)
            ):
                keep(rows, {name: found[name] for name in fused})
        if rest:
            for part in _parts(first, block, PREDICT_ROWS):
                keep(part[0], _said_where(part, general.score))
        done[first : first + len(block)] = True
    if not done.all():
        raise StrategyInputError(
            f"{int((~done).sum()):,} of {n:,} rows were not scored; the first is row {int(done.argmin())}."
        )
    return scores


class _General:
    """Scores of whatever gives probabilities."""

    def __init__(
        self,
        scorers: Mapping[str, Scorer],
        predict: Predict | LinearHead,
        predict_members: PredictMembers | LinearHead | None,
    ) -> None:
        self._of_probs = {name: scorer for name, scorer in scorers.items() if not scorer.members}
        self._of_members = {name: scorer for name, scorer in scorers.items() if scorer.members}
        self._predict = predict.predict if isinstance(predict, LinearHead) else predict
        self._predict_members = (
            predict_members.predict_members if isinstance(predict_members, LinearHead) else predict_members
        )

    def score(self, embeddings: FloatArray) -> dict[str, FloatArray]:
        """{scorer: (rows,)} of one block."""
        found = {}
        if self._of_probs:
            probs = self._predict(embeddings)
            _check_rows(len(probs), len(embeddings))
            found = {name: scorer.score(probs) for name, scorer in self._of_probs.items()}
        if self._of_members and self._predict_members is not None:
            members = self._predict_members(embeddings)
            _check_rows(members.shape[1] if members.ndim == 3 else 0, len(embeddings))
            found |= {name: scorer.score(members) for name, scorer in self._of_members.items()}
        return found


def _parts(first: int, block: FloatArray, size: int) -> Iterator[_Block]:
    for start in range(0, len(block), size):
        part = block[start : start + size]
        yield slice(first + start, first + start + len(part)), part


def _said_where(
    block: _Block, score: Callable[[FloatArray], Mapping[str, FloatArray]]
) -> Mapping[str, FloatArray]:
    rows, embeddings = block
    try:
        return score(embeddings)
    except StrategyInputError as error:
        raise StrategyInputError(f"Pool rows {rows.start} to {rows.stop - 1}: {error}") from error


def _check_rows(predicted: int, asked: int) -> None:
    if predicted != asked:
        raise StrategyInputError(f"The model predicted {predicted} rows for {asked} items.")


def _check_members(chosen: Mapping[str, Scorer], predict_members: object) -> None:
    asking = [name for name, scorer in chosen.items() if scorer.members]
    if asking and predict_members is None:
        raise StrategyInputError(
            f"{', '.join(asking)} compare the members of a committee, and there is none. "
            "Pass predict_members, for example strategies.kernels.committee.dropout_committee of the model."
        )


def _scorer(name: str) -> Scorer:
    strategy = get(name)
    if not isinstance(strategy, Scorer):
        raise StrategyInputError(
            f"{name!r} picks batches as a whole and gives no scores. Leave it out of the score pass."
        )
    return strategy
