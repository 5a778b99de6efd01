"""What `curator round --wait` shows while it waits: a live table on a terminal, else a line now and then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from curator.progress import Advance, RichProgress, printable
from curator.rounds.wait import Waiting, duration

PLAIN_SECONDS = 60.0  # between two lines where nobody can redraw a table


class WaitDisplay:
    """Shows how the round stands on stderr. It is a `Progress` too: bars and sentences take the table's place.

    Args:
        say: prints a sentence.
        console: where the table goes; None = stderr.
        clock: seconds.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say = say
        self._console = console or Console(stderr=True)
        self._clock = clock
        self._live: Live | None = None
        self._last_line = ""
        self._next_line = clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()

    def show(self, waiting: Waiting) -> None:
        """Draw the table anew; without a terminal print a line, when there is news and the last one is old enough."""
        if not self._console.is_terminal:
            self._print_line(waiting)
            return
        if self._live is None:
            self._live = Live(console=self._console, transient=True, auto_refresh=False)
            self._live.start()
        self._live.update(waiting_table(waiting), refresh=True)

    def say(self, text: str) -> None:
        """Print a sentence."""
        self._clear()
        self._say(text)

    @contextmanager
    def bar(self, label: str, total: int | None) -> Iterator[Advance]:
        """See `Progress.bar`."""
        self._clear()
        with RichProgress().bar(label, total) as advance:
            yield advance

    def _print_line(self, waiting: Waiting) -> None:
        line = waiting_line(waiting)
        if line != self._last_line and self._clock() >= self._next_line:
            self._say(line)
            self._last_line, self._next_line = line, self._clock() + PLAIN_SECONDS

    def _clear(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def waiting_line(waiting: Waiting) -> str:
    """How the round stands, in one line."""
    by = ", ".join(f"{pace.annotator} {pace.answers}" for pace in waiting.annotators)
    line = f"Round {waiting.round}: {waiting.answered} of {waiting.asked} questions answered"
    return f"{line} ({by})" if by else line


def waiting_table(waiting: Waiting) -> Group:
    """How the round stands, with a row per annotator."""
    left = (
        "no answers in the last half hour"
        if waiting.seconds_left is None
        else f"about {duration(waiting.seconds_left)} left"
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for header in ("annotator", "answers", "per hour", "median s"):
        table.add_column(header, justify="left" if header == "annotator" else "right")
    for pace in waiting.annotators:
        table.add_row(
            Text(printable(pace.annotator)),  # not as markup: a name may hold brackets
            f"{pace.answers:,}",
            f"{pace.per_hour:.0f}",
            "" if pace.seconds is None else f"{pace.seconds:.1f}",
        )
    return Group(
        Text(f"Round {waiting.round}: {waiting.answered:,} of {waiting.asked:,} questions answered, {left}"),
        *([table] if waiting.annotators else []),
        Text(f"{printable(waiting.where)}   Ctrl-C stops; nothing is lost", style="dim"),
    )
