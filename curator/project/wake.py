"""The wake file: whoever touches it wakes a `curator round --wait` that sleeps beside it."""

from pathlib import Path


def wake_file(state: Path) -> Path:
    """The wake file of a project whose state is kept in `state`."""
    return state / "wake"


def wake(path: Path) -> None:
    """Wake whoever watches `path`.

    Raises:
        OSError: the file cannot be written.
    """
    path.touch()


class WakeWatch:
    """Notices when a wake file is touched; a look costs one `stat`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._touched()

    def rearm(self) -> None:
        """From now on only later touches count."""
        self._seen = self._touched()

    @property
    def called(self) -> bool:
        """Whether the file was touched since it was last armed."""
        return self._touched() != self._seen

    def _touched(self) -> int | None:
        try:
            return self._path.stat().st_mtime_ns
        except OSError:  # nobody has ever called
            return None
