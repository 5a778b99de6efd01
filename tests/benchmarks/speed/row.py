"""How a case is measured: time, memory, and what came out."""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.speed.case import Case

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_LONG = 10.0  # processor seconds: whatever takes more runs once
_MOST_RUNS = 5


@dataclass(frozen=True)
class Row:
    """What one case cost.

    Attributes:
        case: that was measured.
        n: items.
        threads: cores it ran on.
        core_s: processor time of the process over all threads, seconds: on one thread, the wall time of a core that
            nothing else uses. Median of the runs.
        wall_s: wall time of the same run, seconds.
        runs: how many there were.
        peak_gib: the process's peak resident memory while it ran.
        data_gib: resident before it ran: inputs and imports.
        note: what a reader should know.
        error: why there are no numbers; "": there are.
    """

    case: Case
    n: int
    threads: int
    core_s: float = float("nan")
    wall_s: float = float("nan")
    runs: int = 0
    peak_gib: float = float("nan")
    data_gib: float = float("nan")
    note: str = ""
    error: str = ""

    @property
    def seconds(self) -> float:
        """What is compared: on one core its processor time, which other work on the machine hardly changes."""
        return self.core_s if self.threads == 1 else self.wall_s


def measure(case: Case, n: int, threads: int) -> Row:
    """Run a case in this process and keep the median.

    Args:
        case: to run.
        n: items.
        threads: cores that this process was given.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the peers
        if case.warm:
            case.prepare(min(n, case.warm)).run()
        prepared = case.prepare(n)
        data = _gib("VmRSS")
        _restart_peak()
        times, result = _timed(prepared.run, 1 if prepared.once else _MOST_RUNS + 1)
        peak = _gib("VmHWM")
    core_s = median(core for core, _ in times)
    wall_s = min(times, key=lambda pair: abs(pair[0] - core_s))[1]
    return Row(case, n, threads, core_s, wall_s, len(times), peak, data, prepared.note(result))


def _timed(run: Callable[[], Any], most: int) -> tuple[list[tuple[float, float]], Any]:
    """Processor and wall seconds of each run that counts, and the last result."""
    times: list[tuple[float, float]] = []
    result = None
    while len(times) < most and sum(core for core, _ in times) < _LONG:
        core, wall = time.process_time(), time.perf_counter()
        result = run()
        times.append((time.process_time() - core, time.perf_counter() - wall))
    return times[1:] or times, result  # the first of several paid for fresh pages


def _restart_peak() -> None:
    """Linux counts the peak from here on; elsewhere it stays that of the process."""
    if _CLEAR.exists():
        _CLEAR.write_text("5", encoding="ascii")


def _gib(key: str) -> float:
    if not _STATUS.exists():
        return float("nan")
    line = next(line for line in _STATUS.read_text(encoding="ascii").splitlines() if line.startswith(key))
    return int(line.split()[1]) / 2**20
