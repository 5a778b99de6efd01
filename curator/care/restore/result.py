"""What a restore was told, what it works with, and what it tells."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from curator.care.backup import Backup
from curator.config import Config
from curator.progress import Progress


@dataclass(frozen=True)
class RestoreOptions:
    """What `curator restore` was told.

    Attributes:
        backup: made by `curator backup`; None = there is none.
        labeler_project: number of Label Studio's project; None = to be found.
        data: data files in the order in which they came in; empty = the one of curator.toml.
        embeddings: precomputed ones, one array file per data file, as in `curator init --embeddings`.
        holdout_embeddings: those of the hold-out file.
        force: also replace a ledger that is whole.
    """

    backup: Path | None = None
    labeler_project: int | None = None
    data: tuple[Path, ...] = ()
    embeddings: tuple[str, ...] = ()
    holdout_embeddings: str | None = None
    force: bool = False


@dataclass
class RestoreReport:
    """What a restore did.

    Attributes:
        folder: of the project.
        campaign: its id.
        moved_to: where the former `.curator` is now; None = there was none.
        counts: items, rounds, questions, holdout, answers, labels; spent, in micro-units of the currency (None: not known).
        restored: what is there again, a sentence each.
        missing: what could not be brought back, and what follows from it, a sentence each.
        notes: what else a person should know.
    """

    folder: str
    campaign: str = ""
    moved_to: str | None = None
    counts: dict[str, int | None] = field(default_factory=dict)
    restored: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


@dataclass(frozen=True)
class Restore:
    """One restore.

    Attributes:
        folder: of the project.
        config: of the project.
        building: where the new state is built.
        former: state folders that may have a pool and models, the best first.
        backup: what is restored from; None: from the labeler alone.
        options: what the user said.
        progress: shows how far it is.
        say: told, in a sentence, what a person should know while it runs.
        report: gets what was done and what is missing.
    """

    folder: Path
    config: Config
    building: Path
    former: tuple[Path, ...]
    backup: Backup | None
    options: RestoreOptions
    progress: Progress
    say: Callable[[str], None]
    report: RestoreReport


def numbered(what: str, numbers: list[int]) -> str:
    """Numbers in words: "round 3", "rounds 3 to 5", "rounds 3, 5"."""
    if len(numbers) == 1:
        return f"{what} {numbers[0]}"
    if numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"{what}s {numbers[0]} to {numbers[-1]}"
    return f"{what}s {', '.join(map(str, numbers))}"
