"""Runs a round: finds where the last call stopped, and takes the steps from there.

    opened --select--> selected --push--> pushed --pull, settle--> settled --train--> trained --measure--> measured

Each arrow is one transaction, so a killed call is continued by the next. A call ends when questions are out
and somebody has to answer them.
"""

import json
from pathlib import Path

from curator.config import Config, parse_config
from curator.errors import ConfigError, CuratorError
from curator.learner.checkpoint import load_checkpoint, read_meta
from curator.ledger import queries, updates
from curator.ledger.class_history import begin_history, may_begin_anew
from curator.ledger.store import Row, utc_now
from curator.money.overview import cost_notes
from curator.pool.problems import counted
from curator.project.modal import check_strategy
from curator.project.project import Project
from curator.rounds import advice
from curator.rounds.classes.change import finish_change
from curator.rounds.classes.edits import refuse_hand_edit
from curator.rounds.fallback import note, strategy_now
from curator.rounds.forecasts.score_keeping import keep_score
from curator.rounds.limits import MOST_QUESTIONS, limit_batch
from curator.rounds.measure import measure
from curator.rounds.model_now import starts_with_model
from curator.rounds.own_probs import OwnProbs, check_strategy_takes_probs, read_own_probs
from curator.rounds.pull import catch_up, pull
from curator.rounds.push import prepare, push
from curator.rounds.result import RoundReport
from curator.rounds.select import draw_holdout, select
from curator.rounds.settle import settle
from curator.rounds.train import train


def run_round(
    project: Project, *, batch: int | None = None, partial: bool = False, probs: Path | None = None
) -> RoundReport:
    """Run one labeling cycle: finish the open round if its questions are answered, then send the next.

    Safe to run twice, and to run again after it was killed at any point.

    Args:
        project: opened.
        batch: questions of the round that is opened; None takes curator.toml's.
        partial: settle with the answers there are instead of waiting for the rest.
        probs: a file of probabilities by which the next batch is chosen, instead of by the model of the last round.

    Returns:
        What was done; `waiting` when the open round still needs answers and nothing was changed but the
        answers stored.

    Raises:
        CuratorError, IntegrationError, StrategyError: the message says what to do; running again continues.
    """
    with project.locked("round"):
        finish_change(project)
        refuse_hand_edit(project)
        _refuse_changes(project)
        _check_names(project)
        # Made now, so that a missing address or token is said before anything is computed.
        _labeler = project.labeler
        own = None
        if probs is not None:
            check_strategy_takes_probs(project.config.acquisition.strategy)
            own = read_own_probs(project, probs)
        run = _Run(project, batch=batch, partial=partial, own=own)
        run.report.measured = _not_yet_reported(project)
        advice.catch_up(project)
        # Every step moves the round on by one status; the bound only catches a mistake of ours.
        for _ in range(16):
            current = queries.rounds.current_round(project.ledger) or _open(project, batch, run.report)
            if current is None or not run.step(current):
                return run.report
    raise CuratorError(
        "The round did not finish; please report this with the output of `curator status --json`."
    )


