"""From strategies to a batch: the one place that ranks, shares out, and keeps near-duplicates apart."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from strategies.errors import StrategyInputError
from strategies.inputs import Inputs, say_nothing
from strategies.kernels import ties
from strategies.kernels.checks import check_k, check_labeled, check_weights
from strategies.kernels.distinct import ArrayCandidates, Candidates, DistinctPicks
from strategies.kernels.types import FloatArray, IntArray
from strategies.mixture import interleave, quotas, shares_of
from strategies.registry import Scorer, Selector, get

Proposer = Callable[[int], IntArray]


@dataclass(frozen=True, slots=True)
class Batch:
    """The items to ask about, best first.

    Attributes:
        positions: (k,) distinct positions of the candidates.
        strategy: (k,) the name of the strategy that chose each.
        score: (k,) the score for which it was chosen, in that strategy's unit; NaN where a strategy has no scores.
        probability: (k,) the probability with which it was drawn: known for a uniform draw, NaN elsewhere. Rejecting
            near-duplicates of earlier draws and of what is labeled, and rows of zeros, is not part of it.
    """

    positions: IntArray
    strategy: tuple[str, ...]
    score: FloatArray
    probability: FloatArray


@dataclass(frozen=True, slots=True)
class _Part:
    """One strategy's part of a batch; exactly one of scorer, selector and proposer is set."""

    name: str
    scorer: Scorer | None = None
    selector: Selector | None = None
    proposer: Proposer | None = None

    @property
    def turn(self) -> int:
        """Who chooses first.

        Uniform draws, while every candidate is still there, so that their probability is known. Then what ranks items
        one by one. Selectors last: they count what was chosen before as labeled and complement it.
        """
        if self.selector is None:
            return 1
        return 0 if self.selector.uniform else 2


def choose_batch(
    spec: str | Mapping[str, float],
    *,
    k: int,
    embeddings: Candidates | FloatArray,
    scores: Mapping[str, FloatArray],
    labeled: FloatArray | None,
    rng: np.random.Generator,
    duplicate_cosine: float = 0.97,
    external: Mapping[str, Proposer] | None = None,
    inputs: Inputs | None = None,
) -> Batch:
    """Choose the next batch.

    Args:
        spec: the name of a strategy, or a mixture {name: share} with shares that add up to 1.
        k: size of the batch, 1 to the number of candidates.
        embeddings: the candidates: an (n, dim) array, or anything that gives embeddings by position (scorers look at a
            short list only, so for them the whole matrix need not be in memory).
        scores: {scorer: (n,) scores, higher = ask first} for every scorer in the spec.
        labeled: (m, dim) of what is labeled or already asked; None: nothing is.
        rng: the only source of randomness.
        duplicate_cosine: in (0, 1]: no two picks reach this cosine, and none with what is labeled, while the pool has
            others. Rows of zeros, in which the encoder recognised nothing, are picked when nothing else is left; the next
            are near-duplicates of what is labeled, the last those within the batch.
        external: {name: proposer} for strategies that live elsewhere; a proposer gives its best m positions for any m.
        inputs: what selectors need beside embeddings, whom they tell what they estimated, and weights: a scorer's scores
            are multiplied by them, every selector gets them; a uniform draw stays one among the items above 0.

    Returns:
        The batch; the picks of a mixture are interleaved so that each beginning respects the shares. Of scores that are
        equal to within rounding (`strategies.kernels.ties`) the lowest position comes first.

    Raises:
        StrategyInputError: k is out of range, a mixture does not add up, scores are missing or do not fit.
        UnknownStrategyError: no strategy has one of the names.
    """
    candidates = ArrayCandidates(embeddings) if isinstance(embeddings, np.ndarray) else embeddings
    n = len(candidates)
    check_k(k, n)
    inputs = inputs or Inputs()
    inputs = replace(inputs, weights=check_weights(inputs.weights, n))
    counts = {name: count for name, count in quotas(shares_of(spec), k).items() if count}
    parts = [_part(name, external or {}) for name in counts]
    rankings = {part.name: _ranking(part.name, scores, n, inputs.weights) for part in parts if part.scorer}

    picks = DistinctPicks(
        candidates, duplicate_cosine, known=_nothing(candidates) if labeled is None else labeled
    )
    chosen = {
        part.name: _fill(part, counts[part.name], picks, rankings.get(part.name), labeled, inputs, rng)
        for part in sorted(parts, key=lambda part: part.turn)
    }
    for sentence in _what_was_left(picks, k, duplicate_cosine):
        inputs.tell(sentence)
    drawn_from = n if inputs.weights is None else max(int(np.count_nonzero(inputs.weights)), k)
    drawn = {
        part.name: counts[part.name] / drawn_from for part in parts if part.selector and part.selector.uniform
    }
    return _interleaved(counts, chosen, {name: scores[name] for name in rankings}, drawn)


