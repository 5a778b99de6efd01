"""Functions called in a process of their own, so that their memory and their threads are their own."""

import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from curator.simulate.child_threads import threads_of_children


@dataclass(frozen=True)
class Measured:
    """What a function returned, and what it took."""

    value: Any
    seconds: float
    peak: float | None  # MB, of a process of its own


@dataclass(frozen=True)
class Limits:
    """What the process may use.

    Attributes:
        threads: cores it runs on, and threads of each library; None: all.
        gib: memory of its own data; None: all.
        seconds: until it is ended; None: it takes what it takes.
    """

    threads: int | None = None
    gib: float | None = None
    seconds: float | None = None


_NO_LIMITS = Limits()


def in_process(function: Callable[..., Any], *args: Any, limits: Limits = _NO_LIMITS) -> Measured:
    """Call a function in a fresh process. The imports of the process are in its memory.

    Raises:
        RuntimeError: it raised, took too long, or the process died; says what it said.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(theirs, limits, function, args))
    with threads_of_children(limits.threads):
        process.start()
    theirs.close()
    try:
        if ours.poll(limits.seconds):
            ok, value, seconds, peak = ours.recv()
        else:
            process.kill()
            ok, value, seconds, peak = False, f"took more than {limits.seconds:g} s", 0.0, 0.0
    except EOFError:
        ok, value, seconds, peak = False, "the process died", 0.0, 0.0
    process.join()
    if not ok:
        error = RuntimeError(value)
        error.add_note(f"in {function.__name__}, called in a process of its own")
        raise error
    return Measured(value, seconds, peak)


def _call(pipe: Connection, limits: Limits, function: Callable[..., Any], args: Sequence[Any]) -> None:
    if limits.threads is not None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: limits.threads])
    if limits.gib is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (int(limits.gib * 2**30),) * 2)
    begun = time.perf_counter()
    try:
        ok, value = True, function(*args)
    except Exception as exc:  # noqa: BLE001 - whatever it is, the parent says it
        ok, value = False, f"{type(exc).__name__}: {exc}"
    seconds = time.perf_counter() - begun
    pipe.send((ok, value, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
