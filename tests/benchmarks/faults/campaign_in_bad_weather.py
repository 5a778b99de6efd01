"""A whole campaign through a way that loses things, beside one of the same seed that loses nothing."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.faults.campaigns import PRICE, Place, answer_tasks, copy, make, sign_up_all, unanswered
from benchmarks.faults.outcome import answers_match, asked_once, at_server, first_difference, in_ledger
from benchmarks.faults.table import Row
from benchmarks.faults.weather import Weather
from support.campaign import Campaign
from support.studio import gateway

from curator.errors import CuratorError
from curator.ledger import queries
from curator.ledger.store import Ledger
from curator.project.project import Project
from curator.rounds.run import run_round
from integrations.errors import IntegrationError
from integrations.labelers.label_studio.labeler import LabelStudioLabeler

_TIMEOUT = 3.0  # seconds that a call may take; beyond it the weather says "too late"
_SETTLE = 1.0  # seconds that a lost request may still be at work: the way passes it on at once, or never
_TRIES = 60  # calls of `curator round` in a row that may fail
_MOST_LOOKS = 5000  # when all is asked, until enough faults have hit
_CHUNK = 8  # questions in a request: small, so that many requests can be lost


@dataclass
class _Calls:
    done: int = 0
    failed: int = 0


def run(place: Place, *, faults: int, rounds: int, share: float, seed: int = 1) -> Iterator[Row]:
    """Rows of a campaign of so many rounds that at least `faults` faults hit."""
    fresh = make(place, f"weather-{seed}", items=40 * rounds + 200, batch=24, holdout=30, spread=0.6)
    calm = copy(fresh, place.root / f"calm-{seed}")
    tokens = sign_up_all(place.studio, 2)
    begun = time.perf_counter()
    _run_all(calm, rounds, tokens, _Calls(), more=lambda: False)
    calm_seconds = time.perf_counter() - begun
    expected = in_ledger(calm.folder), at_server(calm)
    yield Row("the campaign in fair weather", f"{rounds} rounds", calm_seconds)

    weather = Weather(seed, share, _TIMEOUT + 1.0)
    calls = _Calls()
    begun = time.perf_counter()
    with gateway(place.studio.url, weather) as way:
        stormy = copy(fresh, place.root / f"stormy-{seed}", url=way.url)
        _run_all(stormy, rounds, tokens, calls, more=lambda: weather.total < faults)
        requests = len(way.requests)
    seconds = time.perf_counter() - begun
    hits = ", ".join(f"{count} {kind}" for kind, count in sorted(weather.hits.items()))
    yield Row(
        f"{weather.total} faults", f"{hits}; of {requests:,} requests, {weather.writes} that change something", seconds,
        f"{calls.done} calls of curator went through, {calls.failed} ended in an error and were made again",
        broken="" if weather.total >= faults else f"only {weather.total} of {faults} faults hit",
        verdict="every error was one line",
    )  # fmt: skip
    found = in_ledger(stormy.folder), at_server(stormy)
    size = f"{len(found[0]['questions'])} questions, {len(found[0]['answers'])} answers"
    yield Row(
        "the ledger", size, None, broken=first_difference(expected[0], found[0]),
        verdict="decisions, answers, labels, costs and measures as in fair weather",
    )  # fmt: skip
    yield Row(
        "the server", size, None,
        broken=first_difference(expected[1], found[1]) or asked_once(stormy) or answers_match(stormy, PRICE),
        verdict="tasks, suggestions, tabs as in fair weather; each question one task",
    )  # fmt: skip


def _run_all(
    campaign: Campaign, rounds: int, tokens: list[str], calls: _Calls, *, more: Callable[[], bool]
) -> None:
    """Every round asked, answered in two parts with a look between, and measured; then looks while `more` says so."""
    for number in range(1, rounds + 1):
        _until(campaign, calls, lambda status, n=number: status == (n, "pushed"))
        open_ = unanswered(campaign)
        answer_tasks(campaign, open_[: len(open_) // 2], tokens)
        _call(campaign, calls)
        answer_tasks(campaign, open_[len(open_) // 2 :], tokens)
    _until(campaign, calls, lambda status: status == (rounds + 1, "pushed"))
    for _ in range(_MOST_LOOKS):
        if not more():
            break
        _call(campaign, calls)


def _until(campaign: Campaign, calls: _Calls, reached: Callable[[tuple[int, str]], bool]) -> None:
    for _ in range(_TRIES):
        if reached(_status(campaign)):
            return
        _call(campaign, calls)
    raise RuntimeError(f"{_TRIES} calls of curator did not get the campaign on: it is at {_status(campaign)}")


def _status(campaign: Campaign) -> tuple[int, str]:
    with Ledger(campaign.folder / ".curator" / "ledger.db") as ledger:
        current = queries.rounds.current_round(ledger)
        return (0, "") if current is None else (int(current["id"]), str(current["status"]))


def _call(campaign: Campaign, calls: _Calls) -> None:
    """One `curator round`; an error that the user would see as one line is counted, any other ends the benchmark."""
    with Project(campaign.folder) as project:
        # as make_labeler does, but small, impatient and quick
        labeler = LabelStudioLabeler(
            project.config.labeler.url or "", campaign.studio.token,
            timeout=_TIMEOUT, chunk_size=_CHUNK, settle_seconds=_SETTLE,
        )  # fmt: skip
        project.__dict__["labeler"] = labeler
        try:
            run_round(project)
            calls.done += 1
        except (CuratorError, IntegrationError) as exc:
            if "\n" in str(exc):
                raise RuntimeError(f"more than one line: {exc}") from exc
            calls.failed += 1
