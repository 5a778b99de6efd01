"""Many small trainings on all cores, each on one thread from beginning to end.

The products of one training are too small to be shared out: threads that wait for each other tripled its time where cores
were busy. And a sum over several threads ends in other bits for another number of them.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from strategies.kernels.parallel import map_blocks, one_thread_each

Part = TypeVar("Part")
Result = TypeVar("Result")


@contextmanager
def torch_on_one_thread() -> Iterator[None]:
    """Inside, what torch computes on the CPU runs on the thread that asks for it; microseconds to enter."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, this holds for torch and for numpy; milliseconds to enter."""
    with torch_on_one_thread(), one_thread_each():
        yield


def each_on_a_core(
    work: Callable[[Part], Result], parts: Iterable[Part], device: torch.device
) -> Iterable[Result]:
    """Results of `work` on each part, in order; on a GPU one after the other."""
    if device.type != "cpu":
        return map(work, parts)

    def on_one_thread(part: Part) -> Result:
        # A new thread begins with torch's own number. Not set back: that is for the one who called.
        torch.set_num_threads(1)
        return work(part)

    with one_thread():
        return list(map_blocks(on_one_thread, parts))
