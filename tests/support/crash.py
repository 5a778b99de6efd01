"""Runs curator in a process of its own that is killed (SIGKILL) at a chosen write of the ledger.

The processes come from a fork server that has imported torch once and computed nothing: quick, and without
the threads that a forked copy of the test process would inherit.
"""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["torch", "faiss", "sklearn.linear_model", "curator.rounds.run", "curator.cli.app"]
)


def run_round_in_child(
    folder: Path,
    kill_at: tuple[int, str] | None,
    env: dict[str, str] | None = None,
    settle_seconds: float | None = None,
) -> int:
    """One `curator round`; returns the exit code, -9 when the kill hit.

    Args:
        folder: of the project.
        kill_at: (n, "before" | "after"): die around the commit of the n-th write; None: run to the end.
        env: set in the child.
        settle_seconds: how long to wait for a request that was cut off; None = as long as the labeler says.
    """
    process = _CONTEXT.Process(target=_run, args=(str(folder), kill_at, env or {}, settle_seconds))
    process.start()
    process.join(120)
    assert process.exitcode is not None, "the child did not end"
    return process.exitcode


def _run(
    folder: str, kill_at: tuple[int, str] | None, env: dict[str, str], settle_seconds: float | None
) -> None:
    os.environ.update(env)
    from curator.ledger.store import Ledger
    from curator.project.project import Project
    from curator.rounds.run import run_round

    if kill_at is not None:
        _arm(Ledger, *kill_at)
    with Project(Path(folder)) as project:
        if settle_seconds is not None:
            project.labeler.settle_seconds = settle_seconds
        run_round(project)


def _arm(ledger_class: Any, at: int, moment: str) -> None:
    """Make the process kill itself around its `at`-th ledger write."""
    whole, count = ledger_class.write, 0

    @contextmanager
    def write(self: Any) -> Iterator[Any]:
        nonlocal count
        count += 1
        mine = count
        with whole(self) as inside:
            yield inside
            if mine == at and moment == "before":
                os.kill(os.getpid(), signal.SIGKILL)
        if mine == at:
            os.kill(os.getpid(), signal.SIGKILL)

    ledger_class.write = write
