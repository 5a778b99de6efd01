"""Two curators on one campaign, each in a folder of its own: copied later, or begun at the same moment."""

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from benchmarks.faults.campaigns import PRICE, Place, answer_tasks, copy, make, sign_up_all, unanswered
from benchmarks.faults.outcome import all_tasks, answers_match, asked_once, in_ledger, projects_of
from benchmarks.faults.table import Row
from support.campaign import TOKEN, Campaign

from curator.errors import CuratorError
from curator.project.project import Project
from curator.rounds.push import prepare
from curator.rounds.run import run_round
from integrations.errors import IntegrationError

_CHUNK = 6  # questions in a request: small, so that there is time to come in between
_REFUSED = "two would ask and pay twice"


def run(place: Place, *, starts: int) -> Iterator[Row]:
    """Rows of a campaign copied in the middle, and of `starts` campaigns begun twice at the same moment."""
    fresh = make(place, "rivals", items=200, batch=24, holdout=6, strategy="random")
    tokens = sign_up_all(place.studio, 2)
    yield _copied_later(place, fresh, tokens)
    begun = time.perf_counter()
    outcomes: Counter[str] = Counter()
    doubled, broken = 0, ""
    for number in range(starts):
        first = copy(fresh, place.root / f"start-{number}-a")
        second = copy(first, place.root / f"start-{number}-b", own=False)
        said = _at_once(first, second)
        outcomes[" and ".join(sorted("refused" if text else "asked" for text in said))] += 1
        strange = [text for text in said if text and _REFUSED not in text]
        twice, wrong = _aftermath(first, second, tokens)
        doubled += twice
        if (strange or wrong) and not broken:
            broken = f"start {number}: {(strange or [wrong])[0]}"
    yield Row(
        "two begin at the same moment",
        f"{starts} starts; " + ", ".join(f"{count}x {what}" for what, count in outcomes.items()),
        time.perf_counter() - begun, broken=broken,
        verdict=f"same picks, one of them goes on; {doubled} questions asked twice, every answer paid once",
    )  # fmt: skip


def _copied_later(place: Place, fresh: Campaign, tokens: list[str]) -> Row:
    """A copy of a campaign that is under way may look, and is refused when it would act; it changes nothing."""
    begun = time.perf_counter()
    first = copy(fresh, place.root / "first")
    first.curator("round")
    second = copy(first, place.root / "second", own=False)
    before = in_ledger(second.folder)
    refused = second.curator("round", code=1)
    broken = "" if _REFUSED in refused.stderr else f"the message is {refused.stderr!r}"
    second.curator("status")
    if in_ledger(second.folder) != before:
        broken = broken or "the ledger of the second has changed"
    answer_tasks(first, unanswered(first), tokens)
    first.curator("round")
    broken = broken or asked_once(first) or answers_match(first, PRICE)
    return Row(
        "a copy of a running campaign", "`curator round`, `curator status`", time.perf_counter() - begun,
        broken=broken, verdict="the round is refused with exit code 1 and why; status only looks; the first goes on",
    )  # fmt: skip


def _at_once(*campaigns: Campaign) -> list[str]:
    """Begin a round in each, in processes of their own, at the same moment; returns what each said, "" = it asked."""
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(len(campaigns)), context.Queue()
    processes = [
        context.Process(target=_begin, args=(barrier, answers, str(c.folder), c.studio.token))
        for c in campaigns
    ]
    for process in processes:
        process.start()
    said = dict(answers.get(timeout=300) for _ in processes)
    for process in processes:
        process.join()
    return [said[str(campaign.folder)] for campaign in campaigns]


def _begin(barrier: Barrier, answers: Any, folder: str, token: str) -> None:
    os.environ[TOKEN] = token
    with Project(Path(folder)) as project:
        project.labeler.chunk_size = _CHUNK
        prepare = project.labeler.prepare

        def together(*args: Any) -> str:
            barrier.wait(120)
            return prepare(*args)

        project.labeler.prepare = together  # type: ignore[method-assign]
        try:
            run_round(project)
            answers.put((folder, ""))
        except (CuratorError, IntegrationError) as exc:
            answers.put((folder, str(exc)))


def _aftermath(first: Campaign, second: Campaign, tokens: list[str]) -> tuple[int, str]:
    """Go on with both; returns how many questions stand at the server twice, and what is broken."""
    going = [campaign for campaign in (first, second) if not _is_refused(campaign)]
    if len(going) != 1:
        return 0, f"{len(going)} of 2 can go on"
    (winner,) = going
    loser = second if winner is first else first
    _resume(winner)
    if in_ledger(winner.folder)["picks"] != in_ledger(loser.folder)["picks"]:
        return 0, "the picks differ"
    there = Counter(task["data"]["key"] for task in all_tasks(winner))
    twice = sum(count - 1 for count in there.values())
    if twice:
        return twice, f"{twice} questions were asked twice"
    answer_tasks(winner, unanswered(winner), tokens)
    winner.curator("round")
    holding = [number for number in projects_of(winner) if winner.api.projects.get(number).task_number]
    if len(holding) != 1:
        return 0, f"questions stand in {len(holding)} projects"
    return 0, asked_once(winner) or answers_match(winner, PRICE)


def _is_refused(campaign: Campaign) -> bool:
    """Whether another folder runs the campaign now."""
    with Project(campaign.folder) as project:
        try:
            prepare(project)
        except IntegrationError as exc:
            if _REFUSED in str(exc):
                return True
            raise
        return False


def _resume(campaign: Campaign) -> None:
    """Finish the push, should it have been refused or cut off in between."""
    if not campaign.rows("select 1 from rounds where status = 'pushed'"):
        campaign.curator("round")
