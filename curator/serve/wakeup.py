"""Wakes a waiting `curator round`, at most once a second and never later than a second after the last call."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from curator.project.wake import wake

GAP = 1.0  # seconds between two touches of the file


class WakeUp:
    """Touches the wake file when somebody calls. For use within one event loop.

    Args:
        path: the wake file.
        say: told when it cannot be touched.
    """

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self._path = path
        self._say = say
        self._free_at = 0.0
        self._planned = False

    def call(self) -> None:
        """Wake now, or as soon as the gap is over; calls until then are one."""
        if self._planned:
            return
        loop = asyncio.get_running_loop()
        wait = self._free_at - loop.time()
        if wait <= 0:
            self._touch()
        else:
            self._planned = True
            loop.call_later(wait, self._touch)

    def _touch(self) -> None:
        self._planned = False
        self._free_at = asyncio.get_running_loop().time() + GAP
        try:
            wake(self._path)
        except OSError as exc:
            self._say(
                f"{self._path} cannot be touched ({exc.strerror}): a waiting round looks for answers by itself."
            )
