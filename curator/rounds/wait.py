"""Wait for the open round: look again and again until it is answered, then finish it.

Looks are quick while answers come and rare while none do, and a touch of the wake file brings the next one at once.
Between looks nothing is held: no lock, no connection, no open file. So `curator status` works meanwhile, `curator
add` and edits of curator.toml are seen, and a sleeping laptop has nothing that could die.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from curator.errors import LockedError
from curator.ledger import queries
from curator.ledger.store import Ledger
from curator.project.project import Project, state_folder
from curator.project.wake import WakeWatch, wake_file
from curator.rounds.result import RoundReport
from curator.rounds.run import run_round
from integrations.errors import LabelerError

QUICK = 2.0  # seconds to the next look after answers came
SLOWER = 1.5  # each look without new answers makes the next pause so many times longer
LONGEST_AWAY = 60.0  # seconds between two tries to reach a server that is away
RATE_WINDOW = timedelta(minutes=30)  # a rate is that of the last half hour
_SLICE = 0.25  # seconds between two looks at the wake file
_SHORTEST = 0.5  # seconds between two looks at the labeler, however often it calls

# Goes on while a laptop sleeps, and never jumps when somebody sets the clock: Linux has it under the first name.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True)
class Pace:
    """How one annotator is getting on with the open round.

    Attributes:
        annotator: who.
        answers: to questions of the round.
        per_hour: answers per hour, over the last half hour.
        seconds: median time per answer as the labeler measured it; None = it did not.
    """

    annotator: str
    answers: int
    per_hour: float
    seconds: float | None


@dataclass(frozen=True)
class Waiting:
    """The open round at one look.

    Attributes:
        round: its number.
        asked: questions.
        answered: of these.
        left: questions that somebody has to answer yet.
        where: a person would look there.
        annotators: most answers first.
        seconds_left: until all is answered, at the pace of the last half hour; None = nobody answered in it.
    """

    round: int
    asked: int
    answered: int
    left: int
    where: str
    annotators: tuple[Pace, ...]
    seconds_left: float | None


def elapsed_clock() -> float:
    """Seconds on a clock that counts a computer's sleep too, and that nobody sets."""
    return time.clock_gettime(_CLOCK)


def wait_for_round(
    open_project: Callable[[], Project],
    *,
    batch: int | None = None,
    partial: bool = False,
    probs: Path | None = None,
    poll: float = 30.0,
    timeout: float = 72 * 3600.0,
    show: Callable[[Waiting], None] = lambda _waiting: None,
    say: Callable[[str], None] = lambda _text: None,
    clock: Callable[[], float] = elapsed_clock,
    sleep: Callable[[float], None] = time.sleep,
) -> RoundReport:
    """Run one labeling cycle as `run_round` does, but wait until the open round is answered.

    A labeler that is away is waited for, and so is another curator that works on the project just now.

    Args:
        open_project: opens the project; called for every look.
        batch: as in `run_round`.
        partial: as in `run_round`.
        probs: as in `run_round`.
        poll: most seconds between two looks at a labeler that is there.
        timeout: seconds to wait at most; there is always at least one look.
        show: told how the round stands, after every look that found it unanswered.
        say: told, in a sentence, what a person should know.
        clock: seconds; must count a computer's sleep.
        sleep: waits so many seconds.

    Returns:
        What the last look did; `waiting` when the time is over, or when somebody else finished the round meanwhile
        and the next one waits for answers.

    Raises:
        CuratorError, IntegrationError, StrategyError: what waiting cannot mend, at once; or at the end of the time
            what was in the way until then.
    """
    with open_project() as project:
        watch = WakeWatch(wake_file(state_folder(project.folder)))
    pauses = _Pauses(watch, poll, clock, sleep)
    obstacle = _Obstacle(say, clock)
    end = clock() + timeout
    said: set[str] = set()
    first: int | None = None
    while True:
        watch.rearm()  # what is answered while we look may be too late for this look
        try:
            with open_project() as project:
                report = run_round(project, batch=batch, partial=partial, probs=probs)
                state = read_waiting(project.ledger, report) if report.waiting else None
                if report.measured is None and first is not None:
                    # Measured by a look that something came in the way of afterwards.
                    report.measured = queries.measures.gain_of(project.ledger, first)
        except (LabelerError, LockedError) as exc:
            if (isinstance(exc, LabelerError) and not exc.away) or clock() >= end:
                raise
            obstacle.met(exc)
            pauses.away(end)
            continue
        obstacle.gone()
        if state is None:
            return report
        first = first or state.round
        if state.round != first:
            report.notes.append(
                f"Round {first} was finished by another curator; round {state.round} is waiting now."
            )
            return report
        show(state)
        if clock() >= end:
            return report
        for note in report.notes:
            if note not in said:
                said.add(note)
                say(note)
        pauses.waiting(state, end)


