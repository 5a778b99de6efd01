"""One row per thing that was measured, and the table of all of them."""

import multiprocessing
import re
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

_HEAD = ("what", "size", "seconds", "rate", "peak memory", "verdict")


@dataclass(frozen=True)
class Row:
    """What was done, how long it took, and whether what must hold did.

    Attributes:
        what: was done.
        size: of it.
        seconds: wall time; None = not measured.
        rate: per second, in words; "" = none.
        peak: most memory of the process that did it, in MB; None = not measured.
        broken: what should hold and does not; "" = all holds.
        verdict: what holds.
    """

    what: str
    size: str
    seconds: float | None
    rate: str = ""
    peak: float | None = None
    broken: str = ""
    verdict: str = "ok"

    def cells(self) -> tuple[str, ...]:
        """As they stand in the table."""
        return (
            self.what,
            self.size,
            "" if self.seconds is None else f"{self.seconds:.1f}",
            self.rate,
            "" if self.peak is None else f"{self.peak:.0f} MB",
            f"BROKEN: {self.broken}" if self.broken else self.verdict,
        )


def per_second(count: int, seconds: float, unit: str) -> str:
    """A rate in words."""
    rate = count / max(seconds, 1e-9)
    return f"{rate:,.0f} {unit}/s" if rate >= 10 else f"{rate:.1f} {unit}/s"


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a table in Markdown."""
    lines = [_HEAD, ("---",) * len(_HEAD), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def write_into(path: Path, name: str, text: str) -> None:
    """Put `text` between the marks of a block in a Markdown file.

    Raises:
        ValueError: the file has no such block.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    block = re.compile(f"({re.escape(begin)}\n).*?({re.escape(end)})", re.DOTALL)
    page, found = block.subn(
        lambda marks: f"{marks[1]}{text}\n{marks[2]}", path.read_text(encoding="utf-8"), count=1
    )
    if not found:
        raise ValueError(f"{path} has no block {name!r}")
    path.write_text(page, encoding="utf-8")


@dataclass(frozen=True)
class Measured:
    """What a function returned, and what it took."""

    value: Any
    seconds: float
    peak: float | None  # MB, of a process of its own


def in_process(function: Callable[..., Any], *args: Any) -> Measured:
    """Call a function in a fresh process, so that its memory is its own. The imports of the process are in its memory.

    Raises:
        RuntimeError: it raised, or the process died; says what it said.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(theirs, function, args))
    process.start()
    theirs.close()
    try:
        ok, value, seconds, peak = ours.recv()
    except EOFError:
        ok, value, seconds, peak = False, "the process died", 0.0, 0.0
    process.join()
    if not ok:
        raise RuntimeError(f"{function.__name__}: {value}")
    return Measured(value, seconds, peak)


def _call(pipe: Connection, function: Callable[..., Any], args: Sequence[Any]) -> None:
    begun = time.perf_counter()
    try:
        ok, value = True, function(*args)
    except Exception as exc:  # noqa: BLE001 - whatever it is, the parent says it
        ok, value = False, f"{type(exc).__name__}: {exc}"
    seconds = time.perf_counter() - begun
    pipe.send((ok, value, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
