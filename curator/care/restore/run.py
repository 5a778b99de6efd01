"""Restores a project: builds a new state beside the place of the old one, and puts it there when it is complete.

Whatever fails or is killed before, the project's folder is as it was; the same command starts over.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from curator.care.backup import Backup, check_backup
from curator.care.restore.answers import close_rounds, first_unpaid, pull_answers, reopen_newest
from curator.care.restore.asked import RESTORED, Taken, add_picks, take_in
from curator.care.restore.holdout import seal_sample_again
from curator.care.restore.items import LostItems, PoolRebuild
from curator.care.restore.models import bring_back_models, copy_ledger
from curator.care.restore.place import Place, find_place
from curator.care.restore.replay import ask_again
from curator.care.restore.result import RestoreOptions, RestoreReport, numbered
from curator.config import CONFIG_NAME, Config, load_config
from curator.errors import ConfigError, DataError
from curator.files import KERNEL, project_lock, sync_folder
from curator.ledger import queries
from curator.ledger.health import reading, schema_versions, why_unusable
from curator.ledger.store import Ledger
from curator.money.bill import sum_known
from curator.pool.hash_index import as_hashes, digest
from curator.pool.problems import counted, listed
from curator.progress import Progress
from curator.project.holdout import seal_file
from curator.project.instance import instance_name, same_place
from curator.project.project import Project, state_folder
from curator.rounds.push import prepare
from curator.serve.secret import FILE as SECRET
from integrations.disk import write_whole
from integrations.errors import HeldError, LabelerError

BUILDING = ".curator.restoring"
LEDGER = "ledger.db"
_EMPTY = (
    "lock",
    f"lock{KERNEL}",
    "instance.json",
)  # all that a restore which was killed leaves where there was no state


def restore_project(
    folder: Path,
    options: RestoreOptions,
    progress: Progress,
    say: Callable[[str], None] = lambda _text: None,
) -> RestoreReport:
    """Rebuild `.curator` from data files, the labeler and, where there is one, a backup.

    Args:
        folder: of the project; curator.toml is there.
        options: what the user said.
        progress: shows how far it is.
        say: told, in a sentence, what a person should know while it runs.

    Raises:
        ConfigError: wrong usage, or it is not clear what to restore.
        CuratorError, IntegrationError: the message says what to do. Nothing was changed.
    """
    folder = folder.resolve()
    backup = None if options.backup is None else check_backup(options.backup)
    if backup is not None and backup.has_config and not (folder / CONFIG_NAME).exists():
        raise ConfigError(
            f"{folder} has no {CONFIG_NAME}, but the backup does: copy {backup.config} there, then restore."
        )
    config = load_config(folder)
    state = state_folder(folder)
    _refuse_good_ledger(state, options)
    report = RestoreReport(str(folder))
    with _locked(state, say) as was_there:
        place = find_place(config, folder, options.labeler_project, backup)
        building = folder / BUILDING
        shutil.rmtree(building, ignore_errors=True)  # of a restore that was killed
        building.mkdir()
        try:
            _Restore(config, folder, building, place, backup, options, progress, say, report).run()
            report.moved_to = _put_in_place(building, state, was_there=was_there)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
    _hold(folder, report, say)
    return report


class _Restore:
    """One restore, step by step."""

    def __init__(
        self,
        config: Config,
        folder: Path,
        building: Path,
        place: Place,
        backup: Backup | None,
        options: RestoreOptions,
        progress: Progress,
        say: Callable[[str], None],
        report: RestoreReport,
    ) -> None:
        self.config = config
        self.folder = folder
        self.building = building
        self.place = place
        self.backup = backup
        self.options = options
        self.progress = progress
        self.say = say
        self.report = report
        # A damaged ledger may lie beside a pool and models that are whole; a backup may be a copy of a whole .curator.
        self.former = [state_folder(folder), *([] if backup is None else [backup.folder])]

    def run(self) -> None:
        """Build the whole state."""
        self._begin_ledger()
        rebuild = PoolRebuild(
            self.config, self.folder, self.building, self.options, self.progress, self.report
        )
        pool = rebuild.run(self.former)
        with (
            Project(self.folder, state=self.building, progress=self.progress, say=self.say) as project,
            LostItems(self.building / "lost.jsonl", self.config) as lost,
        ):
            project.pool = pool
            first = first_unpaid(project.ledger)
            if self.backup is None and self.config.holdout.file:
                with project.ledger.write():
                    seal_file(project.ledger, project.pool)
            taken = Taken() if self.place.inventory is None else take_in(project, self.place, lost)
            rebuild.import_lost(pool, lost)
            if self.backup is None and not self.config.holdout.file:
                seal_sample_again(project, taken, self.report)
            add_picks(project)
            _check_items(project)
            project.encode()
            self._answers(project, taken, first)
            self._secret()
            if self.backup is not None:
                bring_back_models(project, self.former, self.report)
            self._tell(project, taken)

    def _begin_ledger(self) -> None:
        self.report.campaign = self.place.campaign
        path = self.building / LEDGER
        if self.backup is None:
            with Ledger(path) as ledger, ledger.write():
                ledger.put("campaign", self.place.campaign)
            return
        copy_ledger(self.backup.ledger, path)
        with Ledger(path):
            pass  # brings its schema up to date
        self.report.restored.append(
            f"ledger of {self.backup.folder}"
            + (f", made {self.backup.made_at}" if self.backup.made_at else "")
            + f": {counted(self.backup.rounds, 'round')}, {counted(self.backup.answers, 'answer')}"
        )

    def _answers(self, project: Project, taken: Taken, first: int) -> None:
        ledger = project.ledger
        if not self.config.labeler.traits.keeps_questions:
            ask_again(ledger, self.building)
        reopen_newest(project, has_new=taken.questions > 0)
        current = queries.rounds.current_round(ledger)
        if self.place.inventory is not None and current is not None and current["status"] == "pushed":
            self.say("Reading the answers")
            pull_answers(project, self.place, first, self.report)
        closed = close_rounds(project, first)
        if closed:
            self.report.missing.append(
                f"{numbered('Round', closed)} closed without a measurement: their models and gains are lost. The next "
                "round trains on their labels too."
            )

    def _secret(self) -> None:
        """What Label Studio shows to `curator serve` stays good where it was not lost."""
        kept = state_folder(self.folder) / SECRET
        if kept.is_file():
            write_whole(self.building / SECRET, kept.read_bytes(), private=True)

    def _tell(self, project: Project, taken: Taken) -> None:
        """Counts, and what cannot be known."""
        ledger, report = project.ledger, self.report
        counts = {
            "items": project.pool.n_items,
            "rounds": queries.rounds.last_round_id(ledger),
            "questions": queries.questions.count_questions(ledger),
            "holdout": len(queries.holdout.holdout_ids(ledger)),
            "answers": queries.answers.count_answers(ledger),
            "labels": queries.labels.count_labeled(ledger),
            "spent": sum_known(queries.costs.spend(ledger).values()),
        }
        report.counts = counts
        if strange := queries.rounds.rounds_by_strategy(ledger, RESTORED):
            report.missing.append(
                f"{numbered('Round', strange)}: strategy and scores of the picks are unknown."
            )
        if taken.questions:
            report.restored.append(
                f"{counted(taken.questions, 'question')} read back from {project.labeler.where()}"
            )
            report.missing += _unknown(self.backup)
        if taken.others:
            report.notes.append(f"Left out: {counted(taken.others, 'task')} there from other campaigns.")
        if taken.keyless:
            report.notes.append(f"Left out: {counted(taken.keyless, 'task')} there not made by curator.")


def _unknown(backup: Backup | None) -> list[str]:
    """What no labeler keeps of its questions and answers."""
    since = "before the loss" if backup is None else "between the backup and the loss"
    return [
        f"Answers deleted or edited {since}: only their current state is known, and the price of deleted ones is not counted.",
        f"Questions deleted at the labeler {since}: their items may be asked about again.",
        "What the model would have suggested where no suggestion was shown: the effect of suggestions is measured from the next round on.",
        "Prices are those of curator.toml as it is now.",
        f"Invoices imported {since}, and compute costs: import the invoices again with `curator cost import`.",
    ]


def _check_items(project: Project) -> None:
    """Every item that the ledger names has to be in the pool."""
    named = queries.questions.named_items(project.ledger)
    hashes = as_hashes(digest(item_id.encode("utf-8", "surrogatepass")) for item_id in named)
    unknown = [named[at] for at in np.flatnonzero(project.pool.find(hashes) < 0)]
    if unknown:
        raise DataError(
            f"{len(unknown):,} items in the ledger are neither in a data file nor at the labeler: {listed(unknown, 5)}. Name "
            "every data file that was ever added, in order: `curator restore --data FILE --data FILE ...`."
        )


def _refuse_good_ledger(state: Path, options: RestoreOptions) -> None:
    ledger = state / LEDGER
    if state.exists() and not state.is_dir():
        raise ConfigError(f"{state} is not a folder. Move it away, then restore.")
    if options.force or not ledger.is_file() or why_unusable(ledger, full=True) is not None:
        return
    with reading(ledger) as opened:
        if not schema_versions(opened)[0]:
            return  # a whole database, but no ledger
    raise ConfigError(
        f"{ledger} exists and is intact, so nothing needs to be restored. To replace it anyway, use --force (the whole "
        ".curator is moved aside, not deleted). To keep its contents and rebuild the rest: `curator backup DIR`, then "
        "`curator restore --from DIR --force`."
    )


@contextmanager
def _locked(state: Path, say: Callable[[str], None]) -> Iterator[bool]:
    """Hold the project, also where there is no state yet; yields whether there was one."""
    state.mkdir(exist_ok=True)
    with project_lock(state / "lock", "restore") as dead:
        was_there = any(path.name not in _EMPTY for path in state.iterdir())
        if dead:
            say(dead)
        try:
            yield was_there
        except BaseException:
            if not was_there:  # only what this process made, while it holds it
                for name in _EMPTY:
                    (state / name).unlink(missing_ok=True)
                with suppress(OSError):
                    state.rmdir()
            raise


def _put_in_place(building: Path, state: Path, *, was_there: bool) -> str | None:
    """Give the new state its name; returns where the former one is now."""
    aside = None
    if was_there:
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        aside = next(
            path
            for number in range(1, 1000)
            if not (
                path := state.with_name(f".curator.lost-{stamp}" + (f"-{number}" if number > 1 else ""))
            ).exists()
        )
        state.rename(aside)
    else:
        shutil.rmtree(state)
    try:
        building.rename(state)
    except OSError:
        if aside is not None:
            aside.rename(state)
        raise
    sync_folder(state.parent)
    return None if aside is None else str(aside)


def _hold(folder: Path, report: RestoreReport, say: Callable[[str], None]) -> None:
    """Go on running the campaign from this folder, if it was run from here; anywhere else a person decides that."""
    with Project(folder, say=say) as project:
        if project.ledger.get("labeler_project") is None:
            return
        try:
            with project.locked("restore"):
                try:
                    prepare(project)
                except HeldError as exc:
                    if not same_place(exc.holder, instance_name(project.state)):
                        raise
                    project.take_over = True
                    prepare(project)
        except HeldError as exc:
            report.notes.append(
                f"Everything is restored, but the campaign is run from {exc.holder}. If that machine is gone for good, continue here with "
                "`curator round --take-over`; until then `curator round` is refused here."
            )
        except LabelerError as exc:
            report.notes.append(
                f"Everything is restored, but the labeler could not be told who runs the campaign now: {exc}"
            )
