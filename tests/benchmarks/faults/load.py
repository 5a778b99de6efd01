"""Many questions: pushed, pulled, changed, deleted, each step in a process of its own so that its memory is its own."""

import os
import random
import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.faults.campaigns import PRICE, Api, Place, answer_tasks, make, sign_up_all
from benchmarks.faults.outcome import answers_match, asked_once
from benchmarks.faults.table import Row, per_second
from benchmarks.processes import Measured, in_process
from support.campaign import TOKEN, Campaign
from support.projects import edit_config

from curator.project.project import Project
from curator.rounds.run import run_round
from curator.views.status import read_status
from integrations.errors import LabelerError

_NOWHERE = "http://127.0.0.1:9"
_HOLDOUT = 100
_ANNOTATORS = 4


def run(
    place: Place,
    *,
    questions: int,
    answers: int,
    changed: int = 100,
    deleted: int = 10,
    pause: float = 61.0,
    apart: bool = True,
) -> Iterator[Row]:
    """Rows of a campaign whose first round asks many questions.

    Args:
        place: to run in.
        questions: of the round.
        answers: how many of them are answered.
        changed: how many change later, half by an edit and half by a first answer.
        deleted: how many are deleted in the end.
        pause: seconds before the incremental pull that is measured. A pull reaches back a minute: after that only
            what is new comes.
        apart: each step in a process of its own, to see its memory.
    """
    curator = partial(_curator, apart=apart)
    begun = time.perf_counter()
    campaign = make(
        place, "load", items=questions + _HOLDOUT + 1000, batch=questions, holdout=_HOLDOUT, strategy="random"
    )
    edit_config(campaign.folder, 'seed_strategy = "maxherding"', 'seed_strategy = "random"')
    yield Row("make the project", f"{questions + _HOLDOUT + 1000:,} items", time.perf_counter() - begun)

    # With the server away the round stops before anything is sent: what choosing takes is seen apart from sending.
    edit_config(campaign.folder, place.studio.url, _NOWHERE)
    chosen = curator(campaign, _choose)
    yield Row("choose", f"{questions:,} of the pool", chosen.seconds, peak=chosen.peak)
    edit_config(campaign.folder, _NOWHERE, place.studio.url)

    sent = curator(campaign, _round)
    asked = questions + _HOLDOUT
    yield Row(
        "push", f"{asked:,} questions", sent.seconds, per_second(asked, sent.seconds, "questions"), sent.peak,
        broken="" if sent.value == asked else f"{sent.value} questions were sent",
    )  # fmt: skip
    yield Row(
        "compare every question", f"{asked:,} questions", None,
        broken=asked_once(campaign), verdict="each question is one task",
    )  # fmt: skip

    pulled = curator(campaign, _status)
    yield _pulled("first pull, complete", f"{asked:,} questions", pulled, asked, {"answers": 0})

    rng = random.Random(0)
    tokens = sign_up_all(place.studio, _ANNOTATORS)
    tasks = [
        (int(row["external_id"]), row["item_id"])
        for row in campaign.rows("select external_id, item_id from questions order by rank")
    ]
    rng.shuffle(tasks)
    begun = time.perf_counter()
    answer_tasks(campaign, tasks[:answers], tokens)
    seconds = time.perf_counter() - begun
    yield Row(
        "answer by the server's API", f"{answers:,} by {_ANNOTATORS} annotators", seconds,
        per_second(answers, seconds, "answers"),
    )  # fmt: skip
    pulled = curator(campaign, _status)
    yield _pulled("pull the answers", f"{answers:,} of {asked:,}", pulled, answers, {"answers": answers})

    time.sleep(pause)
    _change(campaign, tasks[answers : answers + changed // 2], changed, tokens[0])
    pulled = curator(campaign, _status)
    held = answers + changed // 2
    yield _pulled(f"pull {changed} changed", f"among {asked:,}", pulled, changed, {"answers": held})
    pulled = curator(campaign, _status)
    yield _pulled("pull when nothing changed", f"{asked:,} questions", pulled, 0, {"answers": held})

    gone = tasks[-deleted:]
    api = Api(place.studio.url, tokens[0])
    for task, _ in gone:
        api.delete_task(task)
    api.close()
    pulled = curator(campaign, _status)
    yield _pulled(
        f"notice {deleted} deleted",
        f"among {asked:,}",
        pulled,
        deleted,
        {"answers": held, "withdrawn": deleted},
    )
    broken = answers_match(campaign, PRICE)
    yield Row(
        "compare every answer",
        f"{held:,} answers",
        None,
        broken=broken,
        verdict="0 lost, 0 doubled, each paid once",
    )


def _curator(campaign: Campaign, step: Any, *, apart: bool) -> Measured:
    args = (str(campaign.folder), campaign.studio.token)
    if apart:
        return in_process(step, *args)
    begun = time.perf_counter()
    value = step(*args)
    return Measured(value, time.perf_counter() - begun, None)


def _open(folder: str, token: str) -> Project:
    os.environ[TOKEN] = token
    return Project(Path(folder))


def _choose(folder: str, token: str) -> None:
    with _open(folder, token) as project:
        try:
            run_round(project)
        except LabelerError as exc:
            if not exc.away:
                raise
        (row,) = project.ledger.rows("select status from rounds")
        if row["status"] != "selected":
            raise RuntimeError(f"the round is {row['status']}, not selected")


def _round(folder: str, token: str) -> int:
    with _open(folder, token) as project:
        return run_round(project).sent


def _status(folder: str, token: str) -> dict[str, int]:
    """Pulls, and says what the ledger holds then."""
    with _open(folder, token) as project:
        status = read_status(project)
        away = [note for note in status.notes if "as of the last pull" in note]
        if away:
            raise RuntimeError(away[0])
        return {
            "answers": int(project.ledger.scalar("select count(*) from live_answers")),
            "withdrawn": int(
                project.ledger.scalar("select count(*) from questions where state = 'withdrawn'")
            ),
        }


def _pulled(what: str, size: str, pulled: Measured, count: int, expected: dict[str, int]) -> Row:
    wrong = {name: pulled.value[name] for name, value in expected.items() if pulled.value[name] != value}
    return Row(
        what, size, pulled.seconds, per_second(count, pulled.seconds, "questions") if count > 1000 else "",
        pulled.peak, broken=f"the ledger has {wrong}, not {expected}" if wrong else "",
    )  # fmt: skip


def _change(campaign: Campaign, new: list[tuple[int, str]], changed: int, token: str) -> None:
    """Answer `new` tasks, and edit as many old answers as make `changed` in all."""
    api = Api(campaign.studio.url, token)
    for task, item_id in new:
        api.answer(task, campaign.truth[item_id], 3.0)
    old = campaign.rows(
        f"select source_id, label from live_answers order by source_id limit {changed - len(new)}"
    )
    for row in old:
        number = int(re.match(r"\d+", row["source_id"])[0])
        api.edit(number, "red" if row["label"] == "blue" else "blue", 5.0)
    api.close()
