"""Select: score the pool with the newest model, pick the next batch, and write both into the ledger's outbox."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from curator.errors import ConfigError
from curator.ledger import queries
from curator.ledger.store import Row
from curator.money.fixed import Stopwatch
from curator.pool.problems import counted
from curator.project.holdout import seal_sample
from curator.project.project import Project
from curator.rounds.arm import NOTHING, draw_arm, join
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
    ledger, round_id = project.ledger, int(round_row["id"])
    newest = queries.rounds.last_trained(ledger)
    checkpoint = scoring_model(project)
    with report.stage("score"):
        candidates = find_candidates(project)
        if candidates.holdout_duplicates and newest is None:
            report.notes.append(
                f"{counted(candidates.holdout_duplicates, 'near-duplicate')} of hold-out items in the pool: never picked."
            )
        if candidates.blanks:
            report.notes.append(
                f"All-zero embeddings: {candidates.blanks:,} of the {len(candidates):,} items that may be asked about "
                "(the encoder recognised nothing in them). They are asked last; the random arm and the hold-out, which represent all "
                "items, may contain some."
            )
        k = min(limit.batch, len(candidates))
        again = dict(islice(queries.questions.asked_again(ledger, MOST_QUESTIONS).items(), limit.ties))
        relabeled = (
            [] if limit.refused else [i for i, was in queries.questions.holdout_to_ask(ledger).items() if was]
        )
        if k == 0 and not again and not relabeled:
            return _nothing_left(candidates.holdout_duplicates)
        if relabeled:
            report.notes.append(
                f"Asked again because the classes changed: {counted(len(relabeled), 'hold-out item')}."
            )
        if again:
            report.notes.append(
                f"Asked about again because their answers disagree or cannot be read: {counted(len(again), 'item')}."
            )
        if k < limit.batch:
            report.notes.append(
                f"A batch has {counted(limit.batch, 'item')}, but only {k} are left: all of them are sent."
            )
        asked_ids = _labeled_or_asked(project)
        model = None if checkpoint is None else checkpoint.model
        found = score_candidates(
            project, candidates.rows, model, round_row, n_asked=len(asked_ids), batch=k, own=own
        )
        if own is not None:
            report.notes.append(f"The batch was chosen by the probabilities in {own.path}.")
        weights = candidate_weights(project, candidates.rows, found.inputs.predict, report.notes.append)
    with report.stage("select"):
        inputs = replace(found.inputs, weights=weights, tell=report.notes.append)
        batch, of_arm, distances = _choose(
            project, round_row, candidates, k, replace(found, inputs=inputs), asked_ids
        )
        asked = project.embeddings.take(project.pool.rows(asked_ids))
        scored_by = None if own is None else own.name
        report.notes += _copies_in_arm(project, candidates.take(batch.positions[of_arm]), asked)
        chosen = Chosen(candidates, batch, of_arm, found.scores, asked, again, scored_by)
        harm = write_batch(project, round_id, chosen, checkpoint, watch)
        if harm:
            report.notes.append(
                f'{harm} From now on questions carry no suggestion; [labeler] suggestions = "on" overrides this.'
            )
        try:
            distances.save()
        except OSError as error:  # the batch is safe, and the next one finds the distances again
            report.notes.append(f"Distances could not be kept for the next round: {error}.")
    return ""


def _choose(
    project: Project, round_row: Row, candidates: Candidates, k: int, found: Scored, asked_ids: list[str]
) -> tuple[Batch, NDArray[np.bool_], DistanceCache]:
    """The random arm, and what the strategy chooses around it.

    Returns:
        The batch; (k,) which of its items are of the arm; distances that the next round may use.
    """
    acquisition, seed, round_id = (
        project.config.acquisition,
        project.config.project.seed,
        int(round_row["id"]),
    )
    spec = queries.rounds.strategy_of(round_row)
    arm = draw_arm(spec, k, len(candidates), acquisition.random_share, seed, round_id)
    # The strategy counts the arm as labeled: it complements it, as it does what was asked before.
    left = np.delete(np.arange(len(candidates)), arm.positions)
    rest, with_arm = candidates.only(left), [*asked_ids, *sorted(candidates.ids(arm.positions))]
    known = project.embeddings.take(project.pool.rows(with_arm))
    distances = DistanceCache(project.embeddings, project.pool, rest.rows, with_arm)
    chosen = NOTHING
    if k > len(arm.positions):
        chosen = choose_batch(
            spec,
            k=k - len(arm.positions),
            embeddings=rest,
            scores={name: values[left] for name, values in found.scores.items()},
            labeled=known if len(known) else None,
            rng=np.random.default_rng([seed, round_id]),
            duplicate_cosine=acquisition.duplicate_cosine,
            external=_external(project, spec, rest),
            inputs=replace(found.inputs.take(left), distances=distances),
        )
    batch, of_arm = join(arm, left, chosen)
    return batch, of_arm, distances


def _copies_in_arm(project: Project, drawn: FloatArray, asked: FloatArray) -> list[str]:
    """What a person should know of an arm that repeats what was asked before: it is drawn without looking."""
    copies = int(near_any(drawn, asked, project.config.acquisition.duplicate_cosine).sum())
    if not copies:
        return []
    drawn_from = "It is drawn from everything that is left, so that its estimates hold for all of it."
    return [f"Items in the random arm that repeat items asked before: {copies} of {len(drawn)}. {drawn_from}"]


def _nothing_left(holdout_duplicates: int) -> str:
    if holdout_duplicates:
        return (
            f"Nothing is left to ask about: the last {holdout_duplicates} items are near-duplicates of hold-out items. "
            "`curator add` brings more; with [acquisition] duplicate_cosine closer to 1 fewer items count as duplicates."
        )
    return "Nothing is left to ask about: every item of the pool was picked. `curator add` brings more."


def _labeled_or_asked(project: Project) -> list[str]:
    """Items that have a label or are asked about for training, the newest last: the next batch stays away from both.

    Those of the user's own files come first. Of a round the arm comes first, as it did when the rest was chosen: kept
    distances rely on the order.
    """
    ledger = project.ledger
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
