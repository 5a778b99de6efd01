"""Select: score the pool with the newest model, pick the next batch, and write both into the ledger's outbox.

What is asked follows from what `read_offer` and `read_choice` read. `choose` turns it into a batch and sees nothing of the
project; `outbox.write_batch` writes the batch in one transaction.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.errors import ConfigError
from curator.ledger import queries
from curator.ledger.store import Ledger, Row
from curator.money.fixed import Stopwatch
from curator.pool.problems import counted
from curator.project.holdout import seal_sample
from curator.project.project import Project
from curator.rounds.arm import NOTHING, Arm, draw_arm, join
from curator.rounds.candidates import Candidates, find_candidates
from curator.rounds.cost_aware import candidate_weights
from curator.rounds.distances import DistanceCache
from curator.rounds.limits import MOST_QUESTIONS, Limit
from curator.rounds.model_now import scoring_model
from curator.rounds.needs import Spec
from curator.rounds.outbox import Chosen, write_batch
from curator.rounds.own_probs import OwnProbs
from curator.rounds.result import RoundReport
from curator.rounds.score import Scored, score_candidates
from strategies.batch import Batch, choose_batch
from strategies.inputs import Inputs
from strategies.kernels.near_duplicates import near_any

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


def draw_holdout(project: Project) -> None:
    """Draw the sealed random sample, once, before anything is picked.

    Raises:
        ConfigError: the pool is too small for it.
    """
    ledger, size = project.ledger, project.config.holdout.size
    there = queries.holdout.holdout_counts(ledger)
    if there:
        wanted = {"sample": size} if size else {"file": there.get("file")}
        if there != wanted:
            now = " and ".join(f"{n} items from a {source}" for source, n in there.items())
            raise ConfigError(
                f"[holdout] in curator.toml was changed, but this campaign's hold-out is sealed: {now}. Change it back, "
                "or start a new project."
            )
        return
    if not size:
        raise ConfigError(
            "[holdout] in curator.toml names a file, but a hold-out file is read by `curator init` only. "
            "Set a size, or start the project over with --holdout FILE."
        )
    # What the user's own files labeled is for training.
    own = project.pool.rows(sorted(queries.labels.imported_ids(ledger)))
    rows = np.setdiff1d(project.pool.role_rows("pool"), own)
    if size >= len(rows):
        raise ConfigError(
            f"A hold-out of {size} items leaves nothing to learn from in a pool of {len(rows)}: "
            "set a smaller [holdout] size in curator.toml, or add to the pool."
        )
    rng = np.random.default_rng([project.config.project.seed, 0])
    drawn = np.sort(rng.choice(rows, size, replace=False))
    with ledger.write():
        seal_sample(ledger, [(item_id, size / len(rows)) for item_id in project.pool.ids(drawn)])


@dataclass(frozen=True)
class Offer:
    """What a round may ask, as the ledger and the pool have it.

    Attributes:
        candidates: that may be asked about for the first time.
        k: how many of them are asked about.
        again: item_id -> role, of items whose answers disagree or cannot be read.
        relabeled: hold-out items that lost their label when the classes changed.
        asked_ids: items that have a label or are asked about, the newest last: the batch stays away from them.
        notes: what a person should know of it.
    """

    candidates: Candidates
    k: int
    again: dict[str, str]
    relabeled: list[str]
    asked_ids: list[str]
    notes: list[str]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to ask."""
        return self.k == 0 and not self.again and not self.relabeled


@dataclass(frozen=True)
class Choice:
    """What a batch is chosen by: values and arrays, and nothing of the project.

    Attributes:
        spec: the strategy, or a mixture.
        k: how many items are chosen.
        arm: those of them that chance has drawn already.
        left: (n,) positions of the candidates that the strategy chooses the others from.
        candidates: all of them.
        scores: {scorer: scores of all candidates}.
        inputs: what selectors look at beside embeddings, of all candidates but for the kept distances, which are of `left`.
        known: (m, dim) embeddings of what is labeled or asked, then of the arm, which the strategy complements.
        seeds: of what is random.
        duplicate_cosine: from which on two items say the same.
        external: strategies that live elsewhere.
    """

    spec: Spec
    k: int
    arm: Arm
    left: IntArray
    candidates: Candidates
    scores: Mapping[str, FloatArray]
    inputs: Inputs
    known: FloatArray
    seeds: tuple[int, ...]
    duplicate_cosine: float
    external: Mapping[str, Callable[[int], IntArray]]


