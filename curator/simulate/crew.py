"""Campaigns side by side: each on one core, in a process of its own where there are several."""

import multiprocessing
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from curator.errors import CuratorError
from curator.simulate.child_threads import threads_of_children
from curator.simulate.data import Labeled
from curator.simulate.runs import Point, Run, play_run

_CAN_HOLD = hasattr(signal, "pthread_sigmask")  # not on Windows


def play_all(path: Path, runs: Sequence[Run], jobs: int) -> Iterator[tuple[Run, list[Point]]]:
    """Play campaigns.

    Args:
        path: the data, as `Labeled.save` wrote them.
        runs: the campaigns.
        jobs: how many at a time; one is played in this process.

    Yields:
        Each campaign when it is finished.

    Raises:
        CuratorError: a campaign cannot be played, or a process died.
    """
    if jobs == 1 or len(runs) == 1:
        for run in runs:
            yield run, _play(path, run)
        return
    context = multiprocessing.get_context("spawn")
    with (
        threads_of_children(1),  # cores are shared out to campaigns
        ProcessPoolExecutor(min(jobs, len(runs)), mp_context=context, initializer=_end_at_ctrl_c) as pool,
    ):
        try:
            with _ctrl_c_waits():  # the first calls start the processes
                playing = {pool.submit(_play, path, run): run for run in runs}
            for done in as_completed(playing):
                yield playing[done], done.result()
        except BrokenProcessPool as exc:
            raise CuratorError(
                "A process of the simulation died, most likely for lack of memory. What was finished is kept: run the "
                "same command again, with fewer --jobs."
            ) from exc
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _play(path: Path, run: Run) -> list[Point]:
    return play_run(_data(path), run)


@cache
def _data(path: Path) -> Labeled:
    return Labeled.load(path)


@contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Inside, Ctrl-C waits; processes that are started inside keep it waiting until they are told what to do with it."""
    if threading.current_thread() is not threading.main_thread():  # it goes to the main thread anyway
        yield
        return
    mask = _hold_ctrl_c()
    handler = signal.getsignal(signal.SIGINT)
    came: list[int] = []
    if handler is not signal.SIG_IGN:  # a library's thread takes it where this one does not
        signal.signal(signal.SIGINT, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        _let_go(mask)
        signal.signal(signal.SIGINT, handler)
        for number in came[:1]:
            signal.raise_signal(number)


def _end_at_ctrl_c() -> None:
    """The terminal sends Ctrl-C to every process: this one ends at once, without a traceback; unless all are to ignore it."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if _CAN_HOLD:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _hold_ctrl_c() -> set[Any] | None:
    """Let processes that are started from now on inherit that Ctrl-C waits, where the system can; returns how it was."""
    return signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if _CAN_HOLD else None


def _let_go(mask: set[Any] | None) -> None:
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
