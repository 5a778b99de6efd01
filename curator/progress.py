"""Progress of long work, shown on stderr so that stdout stays for results."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int], None]


class Progress(Protocol):
    """Shows how far a long piece of work is."""

    def bar(self, label: str, total: int | None) -> AbstractContextManager[Advance]:
        """A bar for one piece of work.

        Args:
            label: what is being done, a few words.
            total: how many items there are; None when only the end will tell.

        Returns:
            A context manager that yields a function: call it with the number of items just finished.
        """
        ...


class NoProgress:
    """Shows nothing: the choice of library calls and tests."""

    @contextmanager
    def bar(self, label: str, total: int | None) -> Iterator[Advance]:  # noqa: ARG002 - the protocol's arguments
        """A bar that nobody sees."""
        yield lambda _: None


class RichProgress:
    """Bars with rate and time left, on stderr; silent when stderr is not a terminal."""

    @contextmanager
    def bar(self, label: str, total: int | None) -> Iterator[Advance]:
        """A bar that disappears when its work is done."""
        # rich takes 50 ms to import, and most commands draw no bar
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            ProgressColumn,
            Task,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bars
        from rich.text import Text

        class Rate(ProgressColumn):
            def render(self, task: Task) -> Text:
                speed = task.finished_speed or task.speed
                return Text("" if speed is None else f"{speed:,.0f}/s")

        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            Rate(),
            TimeRemainingColumn(),
        )
        with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
            task = bars.add_task(escape(printable(label)), total=total)
            yield lambda n: bars.advance(task, n)


# Control characters but line breaks and tabs, and those that turn the direction of what follows.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    r"""The text with each character that steers a terminal as its code, `\u001b`; in JSON that is the character still."""
    return _STEERING.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
