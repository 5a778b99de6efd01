"""One measured row of the speed benchmark."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_LONG = 10.0  # core seconds; what takes more runs once


@dataclass(frozen=True)
class Row:
    """What one case cost.

    Attributes:
        workload: as in docs/performance.md: W1, W1e, W2, W2b.
        case: what was computed, and on what data.
        library: whose code.
        n: items.
        core_s: processor time of the process over all threads, seconds: on one thread, the wall time of a core that
            nothing else uses. Median of the runs.
        wall_s: wall time of the same run, seconds.
        runs: how many there were.
        peak_gib: the process's peak resident memory while it ran.
        data_gib: resident before it ran: inputs and imports.
        note: what a reader should know.
    """

    workload: str
    case: str
    library: str
    n: int
    core_s: float
    wall_s: float
    runs: int
    peak_gib: float
    data_gib: float
    note: str = ""
    result: Any = field(default=None, repr=False, compare=False)


def measure(
    workload: str, case: str, library: str, n: int, run: Callable[[], Any], *, most: int = 5, note: str = ""
) -> Row:
    """Run a case, once to warm up unless it is long, and keep the median.

    Args:
        workload: its name.
        case: its name.
        library: whose code it is.
        n: items.
        run: what is timed; everything else was prepared before.
        most: runs that count; a case above 10 core seconds runs once.
        note: passed on.

    Returns:
        The row; `result` is what the last run returned.
    """
    data = _gib("VmRSS")
    _restart_peak()
    times: list[tuple[float, float]] = []
    result = None
    while len(times) < most + 1:
        core, wall = time.process_time(), time.perf_counter()
        result = run()
        times.append((time.process_time() - core, time.perf_counter() - wall))
        if times[0][0] > _LONG:
            break
    if len(times) > 1:
        times = times[1:]  # the first paid for pages and compiled code
    core_s = median(core for core, _ in times)
    wall_s = min(times, key=lambda pair: abs(pair[0] - core_s))[1]
    return Row(workload, case, library, n, core_s, wall_s, len(times), _gib("VmHWM"), data, note, result)


def _restart_peak() -> None:
    """Linux counts the peak from here on; elsewhere it stays that of the process."""
    if _CLEAR.exists():
        _CLEAR.write_text("5", encoding="ascii")


def _gib(key: str) -> float:
    if not _STATUS.exists():
        return float("nan")
    line = next(line for line in _STATUS.read_text(encoding="ascii").splitlines() if line.startswith(key))
    return int(line.split()[1]) / 2**20
