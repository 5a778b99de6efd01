"""kill -9: of curator at every write of its ledger, and of the server while it takes in and gives out."""

import os
import random
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

from benchmarks.faults.campaigns import (
    PRICE,
    Place,
    answer_tasks,
    copy,
    make,
    sign_up_all,
    unanswered,
)
from benchmarks.faults.outcome import answers_match, asked_once, at_server, first_difference, in_ledger
from benchmarks.faults.table import Row
from support.campaign import TOKEN, Campaign
from support.crash import run_round_in_child
from support.local_studio import LocalStudio

from curator.project.project import Project
from curator.rounds.run import run_round
from integrations.errors import IntegrationError
from integrations.labelers.label_studio.labeler import LabelStudioLabeler
from integrations.labelers.label_studio.launch import free_port

_MOST_WRITES = 50  # no call of `curator round` writes so often
_TRIES = 20


def of_curator(
    place: Place,
    *,
    rounds: int,
    writes: Sequence[int] = range(1, _MOST_WRITES),
    moments: Sequence[str] = ("before", "after"),
) -> Iterator[Row]:
    """Rows of campaigns in each of which every call of `curator round` is killed once.

    Args:
        place: to run in.
        rounds: of a campaign.
        writes: at which write of a call, one for each campaign; it ends when no call writes so often.
        moments: before or after the write is committed.
    """
    fresh = make(place, "kills", items=200, batch=8, holdout=12, spread=0.6)
    tokens = sign_up_all(place.studio, 2)
    calm = copy(fresh, place.root / "calm-kills")
    begun = time.perf_counter()
    _campaign(calm, rounds, tokens, None)
    expected = in_ledger(calm.folder), at_server(calm)
    kills, campaigns, broken = 0, 0, ""
    for moment in moments:
        for write in writes:
            folder = place.root / f"killed-{moment}-{write}"
            campaign = copy(fresh, folder)
            hit = _campaign(campaign, rounds, tokens, (write, moment))
            kills, campaigns = kills + hit, campaigns + 1
            wrong = (
                first_difference(expected[0], in_ledger(folder))
                or first_difference(expected[1], at_server(campaign))
                or asked_once(campaign)
                or answers_match(campaign, PRICE)
            )
            if wrong and not broken:
                broken = f"killed {moment} write {write}: {wrong}"
            if not hit:
                break
    if not kills:
        broken = broken or "no kill hit"
    yield Row(
        "kill -9 of curator", f"{kills} kills in {campaigns} campaigns of {rounds} rounds", time.perf_counter() - begun,
        broken=broken, verdict="each ended as without a kill; each question one task",
    )  # fmt: skip


def _campaign(campaign: Campaign, rounds: int, tokens: list[str], kill_at: tuple[int, str] | None) -> int:
    """Rounds asked, answered and measured; the call that begins each is killed once. Returns how many kills hit."""
    kills = 0
    env = {TOKEN: campaign.studio.token}
    for number in range(1, rounds + 2):
        code = run_round_in_child(campaign.folder, kill_at, env)
        if code == -signal.SIGKILL:
            kills += 1
            # Killed at a write, so no request is under way. Behind the last one only answers are left to wait for.
            code = run_round_in_child(campaign.folder, None, env, settle_seconds=0.0)
        if code:
            raise RuntimeError(
                f"`curator round` ended with {code} in round {number}, after a kill at {kill_at}"
            )
        if number <= rounds:
            answer_tasks(campaign, unanswered(campaign), tokens)
    return kills


class MortalStudio:
    """A server of its own that can be killed, and comes back at the same address with the same data."""

    def __init__(self, executable: Path, prepared: Path, data: Path) -> None:
        self.studio = LocalStudio(executable, prepared, data=data, port=free_port())

    def __enter__(self) -> Self:
        self.studio.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.studio.stop()

    def kill(self) -> None:
        """kill -9 of the server and all its processes."""
        with suppress(ProcessLookupError):
            os.killpg(self.studio.pid, signal.SIGKILL)

    def restart(self) -> None:
        """Start it again."""
        self.studio.stop()
        self.studio.start()


def of_server(place: Place, *, questions: int, pushes: int, pulls: int) -> Iterator[Row]:
    """Rows of a server that is killed during imports and during pulls."""
    with MortalStudio(place.executable, place.prepared, place.root / "mortal") as server:
        here = replace(place, studio=server.studio)
        rng = random.Random(0)
        begun = time.perf_counter()
        kills, broken = 0, ""
        for number in range(pushes):
            campaign = make(
                here, f"import-{number}", items=questions + 60, batch=questions, holdout=10, strategy="random"
            )
            kills += _round_with_a_kill(campaign, server, rng.uniform(0.02, 0.25), during="import_tasks")
            broken = broken or asked_once(campaign)
        yield Row(
            "kill -9 of the server during import", f"{kills} kills in {pushes} pushes of {questions:,}",
            time.perf_counter() - begun, broken=broken,
            verdict="each question is one task",
        )  # fmt: skip
        begun = time.perf_counter()
        tokens = sign_up_all(server.studio, 2)
        kills, open_ = 0, unanswered(campaign)
        share = max(1, len(open_) // (2 * pulls))
        for number in range(pulls):
            answer_tasks(campaign, open_[number * share : (number + 1) * share], tokens)
            kills += _round_with_a_kill(campaign, server, rng.uniform(0.0, 0.05), during="page")
        broken = answers_match(campaign, PRICE) or asked_once(campaign)
        yield Row(
            "kill -9 of the server during pull", f"{kills} kills in {pulls} pulls", time.perf_counter() - begun,
            broken=broken, verdict="0 lost, 0 doubled, each paid once",
        )  # fmt: skip


def _round_with_a_kill(campaign: Campaign, server: MortalStudio, delay: float, *, during: str) -> bool:
    """`curator round` with the server killed `delay` seconds into a call of its client, then again until it is through.

    Returns:
        Whether the kill hit: the first round did not get through.
    """
    killer = threading.Timer(delay, server.kill)
    through = _round(campaign, server, during, killer)
    hit = killer.ident is not None
    if hit:
        killer.join()
        server.restart()
    first = through
    for _ in range(_TRIES):
        if through:
            return hit and not first
        through = _round(campaign, server)
    raise RuntimeError(f"{_TRIES} calls of curator did not get through after the server was killed")


def _round(
    campaign: Campaign, server: MortalStudio, during: str = "", killer: threading.Timer | None = None
) -> bool:
    """One `curator round`; says whether it got through. The killer starts with the first call named `during`."""
    with Project(campaign.folder) as project:
        labeler = LabelStudioLabeler(
            server.studio.url, server.studio.token, chunk_size=500, settle_seconds=2.0
        )
        project.__dict__["labeler"] = labeler
        if killer is not None:
            call = getattr(labeler._client, during)

            def doomed(*args: object, **named: object) -> object:
                if killer.ident is None:
                    killer.start()
                return call(*args, **named)

            setattr(labeler._client, during, doomed)
        try:
            run_round(project)
        except IntegrationError:
            return False
        return True
