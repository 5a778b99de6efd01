"""What a step tells the one who called: plain values, for the terminal and for JSON."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class RoundReport:
    """What one call of `curator round` did.

    Attributes:
        waiting: the open round is not answered yet, and nothing else was done.
        measured: a row of the `gain` view, when a round was measured.
        closed: the number of a round that could not be measured.
        closed_because: why not.
        opened: the number of the round that was sent.
        sent: questions at the labeler for it, training and hold-out together.
        holdout_sent: of these, hold-out questions.
        where: a person would look there.
        answers_itself: nobody has to be waited for (replay).
        seconds: of each stage that ran.
        verdict: whether to go on after the round that was measured, as `curator.rounds.advice.current` tells it.
        stopped: why no further batch is sent, and what to do: budget, deadline or target.
        notes: what a person should know.
    """

    waiting: bool = False
    measured: dict[str, Any] | None = None
    closed: int | None = None
    closed_because: str = ""
    opened: int | None = None
    sent: int = 0
    holdout_sent: int = 0
    where: str = ""
    answers_itself: bool = False
    progress: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    verdict: dict[str, Any] | None = None
    stopped: str = ""
    notes: list[str] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside as stage `name`."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - begin, 3)