def _fill(
    part: _Part,
    count: int,
    picks: DistinctPicks,
    ranking: IntArray | None,
    labeled: FloatArray | None,
    inputs: Inputs,
    rng: np.random.Generator,
) -> IntArray:
    """(count,) positions that a strategy chooses; where it finds no more, what is asked last is let in."""
    found: IntArray = np.empty(0, dtype=np.int64)
    while True:
        missing = count - len(found)
        more = _choose(part, missing, picks, ranking=ranking, labeled=labeled, inputs=inputs, rng=rng)
        found = np.concatenate((found, more))
        if len(found) == count:
            return found
        picks.relax()


def _interleaved(
    counts: Mapping[str, int],
    chosen: Mapping[str, IntArray],
    scores: Mapping[str, FloatArray],
    drawn: Mapping[str, float],
) -> Batch:
    """The batch of what each strategy chose.

    Args:
        counts: {strategy: items of the batch}.
        chosen: {strategy: its positions, best first}.
        scores: {strategy: (n,) scores}, of those that have any.
        drawn: {strategy: probability of each candidate}, of those that draw uniformly.
    """
    strategy = tuple(interleave(counts))
    queues = {name: iter(found.tolist()) for name, found in chosen.items()}
    positions = np.array([next(queues[name]) for name in strategy], dtype=np.int64)
    score = [
        scores[name][position] if name in scores else np.nan
        for name, position in zip(strategy, positions, strict=True)
    ]
    probability = np.array([drawn.get(name, np.nan) for name in strategy])
    return Batch(positions, strategy, np.array(score, dtype=np.float64), probability)


def _nothing(candidates: Candidates) -> FloatArray:
    return candidates.take(np.empty(0, dtype=np.int64))


def _what_was_left(picks: DistinctPicks, k: int, duplicate_cosine: float) -> list[str]:
    """What a person should know of a batch that had to take what is asked last."""
    told = []
    if picks.repeats:
        verb = "repeats" if picks.repeats == 1 else "repeat"
        told.append(
            f"{picks.repeats:,} of the {k:,} items chosen {verb} an item asked before or another one in the batch (cosine "
            f"{duplicate_cosine:g} or more): too few others are left."
        )
    if picks.blanks:
        told.append(
            f"All-zero embeddings, in which nothing was recognised: {picks.blanks:,} of the {k:,} items chosen; too few others "
            "are left."
        )
    return told


def _part(name: str, external: Mapping[str, Proposer]) -> _Part:
    if name in external:
        return _Part(name, proposer=external[name])
    strategy = get(name)
    return _Part(name, scorer=strategy) if isinstance(strategy, Scorer) else _Part(name, selector=strategy)


def _ranking(name: str, scores: Mapping[str, FloatArray], n: int, weights: FloatArray | None) -> IntArray:
    """All positions, highest weighted score first; of those that are equal to within rounding the lowest position first."""
    if name not in scores:
        raise StrategyInputError(
            f"The scores of {name!r} are missing. Score the pool with it first (score_blocks)."
        )
    values = scores[name]
    if values.shape != (n,):
        raise StrategyInputError(
            f"The scores of {name!r} have shape {values.shape}; there are {n:,} candidates."
        )
    if not np.isfinite(values).all():
        row = int(np.isfinite(values).argmin())
        raise StrategyInputError(f"The scores of {name!r} hold NaN or infinity; first is item {row}.")
    return ties.ranking(values if weights is None else values * weights)


def _choose(
    part: _Part,
    count: int,
    picks: DistinctPicks,
    *,
    ranking: IntArray | None,
    labeled: FloatArray | None,
    inputs: Inputs,
    rng: np.random.Generator,
) -> IntArray:
    if ranking is not None:
        return picks.from_ranking(ranking, count)
    if part.proposer is not None:
        return picks.from_proposals(part.proposer, count)
    assert part.selector is not None  # noqa: S101  a part has one of the three
    selector = part.selector
    told = [lambda sentence: inputs.tell(f"{selector.name}: {sentence}")]

    def beside(usable: IntArray | None, want: int, accepted: FloatArray | None) -> IntArray:
        pool = picks.candidates.all() if usable is None else picks.candidates.take(usable)
        known = check_labeled(labeled, pool.shape[1])
        if known is None or accepted is None:
            known = accepted if known is None else known
        else:
            known = np.concatenate((known, accepted))
        here = inputs if usable is None else inputs.take(usable)
        if accepted is not None:  # kept distances are to what is labeled, not to what other strategies chose
            here = replace(here, distances=None)
        # Told of its first choice, that of all its picks; later ones replace near-duplicates.
        here = replace(here, tell=told.pop() if told else say_nothing)
        needed = here.for_needs(selector.needs, selector.name, selector.uses)
        weights = here.weights
        if selector.uniform and weights is not None:
            weights = (weights > 0.0).astype(np.float64)  # a draw by chance: 0 shuts an item out, no more
        return selector.select(pool, want, labeled=known, weights=weights, rng=rng, **needed)

    return picks.from_selector(beside, count)