def select(
    project: Project, round_row: Row, limit: Limit, report: RoundReport, own: OwnProbs | None = None
) -> str:
    """Pick the batch of a round and write picks, hold-out questions and outbox in one transaction.

    Args:
        project: with an opened round.
        round_row: that round.
        limit: how many items to pick, and to ask about again.
        report: gets the stage times and notes.
        own: probabilities to choose by instead of the model's.

    Returns:
        Why nothing is left to pick, and then nothing was written; "" when the batch is in the outbox.
    """
    watch = Stopwatch()
    checkpoint = scoring_model(project)
    with report.stage("score"):
        offer = read_offer(project, limit)
        report.notes += offer.notes
        if offer.is_empty:
            return _nothing_left(offer.candidates.holdout_duplicates)
        model = None if checkpoint is None else checkpoint.model
        scored = _score(project, offer, model, round_row, own, report.notes.append)
    with report.stage("select"):
        choice, distances = read_choice(project, round_row, offer, scored)
        batch, of_arm = choose(choice)
        asked = choice.known[: len(offer.asked_ids)]
        report.notes += _copies_in_arm(
            offer.candidates.take(batch.positions[of_arm]), asked, choice.duplicate_cosine
        )
        scored_by = None if own is None else own.name
        chosen = Chosen(offer.candidates, batch, of_arm, scored.scores, asked, offer.again, scored_by)
        harm = write_batch(project, int(round_row["id"]), chosen, checkpoint, watch)
        if harm:
            report.notes.append(
                f'{harm} From now on questions carry no suggestion; [labeler] suggestions = "on" overrides this.'
            )
        try:
            distances.save()
        except OSError as error:  # the batch is safe, and the next one finds the distances again
            report.notes.append(f"Distances could not be kept for the next round: {error}.")
    return ""


def read_offer(project: Project, limit: Limit) -> Offer:
    """What a round may ask.

    Args:
        project: opened.
        limit: how many items to pick, and to ask about again.
    """
    ledger = project.ledger
    candidates = find_candidates(project)
    k = min(limit.batch, len(candidates))
    again = dict(islice(queries.questions.asked_again(ledger, MOST_QUESTIONS).items(), limit.ties))
    relabeled = (
        [] if limit.refused else [i for i, was in queries.questions.holdout_to_ask(ledger).items() if was]
    )
    notes = []
    if candidates.holdout_duplicates and queries.rounds.last_trained(ledger) is None:
        notes.append(
            f"{counted(candidates.holdout_duplicates, 'near-duplicate')} of hold-out items in the pool: never picked."
        )
    if candidates.blanks:
        notes.append(
            f"All-zero embeddings: {candidates.blanks:,} of the {len(candidates):,} items that may be asked about "
            "(the encoder recognised nothing in them). They are asked last; the random arm and the hold-out, which represent all "
            "items, may contain some."
        )
    offer = Offer(candidates, k, again, relabeled, _labeled_or_asked(ledger), notes)
    if offer.is_empty:
        return offer
    if relabeled:
        notes.append(f"Asked again because the classes changed: {counted(len(relabeled), 'hold-out item')}.")
    if again:
        notes.append(
            f"Asked about again because their answers disagree or cannot be read: {counted(len(again), 'item')}."
        )
    if k < limit.batch:
        notes.append(
            f"A batch has {counted(limit.batch, 'item')}, but only {k} are left: all of them are sent."
        )
    return offer


def _score(
    project: Project,
    offer: Offer,
    model: Any,
    round_row: Row,
    own: OwnProbs | None,
    tell: Callable[[str], None],
) -> Scored:
    """The candidates scored, and weighed by what they are expected to cost."""
    rows = offer.candidates.rows
    found = score_candidates(
        project, rows, model, round_row, n_asked=len(offer.asked_ids), batch=offer.k, own=own
    )
    if own is not None:
        tell(f"The batch was chosen by the probabilities in {own.path}.")
    weights = candidate_weights(project, rows, found.inputs.predict, tell)
    return replace(found, inputs=replace(found.inputs, weights=weights, tell=tell))


