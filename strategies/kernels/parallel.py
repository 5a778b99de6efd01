"""Blocks of work on all cores, with results that do not depend on how many there are.

A matrix product adds up in another order for another number of threads, and the last bits decide near ties. So every
block is computed by one thread from beginning to end, the blocks are the same whatever runs them, and the cores share
out whole blocks.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

Block = TypeVar("Block")
Result = TypeVar("Result")


def cores() -> int:
    """How many threads may work: what this process may run on, or less where OMP_NUM_THREADS asks for less."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(allowed, int(asked)) if asked.isdigit() and int(asked) > 0 else allowed


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Inside, a matrix product runs on the thread that asks for it."""
    with _libraries(len(sys.modules)).limit(limits=1, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _libraries(_imported: int) -> Any:
    """What computes on threads of its own. Looked for anew only after something was imported: it takes milliseconds."""
    return ThreadpoolController()


def map_blocks(work: Callable[[Block], Result], blocks: Iterable[Block]) -> Iterator[Result]:
    """Results of `work` on each block, in the order of the blocks.

    `work` should spend its time where Python's lock is released: in numpy, or in numba functions with `nogil`.
    """
    threads = cores()
    if threads == 1:
        with one_thread_each():
            yield from map(work, blocks)
        return
    with one_thread_each(), ThreadPoolExecutor(threads) as pool:
        yield from pool.map(work, blocks)
