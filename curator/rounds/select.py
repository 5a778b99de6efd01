"""Select: score the pool with the newest model, pick the next batch, and write both into the ledger's outbox."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from curator.errors import ConfigError
from curator.holdout import seal_sample
from curator.learner.checkpoint import Checkpoint
from curator.ledger import records
from curator.ledger.store import Row, utc_now
from curator.money.fixed import Stopwatch, charge_campaign
from curator.project import Project
from curator.rounds.arm import NOTHING, draw_arm, join
from curator.rounds.cost_aware import candidate_weights
from curator.rounds.distances import DistanceCache
from curator.rounds.limits import MOST_QUESTIONS, Limit
from curator.rounds.near_duplicates import near_any
from curator.rounds.needs import Spec
from curator.rounds.pull import pull
from curator.rounds.push import prepare
from curator.rounds.questions import interleave, new_question, pick_questions
from curator.rounds.report import RoundReport
from curator.rounds.score import score_candidates
from curator.rounds.why import AGAIN, BLIND
from curator.suggestions import OFF, harm_of_suggestions, suggestions_on
from strategies.batch import Batch, choose_batch

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Candidates:
    """The items that may be picked, and what the picks must stay away from.

    Attributes:
        rows: (n,) pool rows, ascending: of the pool, never asked, not in or next to the hold-out.
        holdout_duplicates: how many were left out as near-duplicates of hold-out items.
    """

    project: Project
    rows: IntArray
    holdout_duplicates: int

    def __len__(self) -> int:
        return len(self.rows)

    def only(self, positions: IntArray) -> "Candidates":
        """Some of them."""
        return replace(self, rows=self.rows[positions])

    def ids(self, positions: IntArray) -> list[str]:
        """Of some candidates."""
        return self.project.pool.ids(self.rows[positions])

    def take(self, positions: IntArray) -> FloatArray:
        """(m, dim) embeddings of some candidates."""
        return self.project.embeddings.take(self.rows[positions])

    def all(self) -> FloatArray:
        """(n, dim) embeddings of all of them: one array in memory."""
        return self.project.embeddings.take(self.rows)


def draw_holdout(project: Project) -> None:
    """Draw the sealed random sample, once, before anything is picked.

    Raises:
        ConfigError: the pool is too small for it.
    """
    ledger, size = project.ledger, project.config.holdout.size
    there = {
        row["source"]: row["n"]
        for row in ledger.rows("select source, count(*) as n from holdout group by source")
    }
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
            "Set a size, or start the project anew with --holdout FILE."
        )
    rows = project.pool.role_rows("pool")
    if size >= len(rows):
        raise ConfigError(
            f"A hold-out of {size} items leaves nothing to learn from in a pool of {len(rows)}: "
            "set a smaller [holdout] size in curator.toml, or add to the pool."
        )
    rng = np.random.default_rng([project.config.project.seed, 0])
    drawn = np.sort(rng.choice(rows, size, replace=False))
    with ledger.write():
        seal_sample(ledger, [(item_id, size / len(rows)) for item_id in project.pool.ids(drawn)])


def find_candidates(project: Project) -> Candidates:
    """Everything that may be asked about next."""
    pool, ledger = project.pool, project.ledger
    free = np.zeros(pool.n_items, dtype=bool)
    free[pool.role_rows("pool")] = True
    holdout = project.holdout_rows()
    free[holdout] = False
    free[pool.rows(records.asked_ids(ledger))] = False
    threshold = project.config.acquisition.duplicate_cosine
    targets = project.embeddings.take(holdout)
    duplicates = 0
    for first, block in project.embeddings.blocks():
        here = free[first : first + len(block)]
        near = near_any(block, targets, threshold) & here
        here[near] = False  # a view: clears `free`
        duplicates += int(near.sum())
    return Candidates(project, np.flatnonzero(free), duplicates)


def select(project: Project, round_row: Row, limit: Limit, report: RoundReport) -> bool:
    """Pick the batch of a round and write picks, hold-out questions and outbox in one transaction.

    Args:
        project: with an opened round.
        round_row: that round.
        limit: how many items to pick, and to ask about again.
        report: gets the stage times and notes.

    Returns:
        False when nothing is left to pick; the round is then taken back.
    """
    watch = Stopwatch()
    ledger, round_id, wanted = project.ledger, int(round_row["id"]), limit.batch
    newest = records.last_trained(ledger)
    checkpoint = project.checkpoint(newest["id"]) if newest else None
    with report.stage("score"):
        candidates = find_candidates(project)
        if candidates.holdout_duplicates and newest is None:
            report.notes.append(
                f"{candidates.holdout_duplicates} items are near-duplicates of hold-out items and are never picked."
            )
        k = min(wanted, len(candidates))
        again = dict(islice(records.unsettled_ties(ledger, MOST_QUESTIONS).items(), limit.ties))
        if k == 0 and not again:
            if _late_answers(project, round_id, report):
                return True
            with ledger.write():
                ledger.execute("delete from rounds where id = ?", [round_id])
            if limit.refused:
                report.stopped = limit.refused
            else:
                report.notes.append(_nothing_left(candidates.holdout_duplicates))
            return False
        if again:
            report.notes.append(f"{len(again)} items are asked about again: their answers disagree.")
        if k < wanted:
            report.notes.append(f"Asked for {wanted} items, {k} are left: all of them are sent.")
        spec = records.strategy_of(round_row)
        asked_ids = _training_questions(project)
        asked = project.embeddings.take(project.pool.rows(asked_ids))
        model = None if checkpoint is None else checkpoint.model
        found = score_candidates(project, candidates.rows, model, round_row, n_asked=len(asked), batch=k)
        scores = found.scores
        weights = candidate_weights(project, candidates.rows, found.inputs.predict, report.notes.append)
    with report.stage("select"):
        share, seed = project.config.acquisition.random_share, project.config.project.seed
        arm = draw_arm(spec, k, len(candidates), share, seed, round_id)
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
                scores={name: values[left] for name, values in scores.items()},
                labeled=known if len(known) else None,
                rng=np.random.default_rng([seed, round_id]),
                duplicate_cosine=project.config.acquisition.duplicate_cosine,
                external=_external(project, spec, rest),
                inputs=replace(
                    replace(found.inputs, weights=weights).take(left),
                    tell=report.notes.append,
                    distances=distances,
                ),
            )
        batch, of_arm = join(arm, left, chosen)
        harm = harm_of_suggestions(project)
        if harm:
            report.notes.append(
                f'{harm} From now on questions carry none; [labeler] suggestions = "on" overrules.'
            )
        _write(project, round_row, candidates, batch, of_arm, scores, asked, checkpoint, again, harm, watch)
        try:
            distances.save()
        except OSError as error:  # the batch is safe, and the next one finds the distances again
            report.notes.append(f"Distances were not kept for the next round: {error}.")
    return True


def _late_answers(project: Project, round_id: int, report: RoundReport) -> bool:
    """With nothing left to ask, answers to earlier rounds may still come in: a round of their own settles them."""
    ledger = project.ledger
    prepare(project)
    report.notes += pull(project, round_id)
    if not ledger.scalar("select count(*) from answers where round = ?", [round_id]):
        return False
    with ledger.write():
        ledger.update("rounds", round_id, status="pushed", batch=0, candidates=0)
    report.notes.append(f"Nothing new is asked; round {round_id} takes in answers that came late.")
    return True


def _nothing_left(holdout_duplicates: int) -> str:
    if holdout_duplicates:
        return (
            f"Nothing is left to ask about: the last {holdout_duplicates} items are near-duplicates of hold-out items. "
            "`curator add` brings more; with [acquisition] duplicate_cosine nearer to 1 fewer items count as duplicates."
        )
    return "Nothing is left to ask about: every item of the pool was picked. `curator add` brings more."


def _training_questions(project: Project) -> list[str]:
    """Items asked about for training, answered or not, the newest last: the next batch stays away from both.

    Of a round the arm comes first, as it did when the rest was chosen: kept distances rely on the order.
    """
    return [
        row["item_id"]
        for row in project.ledger.rows(
            "select q.item_id from questions q left join picks p on p.round = q.round and p.item_id = q.item_id "
            "where q.role = 'train' group by q.item_id order by min(q.round), max(coalesce(p.arm, 0)) desc, q.item_id"
        )
    ]


def _external(
    project: Project, spec: Spec, candidates: Candidates
) -> Mapping[str, Callable[[int], IntArray]]:
    """Strategies of modAL, bound to the current learner; named MODULE:FUNCTION."""
    names = [name for name in ([spec] if isinstance(spec, str) else spec) if ":" in name]
    if not names:
        return {}
    from integrations.modal import load_query_strategy, run_query_strategy

    learner, embeddings = project.learner(), candidates.all()

    def ask(name: str, k: int) -> IntArray:
        positions, _scores = run_query_strategy(load_query_strategy(name), learner, embeddings, k)
        return positions

    return {name: partial(ask, name) for name in names}


def _write(
    project: Project,
    round_row: Row,
    candidates: Candidates,
    batch: Batch,
    of_arm: NDArray[np.bool_],
    scores: Mapping[str, FloatArray],
    asked: FloatArray,
    checkpoint: Checkpoint | None,
    again: Mapping[str, str],
    harm: str | None,
    watch: Stopwatch,
) -> None:
    """Picks and outbox in one transaction: from here on the round can be killed and goes on where it was."""
    ledger, round_id = project.ledger, int(round_row["id"])
    rows = candidates.rows[batch.positions]
    ids, embeddings = project.pool.ids(rows), project.embeddings.take(rows)
    distance = _coverage_distance(embeddings, asked)
    entropy, margin = scores.get("entropy"), scores.get("margin")
    picks = [
        {
            "round": round_id,
            "item_id": item_id,
            "rank": i + 1,
            "strategy": batch.strategy[i],
            "score": _number(batch.score[i]),
            "entropy": None if entropy is None else float(entropy[position]),
            "margin": None if margin is None else float(margin[position]),
            "coverage_distance": None if distance is None else float(distance[i]),
            "probability": _number(batch.probability[i]),
            "arm": int(of_arm[i]),
        }
        for i, (item_id, position) in enumerate(zip(ids, batch.positions, strict=True))
    ]
    version = None if checkpoint is None else str(checkpoint.meta["version"])
    probs = None if checkpoint is None or not ids else checkpoint.model.predict_proba(embeddings)
    with_suggestions = harm is None and suggestions_on(project)
    questions = pick_questions(
        project, round_id, picks, embeddings, probs, version, with_suggestions=with_suggestions
    )
    ties = [
        {**new_question(project, round_id, item_id, role), "why": AGAIN, "answers_wanted": 1}
        for item_id, role in sorted(again.items())
    ]
    holdout = [
        {**new_question(project, round_id, row["item_id"], "holdout"), "why": BLIND}
        for row in ledger.rows(
            "select item_id from holdout where source = 'sample' "
            "and item_id not in (select q.item_id from questions q where q.state <> 'withdrawn' "
            "or exists (select 1 from live_answers a where a.key = q.key)) order by item_id"
        )
    ]
    with ledger.write():
        if harm:
            ledger.put(OFF, harm)
        ledger.insert("picks", picks)
        ledger.insert("questions", interleave(ties, questions, holdout))
        ledger.update(
            "rounds",
            round_id,
            status="selected",
            batch=len(picks),
            candidates=len(candidates),
            picked_with=version,
            holdout_duplicates=candidates.holdout_duplicates,
            selected_at=utc_now(),
        )
        watch.charge(ledger, project.config.cost, round_id, "score")
        charge_campaign(ledger, project.config.cost, round_id)


def _coverage_distance(embeddings: FloatArray, asked: FloatArray) -> FloatArray | None:
    """1 - cosine of each row to the nearest item asked about before; None when there is none."""
    if not len(asked):
        return None
    import faiss

    index = faiss.IndexFlatIP(asked.shape[1])
    index.add(np.ascontiguousarray(asked))
    cosine, _nearest = index.search(np.ascontiguousarray(embeddings), 1)
    return np.asarray(1.0 - cosine[:, 0], dtype=np.float32)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
