"""A folder of images: which files it holds, also behind links, and which level of folders says the class."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from curator.errors import DataError
from curator.pool.confine import is_inside
from curator.pool.formats import IMAGE_ENDINGS
from curator.pool.problems import Problems, counted, listed

# Folders of these names hold parts of a data set; the classes lie below them.
SPLIT_NAMES = frozenset(
    ("train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval", "holdout")
)
_WAY_IN = (
    "A link that leads elsewhere is followed with --allow-outside (allow_outside = true under [data] in curator.toml); or"
    " put the images into the folder, and make it readable."
)


@dataclass(frozen=True)
class ImageFolder:
    """What lies in a folder of images; hidden files and folders are left out.

    Attributes:
        folder: it.
        images: its PNG and JPEG files, sorted by their path; a linked folder is entered, its files have the link in their path.
        others: how many other files there are.
        refused: folders that were not entered, each with the reason: links that lead out of the folder, and what the
            system does not let us read.
        dangling: links that lead nowhere.
    """

    folder: Path
    images: tuple[Path, ...]
    others: int
    refused: tuple[str, ...]
    dangling: tuple[str, ...]

    def parts(self, image: Path) -> tuple[str, ...]:
        """The names of the folders between this folder and an image, the outermost first."""
        return image.relative_to(self.folder).parts[:-1]

    def report(self, problems: Problems) -> None:
        """Note the folders that had to be left out: a class would be missing, and nobody would know."""
        for what in self.refused:
            problems.add("folder that cannot be entered", what, _WAY_IN)


def read_image_folder(folder: Path, *, allow_outside: bool) -> ImageFolder:
    """Find the images below a folder.

    Links to folders are followed: to those inside the folder always, to others when allowed. A link that leads back to
    a folder it lies in is not, and a folder behind a link is entered once through it.

    Args:
        folder: of images.
        allow_outside: links may lead out of it.
    """
    walk = _Walk(folder, allow_outside=allow_outside)
    walk.enter(folder, (os.path.realpath(folder),), None)
    return ImageFolder(
        folder,
        tuple(sorted(walk.images)),
        walk.others,
        tuple(sorted(walk.refused)),
        tuple(sorted(walk.dangling)),
    )


class _Walk:
    def __init__(self, folder: Path, *, allow_outside: bool) -> None:
        self._folder = folder
        self._allow_outside = allow_outside
        self.images: list[Path] = []
        self.others = 0
        self.refused: list[str] = []
        self.dangling: list[str] = []

    def enter(self, folder: Path, above: tuple[str, ...], through: set[str] | None) -> None:
        """Take what is in a folder.

        Args:
            folder: by the path that its files get.
            above: the real paths of the folders on the way down to it, its own included.
            through: real paths of all folders entered through the link that we are behind; None = behind none. This
                bounds the work: links to links to links would lead to more paths than there are atoms.
        """
        for entry in self._entries(folder):
            path = folder / entry.name
            name = path.relative_to(self._folder).as_posix()
            if entry.is_symlink() and not path.exists():
                # an image is refused with its name when it is read
                if path.suffix.lower() in IMAGE_ENDINGS:
                    self.images.append(path)
                else:
                    self.dangling.append(name)
            elif entry.is_dir():
                real = os.path.realpath(path)
                behind = through
                if entry.is_symlink():
                    if not self._allow_outside and not is_inside(real, self._folder):
                        self.refused.append(f"{name!r} leads to {real}")
                        continue
                    behind = set() if through is None else through
                if real in above or (behind is not None and real in behind):
                    continue
                if behind is not None:
                    behind.add(real)
                self.enter(path, (*above, real), behind)
            elif path.suffix.lower() in IMAGE_ENDINGS:
                self.images.append(path)
            else:
                self.others += 1

    def _entries(self, folder: Path) -> Iterator["os.DirEntry[str]"]:
        try:
            with os.scandir(folder) as entries:
                yield from sorted(
                    (entry for entry in entries if not entry.name.startswith(".")),
                    key=lambda entry: entry.name,
                )
        except OSError as error:
            self.refused.append(
                f"{folder.relative_to(self._folder).as_posix()!r} ({error.strerror or error})"
            )


@dataclass(frozen=True)
class FolderLabels:
    """How the folders of images say the class.

    Attributes:
        level: of the folder that is the class, 1 = directly below the folder of images; None: the innermost.
        unlabeled: images that lie in no folder of that level.
        note: what was found, a sentence.
    """

    level: int | None
    unlabeled: int
    note: str


def folder_label(parts: Sequence[str], level: int | None) -> str | None:
    """The class that the folders of an image say; None when it lies in none of that level."""
    if level is None:
        return parts[-1] if parts else None
    return parts[level - 1] if len(parts) >= level else None


def folder_labels(found: ImageFolder, level: int | None, *, wanted: bool = False) -> FolderLabels | None:
    """Which level of folders holds the classes.

    The outermost, when one below it has more names (class/plant/image: there are more plants than classes); else the
    one with the fewest. A level of one name, or of names of parts (train, test), says no class.

    Args:
        found: the images.
        level: as the user says, 1 = the outermost; None to find out.
        wanted: the user says that folders are the classes.

    Returns:
        None when the images lie in no folders that could be classes.

    Raises:
        DataError: the level that was named is not there.
    """
    parts = [found.parts(image) for image in found.images]
    depth = max((len(part) for part in parts), default=0)
    if level is not None and not 1 <= level <= depth:
        raise DataError(
            f"{found.folder}: --label-level {level} does not exist: images lie up to {counted(depth, 'folder')} deep."
            " 1 is the folder directly below."
        )
    names = [_names(parts, at) for at in range(1, depth + 1)]
    asked = level is not None or wanted
    chosen = level or _best_level(names) or (depth if wanted else 0)
    if not chosen:
        return None
    even = level is None and chosen == depth and all(len(part) in (0, depth) for part in parts)
    kept = None if even else chosen
    unlabeled = [
        image for image, part in zip(found.images, parts, strict=True) if folder_label(part, kept) is None
    ]
    if 2 * len(unlabeled) > len(parts) and not asked:
        return None
    return FolderLabels(kept, len(unlabeled), _note(found, names, chosen, unlabeled))


def _names(parts: Sequence[tuple[str, ...]], level: int) -> set[str]:
    return {part[level - 1] for part in parts if len(part) >= level}


def _best_level(names: Sequence[set[str]]) -> int | None:
    """The level, from 1, that most likely holds the classes; None when none can."""
    fitting = [
        level
        for level, found in enumerate(names, start=1)
        if len(found) > 1 and not {name.lower() for name in found} <= SPLIT_NAMES
    ]
    if not fitting:
        return None
    outermost = fitting[0]
    if any(len(names[level - 1]) > len(names[outermost - 1]) for level in fitting):
        return outermost
    return min(fitting, key=lambda level: (len(names[level - 1]), -level))


def _note(found: ImageFolder, names: Sequence[set[str]], chosen: int, unlabeled: Sequence[Path]) -> str:
    classes = names[chosen - 1]
    if len(names) == 1:
        note = "label: name of the subfolder"
    else:
        others = [
            f"level {level} has {counted(len(there), 'name')} ({listed(sorted(there), 2)})"
            for level, there in enumerate(names, start=1)
            if level != chosen
        ]
        note = (
            f"label: name of the folder at level {chosen} ({counted(len(classes), 'name')}: {listed(sorted(classes), 4)});"
            f" {', '.join(others)}: --label-level N takes another"
        )
    if unlabeled:
        first = unlabeled[0].relative_to(found.folder).as_posix()
        note += f"; {counted(len(unlabeled), 'image')} in no such folder and so without a label (first: {first!r})"
    return note
