"""How many threads the libraries of a process take that is started here. Imports nothing heavy: children load it too."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

# Each library reads its own once, when it is imported.
_THREAD_COUNTS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@contextmanager
def threads_of_children(count: int | None) -> Iterator[None]:
    """Processes started inside take so many threads for each library; None: as many as they would."""
    before = {name: os.environ.get(name) for name in _THREAD_COUNTS}
    if count is not None:
        os.environ.update(dict.fromkeys(_THREAD_COUNTS, str(count)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