def read_choice(
    project: Project, round_row: Row, offer: Offer, scored: Scored
) -> tuple[Choice, DistanceCache]:
    """All that the batch is chosen by, and where distances are kept for the next round."""
    acquisition, candidates = project.config.acquisition, offer.candidates
    seed, round_id = project.config.project.seed, int(round_row["id"])
    spec = queries.rounds.strategy_of(round_row)
    arm = draw_arm(spec, offer.k, len(candidates), acquisition.random_share, seed, round_id)
    left = np.delete(np.arange(len(candidates)), arm.positions)
    rest = candidates.only(left)
    with_arm = [*offer.asked_ids, *sorted(project.pool.ids(candidates.rows[arm.positions]))]
    distances = DistanceCache(project.embeddings, project.pool, rest.rows, with_arm)
    choice = Choice(
        spec=spec,
        k=offer.k,
        arm=arm,
        left=left,
        candidates=candidates,
        scores=scored.scores,
        inputs=replace(scored.inputs, distances=distances),
        known=project.embeddings.take(project.pool.rows(with_arm)),
        seeds=(seed, round_id),
        duplicate_cosine=acquisition.duplicate_cosine,
        external=_external(project, spec, rest),
    )
    return choice, distances


def choose(choice: Choice) -> tuple[Batch, NDArray[np.bool_]]:
    """The batch: the random arm, and what the strategy chooses around it.

    Returns:
        The batch; (k,) which of its items are of the arm.
    """
    chosen, left = NOTHING, choice.left
    if choice.k > len(choice.arm.positions):
        chosen = choose_batch(
            choice.spec,
            k=choice.k - len(choice.arm.positions),
            embeddings=choice.candidates.only(left),
            scores={name: values[left] for name, values in choice.scores.items()},
            labeled=choice.known if len(choice.known) else None,
            rng=np.random.default_rng(list(choice.seeds)),
            duplicate_cosine=choice.duplicate_cosine,
            external=choice.external,
            inputs=replace(choice.inputs.take(left), distances=choice.inputs.distances),
        )
    return join(choice.arm, left, chosen)


def _copies_in_arm(drawn: FloatArray, asked: FloatArray, duplicate_cosine: float) -> list[str]:
    """What a person should know of an arm that repeats what was asked before: it is drawn without looking."""
    copies = int(near_any(drawn, asked, duplicate_cosine).sum())
    if not copies:
        return []
    drawn_from = "It is drawn from everything that is left, so that its estimates hold for all of it."
    return [f"Items in the random arm that repeat items asked before: {copies} of {len(drawn)}. {drawn_from}"]


def _nothing_left(holdout_duplicates: int) -> str:
    if holdout_duplicates:
        return (
            f"Nothing is left to ask about but near-duplicates of hold-out items ({holdout_duplicates:,}), which are never asked about. "
            "`curator add` brings more; with [acquisition] duplicate_cosine closer to 1 fewer items count as duplicates."
        )
    return "Nothing is left to ask about: every item of the pool was picked. `curator add` brings more."


def _labeled_or_asked(ledger: Ledger) -> list[str]:
    """Items that have a label or are asked about for training, the newest last: the next batch stays away from both.

    Those of the user's own files come first. Of a round the arm comes first, as it did when the rest was chosen: kept
    distances rely on the order.
    """
    asked = queries.questions.training_items_in_order(ledger)
    lost = set(queries.questions.outdated_training(ledger))
    own = sorted(queries.labels.imported_ids(ledger) - set(asked))
    return [*own, *(item_id for item_id in asked if item_id not in lost)]


def _external(
    project: Project, spec: Spec, candidates: Candidates
) -> Mapping[str, Callable[[int], IntArray]]:
    """Strategies of modAL, bound to the current learner; named MODULE:FUNCTION."""
    names = [name for name in ([spec] if isinstance(spec, str) else spec) if ":" in name]
    if not names:
        return {}
    from integrations.modal import load_query_strategy, run_query_strategy

    learner, embeddings = project.learner(), candidates.all()
    allow_code = project.config.acquisition.allow_code

    def ask(name: str, k: int) -> IntArray:
        strategy = load_query_strategy(name, allow_code=allow_code)
        positions, _scores = run_query_strategy(strategy, learner, embeddings, k)
        return positions

    return {name: partial(ask, name) for name in names}