def read_waiting(ledger: Ledger, report: RoundReport) -> Waiting:
    """How the round that a look found unanswered stands."""
    progress = report.progress
    round_id = int(progress["round"])
    given: dict[str, list[tuple[datetime, float | None]]] = {}
    for row in queries.answers.answers_of_round(ledger, round_id):
        moment = datetime.fromisoformat(row["created_at"])
        given.setdefault(row["annotator"], []).append((moment, row["seconds"]))
    moments = [moment for answers in given.values() for moment, _ in answers]
    # The labeler's clock may be ahead of ours.
    now = max([datetime.now(UTC), *moments])
    paces = [_pace(annotator, answers, now) for annotator, answers in given.items()]
    rate = _per_hour(moments, now)
    return Waiting(
        round=round_id,
        asked=progress["asked"],
        answered=progress["answered"],
        left=progress["waiting"],
        where=report.where,
        annotators=tuple(sorted(paces, key=lambda pace: (-pace.answers, pace.annotator))),
        seconds_left=3600 * progress["waiting"] / rate if rate else None,
    )


def _pace(annotator: str, answers: list[tuple[datetime, float | None]], now: datetime) -> Pace:
    timed = [seconds for _, seconds in answers if seconds is not None]
    return Pace(
        annotator=annotator,
        answers=len(answers),
        per_hour=_per_hour([moment for moment, _ in answers], now),
        seconds=median(timed) if timed else None,
    )


def _per_hour(moments: list[datetime], now: datetime) -> float:
    """Answers per hour over the window, or since the first answer where that is later."""
    if not moments:
        return 0.0
    recent = sum(moment > now - RATE_WINDOW for moment in moments)
    # Somebody who has only just begun is not taken for infinitely quick.
    span = max(min(RATE_WINDOW, now - min(moments)), timedelta(minutes=1))
    return recent / (span / timedelta(hours=1))


class _Pauses:
    """How long to sleep: briefly after answers, longer and longer without; a call on the wake file ends a pause."""

    def __init__(
        self, watch: WakeWatch, poll: float, clock: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._watch = watch
        self._poll = poll
        self._clock = clock
        self._sleep = sleep
        self._pause = self._quick = min(QUICK, poll)
        self._away = self._quick
        self._before: object = None

    def waiting(self, state: Waiting, end: float) -> None:
        """Sleep after a look that found the round unanswered."""
        self._away = self._quick
        now = [(pace.annotator, pace.answers) for pace in state.annotators]
        if now != self._before:
            self._pause = self._quick
        self._before = now
        woken = self._nap(self._pause, end)
        # A call may come a moment before the answer can be seen: then the look after that must not be far.
        self._pause = self._quick if woken else min(self._pause * SLOWER, self._poll)

    def away(self, end: float) -> None:
        """Sleep after a look that found nobody."""
        self._nap(self._away, end)
        self._away = min(self._away * 2, LONGEST_AWAY)

    def _nap(self, seconds: float, end: float) -> bool:
        """Sleep; True when somebody called."""
        begin = self._clock()
        until = min(begin + seconds, end)
        earliest = min(begin + _SHORTEST, until)
        while (now := self._clock()) < until:
            if now >= earliest and self._watch.called:
                return True
            self._sleep(min(_SLICE, until - now))
        return self._watch.called


class _Obstacle:
    """What keeps a look from being taken: said once, and once more when it is over."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._say = say
        self._clock = clock
        self._since: float | None = None

    def met(self, exc: Exception) -> None:
        if self._since is None:
            self._since = self._clock()
            now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
            who = (
                "Another curator has been at work"
                if isinstance(exc, LockedError)
                else "The labeler has been unreachable"
            )
            self._say(f"{who} since {now}, trying again: {exc}")

    def gone(self) -> None:
        if self._since is not None:
            self._say(f"Continuing after {duration(self._clock() - self._since)}.")
            self._since = None


def duration(seconds: float) -> str:
    """A time span as people say it, to two units: 45 s, 12 min, 3 h 20 min, 2 d 4 h."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"
