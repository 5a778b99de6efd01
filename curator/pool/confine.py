"""Keeps the files that a data file names inside its folder: a data file may come from anybody."""

import os
import stat
from pathlib import Path

from curator.pool.problems import Problems

WAY_OUT = (
    "Put these images into the folder, or allow them: curator init --allow-outside (allow_outside = true under [data] in"
    " curator.toml)."
)


class Confined:
    """Finds the files that are named, and notes those that may not be read.

    Args:
        data: the data file, or the folder of images; paths are relative to the folder of the data file.
        problems: takes what is wrong.
        allow_outside: a file may lie anywhere.
    """

    def __init__(self, data: Path, problems: Problems, *, allow_outside: bool) -> None:
        self._folder = data if data.is_dir() else data.parent
        # of the folder as it really is: that it is itself reached by a link is the user's choice
        self._inside = _as_folder(os.path.realpath(self._folder))
        self._problems = problems
        self._allow_outside = allow_outside

    def file(self, named: str, where: str) -> Path | None:
        """The file that a row names, absolute, its links not followed; None, and a problem noted, when it is refused.

        Args:
            named: as the row has it.
            where: the row, in words.
        """
        path = os.path.abspath(self._folder / named)  # noqa: PTH100 - resolve() would follow links
        if "\0" in path or not _encodable(path):
            self._problems.add(
                "file name is not valid Unicode",
                f"{where}: {named!r}",
                "Rename these files with UTF-8 names.",
            )
            return None
        real = os.path.realpath(path)
        if not self._allow_outside and not _as_folder(real).startswith(self._inside):
            leads = "" if real == named else f", which is {real}"
            # its name in the folder first: long paths are cut in the middle
            shown = named.removeprefix(_as_folder(str(self._folder)))
            self._problems.add(
                f"image outside the folder {self._inside}", f"{where}: {shown!r}{leads}", WAY_OUT
            )
            return None
        if _special(real):
            self._problems.add("not a file", f"{where}: {named!r}", "Give the paths of PNG or JPEG files.")
            return None
        return Path(path)


def is_inside(real: str, folder: Path) -> bool:
    """Whether a path, its links followed, lies in a folder."""
    return _as_folder(real).startswith(_as_folder(os.path.realpath(folder)))


def _as_folder(path: str) -> str:
    """With a slash at the end, so that /a/bc does not lie in /a/b."""
    return os.path.join(path, "")  # noqa: PTH118 - a Path has no slash at its end


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _special(path: str) -> bool:
    """Whether this is a pipe or a device, which could be read without end; a folder fails by itself."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - a str all along
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
