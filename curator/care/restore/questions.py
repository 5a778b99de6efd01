"""Rounds, picks, questions and the drawn hold-out again, from the tasks at the labeler."""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from curator.care.restore.place import Place
from curator.care.restore.result import RestoreReport
from curator.errors import CuratorError, DataError
from curator.ledger import queries, restoring
from curator.ledger.class_history import History
from curator.ledger.store import Row, utc_now
from curator.pool.catalogue import Pool
from curator.pool.hash_index import HashArray, as_hashes, digest
from curator.pool.problems import counted, listed
from curator.pool.readers import URL
from curator.project.holdout import seal_sample
from curator.project.project import Project
from curator.rounds.questions import AGAIN, is_key_of, new_question
from integrations.labelers.inventory import AskedQuestion

RESTORED = "restored"  # stands where the strategy was
_LISTED = 5


@dataclass
class Taken:
    """What the labeler told.

    Attributes:
        questions: how many the ledger did not know.
        drawn: item_id -> probability with which it was drawn, of the hold-out.
    """

    questions: int = 0
    drawn: dict[str, float | None] = field(default_factory=dict)


def take_in(project: Project, place: Place) -> Taken:
    """Enter every question of the campaign that the labeler holds and the ledger does not know.

    Args:
        project: whose ledger is built; its pool is complete.
        place: where its questions are.

    Raises:
        CuratorError: a task is not what curator wrote.
        DataError: data files hold other items than were asked about.
        LabelerError: the labeler cannot be read.
    """
    taken = Taken()
    if place.inventory is None:
        return taken
    ledger, changed = project.ledger, list[str]()
    version = History.read(ledger).newest
    sealed = frozenset(queries.holdout.holdout_ids(ledger))
    rounds = set(queries.rounds.round_numbers(ledger))
    with project.progress.bar("reading questions", place.tasks[place.campaign]) as advance:
        for page in place.inventory.questions(place.is_ours):
            asked = {question.key: question for question in reversed(page)}
            changed += _differing(project.pool, list(asked.values()))
            known = queries.questions.questions_by_key(ledger, list(asked))
            new = [question for key, question in reversed(asked.items()) if key not in known]
            rows = [_row(project, question, sealed, version) for question in new]
            missing = sorted(set(range(1, max((row["round"] for row in rows), default=0) + 1)) - rounds)
            rounds.update(missing)
            with ledger.write():
                ledger.insert("rounds", [_round(project, number) for number in missing])
                ledger.insert("questions", rows)
            taken.questions += len(rows)
            taken.drawn |= {
                question.item_id: question.drawn_with for question in new if question.role == "holdout"
            }
            advance(len(page))
    if changed:
        raise DataError(
            f"{counted(len(changed), 'item')} had other content when asked about than the data file has now: "
            f"{listed(changed, _LISTED)}. Their labels would not fit. Put the original file back, or name another: "
            "--data FILE."
        )
    with ledger.write():
        restoring.date_rounds(ledger, RESTORED)
        restoring.add_picks(ledger, RESTORED)
    return taken


def seal_asked(project: Project, taken: Taken, report: RestoreReport) -> None:
    """Enter the drawn sample: the items that were asked about as the hold-out."""
    size = project.config.holdout.size
    with project.ledger.write():
        seal_sample(project.ledger, sorted(taken.drawn.items()))
        restoring.date_holdout(project.ledger)
    if len(taken.drawn) != size:
        report.missing.append(
            f"The hold-out has the {len(taken.drawn):,} items that were asked about as such, but [holdout] size in curator.toml is "
            f"{size:,}: set it to {len(taken.drawn)} before the next round."
        )


def _round(project: Project, number: int) -> Row:
    return {
        "id": number,
        "status": "pushed",
        "strategy": RESTORED,
        "seed": project.config.project.seed,
        "config": project.config_json(),
        "opened_at": utc_now(),
    }


def _row(project: Project, asked: AskedQuestion, sealed: frozenset[str], version: int) -> Row:
    role = asked.role
    if role is None:
        if not sealed:
            raise CuratorError(
                f"Task {asked.external_id} (from curator 0.1.0) does not say whether it belongs to the hold-out: this campaign "
                "can be restored from a backup only, --from BACKUP."
            )
        role = "holdout" if asked.item_id in sealed else "train"
    row = new_question(project, asked.round, asked.item_id, role)
    if not is_key_of(asked.key, row["key"]):
        raise CuratorError(
            f"The question {asked.key} at the labeler (task {asked.external_id}) says that it asks about item "
            f"{asked.item_id!r} in round {asked.round}, which does not match its key: it was changed there. "
            "Put its data back, or delete the task."
        )
    # where the labeler does not know how many answers: as when it was picked
    wanted = row["answers_wanted"] if role == "train" and asked.why != AGAIN else 1
    return row | {
        "key": asked.key,
        "classes": version,
        "rank": asked.rank,
        "state": "asked",
        "external_id": asked.external_id,
        "answers_wanted": asked.answers_wanted or wanted,
        "why": asked.why or None,
        # as `utc_now` writes it, so that times compare
        "asked_at": asked.asked_at and datetime.fromisoformat(asked.asked_at).isoformat(timespec="seconds"),
    }


def _differing(pool: Pool, asked: list[AskedQuestion]) -> list[str]:
    """Ids of the items that are in the pool with another content than was asked about.

    Images that were uploaded, or are served from a folder, are not compared: their address says nothing.
    """
    found = pool.find(_hashes([question.item_id for question in asked]))
    comparable = [
        (row, question)
        for row, question in zip(found, asked, strict=True)
        if row >= 0 and (pool.kind == "text" or URL.match(question.content))
    ]
    now = pool.content_hashes(np.array([row for row, _ in comparable], dtype=np.int64))
    then = _hashes([question.content for _, question in comparable])
    return [comparable[at][1].item_id for at in np.flatnonzero((now != then).any(axis=1))]


def _hashes(texts: list[str]) -> HashArray:
    return as_hashes(digest(text.encode("utf-8", "surrogatepass")) for text in texts)
