"""Push: send what is in the outbox, each question exactly once whatever fails in between.

The intention is in the ledger before anything is sent (`select` wrote it). A chunk is marked as being sent,
sent, and marked as asked. Whenever it is not certain what became of a chunk (a lost reply, a killed process),
the labeler is asked by our own keys what is there, for as long as the request may still be at work over
there, and only what is missing is sent again.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from curator.errors import ConfigError
from curator.ledger import queries, updates
from curator.ledger.store import Row, utc_now
from curator.project.labeler import project_spec
from curator.project.project import Project
from curator.rounds.classes.choices import former_choices, is_new_cannot_tell, note_cannot_tell
from integrations.errors import LabelerError
from integrations.labelers.protocol import Announcement, Neighbour, ProjectSpec, Question, Suggestion

ATTEMPTS = 4  # sends of one chunk before giving up
_FIRST_WAIT = 0.5  # seconds between look-ups, doubled each time


def push(project: Project, round_id: int, sleep: Callable[[float], None] = time.sleep) -> None:
    """Send the round's questions and mark it pushed.

    Raises:
        LabelerError: the labeler refused, or was away for too long; running again continues.
    """
    ledger, labeler = project.ledger, project.labeler
    prepare(project)
    _resolve_unknown(project, sleep)
    waiting = queries.questions.outbox(ledger, round_id)
    with project.progress.bar("asking", len(waiting)) as advance:
        for start in range(0, len(waiting), labeler.chunk_size):
            chunk = waiting[start : start + labeler.chunk_size]
            _send_chunk(project, chunk, sleep)
            advance(len(chunk))
    labeler.announce(_announcement(project, round_id))
    with ledger.write():
        ledger.update("rounds", round_id, status="pushed", pushed_at=utc_now())


def prepare(project: Project, *, claim: bool = True) -> None:
    """Create or check the labeler's project, and remember which it is.

    Args:
        project: opened.
        claim: be the one who runs the campaign; False only looks, whoever runs it.
    """
    ledger = project.ledger
    configured, known = project.config.labeler.project, ledger.get("labeler_project")
    if None not in (configured, known) and str(configured) != known:
        raise ConfigError(
            f"[labeler] project in curator.toml is {configured}, but this campaign asks in project {known}: its open "
            "questions and answers are there. Change it back, or remove the line."
        )
    known = known or (None if configured is None else str(configured))
    spec = labeler_spec(project)
    if not claim:
        spec = replace(spec, holder="")
    elif is_new_cannot_tell(ledger, project.config.labeler.cannot_tell):
        with ledger.write():
            note_cannot_tell(ledger, project.config.labeler.cannot_tell)
    reference = project.labeler.prepare(spec, known)
    if reference != ledger.get("labeler_project"):
        with ledger.write():
            ledger.put("labeler_project", reference)


def labeler_spec(project: Project) -> ProjectSpec:
    """What the labeler's project must look like now, with the choices that answers from before may hold."""
    config = project.config
    former = former_choices(project.ledger, config.labeler.cannot_tell, config.project.classes)
    return project_spec(config, project.campaign, project.folder, former=former, take_over=project.take_over)


def _announcement(project: Project, round_id: int) -> Announcement:
    ledger = project.ledger
    return Announcement(
        round=round_id,
        model_version=queries.questions.suggesting_model(ledger, round_id),
        answers_wanted=queries.questions.answers_wanted(ledger, round_id),
    )


def _send_chunk(project: Project, chunk: Sequence[Row], sleep: Callable[[float], None]) -> None:
    """Send one chunk; after an uncertain failure only what is provably missing is sent again."""
    ledger, labeler = project.ledger, project.labeler
    todo = list(chunk)
    for attempt in range(1, ATTEMPTS + 1):
        with ledger.write():
            updates.mark_questions(ledger, [row["key"] for row in todo], "sending", utc_now())
        questions = _questions(project, todo)
        try:
            _mark_asked(project, labeler.send(questions))
        except LabelerError as exc:
            if not exc.maybe_done:
                with ledger.write():
                    updates.mark_questions(ledger, [row["key"] for row in todo], "outbox")
                raise
            found = _look_until_settled(project, [row["key"] for row in todo], labeler.settle_seconds, sleep)
            todo = [row for row in todo if row["key"] not in found]
            if todo and attempt == ATTEMPTS:
                raise
        else:
            return
        if not todo:
            return


def _resolve_unknown(project: Project, sleep: Callable[[float], None]) -> None:
    """Find out about questions whose sending was cut off: asked, or back into the outbox."""
    ledger = project.ledger
    keys = queries.questions.keys_in_state(ledger, "sending")
    if not keys:
        return
    # Counted from now: `sending_at` is older than the request, and the clock may have jumped since.
    found = _look_until_settled(project, keys, project.labeler.settle_seconds, sleep)
    with ledger.write():
        updates.mark_questions(ledger, [key for key in keys if key not in found], "outbox")


def _look_until_settled(
    project: Project, keys: Sequence[str], patience: float, sleep: Callable[[float], None]
) -> set[str]:
    """Ask the labeler which keys are there until all are, or nothing can be under way any more."""
    waited, pause = 0.0, _FIRST_WAIT
    found: dict[str, str] = {}
    while True:
        try:
            found = project.labeler.find(keys)
        except LabelerError:
            if waited >= patience:
                raise
        if len(found) == len(keys) or waited >= patience:
            break
        sleep(min(pause, patience - waited))
        waited, pause = waited + pause, pause * 2
    _mark_asked(project, found)
    return set(found)


def _mark_asked(project: Project, there: dict[str, str]) -> None:
    with project.ledger.write():
        updates.mark_asked(project.ledger, there, asked_at=utc_now(), anew=True)


def _questions(project: Project, rows: Sequence[Row]) -> list[Question]:
    """The outbox rows with what the annotator will see."""
    items = project.pool.items(project.pool.rows([row["item_id"] for row in rows]))
    near = _neighbours(project, rows)
    drawn = queries.holdout.holdout_probabilities(project.ledger)
    return [
        Question(
            key=row["key"],
            item_id=row["item_id"],
            round=row["round"],
            rank=row["rank"],
            text=item.text,
            image=item.image,
            suggestion=(
                Suggestion(row["suggestion"], row["suggestion_score"], row["model_version"])
                if row["suggestion_shown"]
                else None
            ),
            role=row["role"],
            why=row["why"] or "",
            fields=item.fields,
            neighbours=tuple(near[item_id] for item_id in _listed(row)),
            drawn_with=drawn.get(row["item_id"]),
        )
        for row, item in zip(rows, items, strict=True)
    ]


def _neighbours(project: Project, rows: Sequence[Row]) -> dict[str, Neighbour]:
    """Item id -> what annotators see of it beside another item."""
    ids = sorted({item_id for row in rows for item_id in _listed(row)})
    if not ids:
        return {}
    labels, words = queries.labels.training_labels(project.ledger), project.task.form.words
    return {
        item.item_id: Neighbour(
            words(labels[item.item_id]) if item.item_id in labels else "?", item.text, item.image
        )
        for item in project.pool.items(project.pool.rows(ids))
    }


def _listed(row: Row) -> list[str]:
    """The items that are shown beside a question."""
    return [str(item_id) for item_id in json.loads(row["neighbours"] or "[]")]
