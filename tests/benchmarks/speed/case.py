"""What can be measured: one strategy or step of one library, on pools of several sizes."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

OURS, NAIVE = "curator", "numpy"


@dataclass(frozen=True)
class Prepared:
    """A case with its data made.

    Attributes:
        run: what is timed.
        note: what a reader should know of its result; worked out after the measurement.
        once: it cannot be run a second time.
    """

    run: Callable[[], Any]
    note: Callable[[Any], str] = lambda _result: ""
    once: bool = False


@dataclass(frozen=True)
class Case:
    """Something to measure.

    Attributes:
        workload: as in docs/measured/performance.md.
        task: what is computed, on what data. Cases of one workload and task are compared with each other.
        library: whose code: `OURS`, `NAIVE` (what one would write in numpy, nothing checked) or a peer.
        sizes: items in the pool; none larger than the largest is ever tried.
        prepare: makes the data for a number of items.
        package: that must be importable; "": it always is.
        warm: items of a first run that is not measured: it compiles and loads. 0: none.
    """

    workload: str
    task: str
    library: str
    sizes: tuple[int, ...]
    prepare: Callable[[int], Prepared]
    package: str = ""
    warm: int = 3_000

    @property
    def importable(self) -> bool:
        """Whether it can run in this interpreter."""
        return not self.package or find_spec(self.package) is not None

    @property
    def name(self) -> str:
        """In one line."""
        return f"{self.workload} {self.task}, {self.library}"