class _Run:
    """One call of `curator round`: each step takes the open round on by one status."""

    def __init__(
        self, project: Project, *, batch: int | None, partial: bool, own: OwnProbs | None = None
    ) -> None:
        self.project = project
        self.own = own
        self.batch = batch
        self.partial = partial
        self.report = RoundReport()
        self._steps = {
            "opened": self._select,
            "selected": self._push,
            "pushed": self._pull,
            "settled": self._train,
            "trained": self._measure,
        }

    def step(self, current: Row) -> bool:
        """Take the next step of the round; False when somebody else is to act now."""
        return self._steps[str(current["status"])](int(current["id"]), current)

    def _select(self, round_id: int, current: Row) -> bool:
        self.project.say(f"Round {round_id}: scoring the pool and choosing what to ask")
        # Read anew: a strategy that failed may have been mended in curator.toml since the round was opened.
        plan = _plan(self.project, self.batch)
        if plan["strategy"] != current["strategy"]:
            with self.project.ledger.write():
                self.project.ledger.update("rounds", round_id, **plan)
            current = {**current, **plan}
        limit = limit_batch(self.project, self.batch or int(current["batch"]))
        told = note(self.project.ledger, self.project.config.acquisition.strategy, str(plan["strategy"]))
        self.report.notes += [sentence for sentence in (limit.note, told) if sentence]
        nothing_left = select(self.project, current, limit, self.report, self.own)
        if not nothing_left or self._takes_in_late_answers(round_id):
            return True
        with self.project.ledger.write():
            updates.take_back_round(self.project.ledger, round_id)
        if limit.refused:
            self.report.stopped = limit.refused
        else:
            self.report.notes.append(nothing_left)
        return False

    def _takes_in_late_answers(self, round_id: int) -> bool:
        """With nothing left to ask, answers to earlier rounds may still come in: a round of their own settles them."""
        ledger = self.project.ledger
        prepare(self.project)
        self.report.notes += pull(self.project, round_id)
        if not queries.answers.count_pulled_in(ledger, round_id):
            return False
        with ledger.write():
            ledger.update("rounds", round_id, status="pushed", batch=0, candidates=0)
        self.report.notes.append(
            f"No new questions are asked; round {round_id} takes in answers that came late."
        )
        return True

    def _push(self, round_id: int, _current: Row) -> bool:
        with self.report.stage("push"):
            push(self.project, round_id)
        asked = queries.questions.roles_of_round(self.project.ledger, round_id)
        self.report.opened, self.report.sent = round_id, sum(asked.values())
        self.report.holdout_sent = asked.get("holdout", 0)
        self.report.where = self.project.labeler.where()
        self.report.answers_itself = self.project.config.labeler.traits.answers_itself
        return False

    def _pull(self, round_id: int, _current: Row) -> bool:
        report, ledger = self.report, self.project.ledger
        with report.stage("pull"):
            # Taken over only once it is clear that this ledger is not behind the other's.
            prepare(self.project, claim=not self.project.take_over)
            report.notes += pull(self.project, round_id, accept_loss=self.partial)
            if self.project.take_over:
                prepare(self.project)
                report.notes.append(
                    "The campaign is now run from here; `curator round` is refused anywhere else."
                )
        report.notes += cost_notes(ledger, self.project.config.cost)
        progress = queries.questions.progress(ledger, round_id)
        report.progress = {"round": round_id, **vars(progress), "waiting": progress.waiting}
        if progress.waiting and not self.partial:
            report.waiting, report.where = True, self.project.labeler.where()
            return False
        if progress.waiting and not progress.answered:
            raise CuratorError(
                f"No question of round {round_id} has been answered yet, so there is nothing to settle."
            )
        if progress.problems:
            report.notes.append(
                f"{counted(progress.problems, 'answer')} without a readable label; `curator status` lists them. Items that have no other answer "
                "are asked about again."
            )
        with report.stage("settle"):
            settled = settle(ledger, self.project.task, round_id, partial=progress.waiting > 0)
        if settled.tied:
            report.notes.append(
                f"{counted(settled.tied, 'item')} with tied answers and no label yet. Such items are asked about "
                f"again, up to {MOST_QUESTIONS} questions per item, as long as there is an annotator who has not answered them. "
                "Once everybody has, they need another annotator, or they remain paid but unlabeled."
            )
        return True

    def _train(self, round_id: int, _current: Row) -> bool:
        self.project.say(f"Round {round_id}: training")
        with self.report.stage("train"):
            notes = train(self.project, round_id)
        if self._is_closed(round_id):
            self.report.closed, self.report.closed_because = round_id, " ".join(notes)
        else:
            self.report.notes += notes
        return True

    def _measure(self, round_id: int, _current: Row) -> bool:
        self.project.say(f"Round {round_id}: measuring on the hold-out")
        changed = _changed_model(self.project, round_id)
        if changed:
            self.report.notes.append(changed)
        with self.report.stage("measure"):
            unmeasured = measure(self.project, round_id)
            keep_score(self.project.ledger)
        if unmeasured:
            self.report.closed, self.report.closed_because = round_id, unmeasured
        self.report.measured = queries.measures.gain_of(self.project.ledger, round_id)
        if self.report.measured:
            self.report.verdict = advice.record(self.project, round_id)
        return True

    def _is_closed(self, round_id: int) -> bool:
        return queries.rounds.round_statuses(self.project.ledger)[round_id] == "unmeasured"


