"""One row per thing that was measured, and the table of all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.tables import markdown_table

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
    return markdown_table(_HEAD, (row.cells() for row in rows))