def _open(project: Project, batch: int | None, report: RoundReport) -> Row | None:
    """Open the next round; None: the campaign is at its end, which the report says."""
    ledger = project.ledger
    plan = _plan(project, batch)
    limit = limit_batch(project, int(plan["batch"]))
    # Late answers to what was asked before are taken in by a round that asks nothing.
    if limit.refused and not queries.questions.open_answers(ledger):
        report.notes += catch_up(project)
        limit = limit_batch(project, int(plan["batch"]))  # by the bill with what came in just now
        if limit.refused:
            report.stopped = limit.refused
            return None
    draw_holdout(project)
    round_id = queries.rounds.last_round_id(ledger) + 1
    row = {"id": round_id, "status": "opened", **plan, "opened_at": utc_now()}
    with ledger.write():
        if may_begin_anew(ledger):
            begin_history(ledger, project.config.project.classes)
        ledger.insert("rounds", [row])
    current = queries.rounds.current_round(ledger)
    if current is None:
        raise CuratorError(f"Round {round_id} could not be opened.")
    return current


def _plan(project: Project, batch: int | None) -> Row:
    """What a round that is opened now will do: seed batches until a model knows two classes, then the strategy."""
    ledger, acquisition = project.ledger, project.config.acquisition
    classes = set(queries.labels.training_labels(ledger).values())
    no_model = queries.rounds.last_trained(ledger) is None and not starts_with_model(ledger, project.task)
    seeding = no_model or len(classes) < 2
    if seeding and queries.rounds.last_round_id(ledger) > 0 and classes:
        project.say("Fewer than two classes have labels: the next batch is chosen the way the first one was.")
    strategy = strategy_now(ledger, acquisition.strategy)
    return {
        "strategy": queries.rounds.strategy_text(acquisition.seed_strategy if seeding else strategy),
        "batch": batch or (acquisition.seed_batch if seeding else acquisition.batch),
        "seed": project.config.project.seed,
        "config": project.config_json(),
    }


def _changed_model(project: Project, round_id: int) -> str | None:
    """A gain over a change of model or encoder is not one of the labels alone: that is said with it."""
    previous = queries.rounds.last_measured(project.ledger, round_id)
    if previous is None:
        return None
    old, new = (read_meta(project.model_folder(number)) for number in (previous["id"], round_id))
    changed = ["[model]"] if old["model"] != new["model"] else []
    if old["encoder_fingerprint"] != new["encoder_fingerprint"] and not _same_encoder(
        project, previous["id"]
    ):
        changed.append("[encoder]")
    if not changed:
        return None
    return (
        f"{' and '.join(changed)} changed since round {previous['id']} was trained: "
        f"the gain of round {round_id} is due to that change and the labels together."
    )


def _same_encoder(project: Project, round_id: int) -> bool:
    """Whether an encoder of another fingerprint is that of a round but for rounding."""
    found = load_checkpoint(project.model_folder(round_id), project.embeddings.take)
    return project.reads_as_before(round_id, found)


def _not_yet_reported(project: Project) -> Row | None:
    """What the call before this one measured, when it came to no good end: choosing or sending the next batch failed."""
    current = queries.rounds.current_round(project.ledger)
    if current is None or current["status"] not in ("opened", "selected"):
        return None
    return queries.measures.gain_of(project.ledger, int(current["id"]) - 1)


def _check_names(project: Project) -> None:
    """A strategy or model that does not exist is said now, not after a batch was paid for."""
    acquisition = project.config.acquisition
    for spec in (acquisition.strategy, acquisition.seed_strategy):
        check_strategy(spec, project.task, allow_code=acquisition.allow_code)
    project.new_model()


def _refuse_changes(project: Project) -> None:
    """Gains over a change of metric would mean nothing: that is a new campaign."""
    before = queries.rounds.newest_config(project.ledger)
    if before is None:
        return
    old: Config = parse_config(json.loads(before), "the ledger's configuration", stored=True)
    new = project.config
    for what, was, now in (
        ("[project] task", old.project.task, new.project.task),
        ("[holdout] metric", old.holdout.metric, new.holdout.metric),
        ("[labeler] name", old.labeler.name, new.labeler.name),
        ("[cost] currency", old.cost.currency, new.cost.currency),
    ):
        if was != now:
            raise ConfigError(
                f"{what} in curator.toml is {now!r}, but this campaign began with {was!r}: gains before and after "
                "could not be compared. Change it back, or start a new project (`curator export` keeps the labels)."
            )
