"""Restores a project: builds a new state beside the place of the old one, and puts it there when it is complete.

Whatever fails or is killed before, the project's folder is as it was; the same command starts over.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import numpy as np

from curator.care.backup import Backup, check_backup, copy_ledger
from curator.care.restore.answers import ask_again, close_rounds, first_unpaid, pull_answers, reopen_newest
from curator.care.restore.models import bring_back_models
from curator.care.restore.place import Place, find_place
from curator.care.restore.pool import ALL_FILES, rebuild_pool
from curator.care.restore.questions import RESTORED, Taken, seal_asked, take_in
from curator.care.restore.result import Restore, RestoreOptions, RestoreReport, numbered
from curator.config import CONFIG_NAME, load_config
from curator.errors import ConfigError, DataError
from curator.files import KERNEL, project_lock, replace_folder
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
    folder: Path, options: RestoreOptions, progress: Progress, say: Callable[[str], None] = lambda _text: None
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
            # A damaged ledger may lie beside a pool and models that are whole; a backup may be a copy of a whole .curator.
            former = (state, *(() if backup is None else (backup.folder,)))
            _build(Restore(folder, config, building, former, backup, options, progress, say, report), place)
            if not was_there:
                shutil.rmtree(state)  # the lock alone
            aside = _free_name(state)
            if replace_folder(building, state, aside):
                report.moved_to = str(aside)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
    _hold(folder, report, say)
    return report


def _build(restore: Restore, place: Place) -> None:
    """Build the whole state."""
    config, building, report = restore.config, restore.building, restore.report
    _begin_ledger(restore, place)
    pool = rebuild_pool(restore)
    with Project(restore.folder, state=building, progress=restore.progress, say=restore.say) as project:
        project.pool = pool
        ledger = project.ledger
        first = first_unpaid(ledger)
        if restore.backup is None and config.holdout.file:
            with ledger.write():
                seal_file(ledger, pool)
        taken = take_in(project, place)
        if restore.backup is None and not config.holdout.file:
            seal_asked(project, taken, report)
        _check_items(project)
        project.encode()
        if not config.labeler.traits.keeps_questions:
            ask_again(ledger, building)
        reopen_newest(project, has_new=taken.questions > 0)
        current = queries.rounds.current_round(ledger)
        if place.inventory is not None and current is not None and current["status"] == "pushed":
            restore.say("Reading the answers")
            pull_answers(project, place, first, report)
        if closed := close_rounds(project, first):
            report.missing.append(
                f"{numbered('Round', closed)} closed without a measurement: their models and gains are lost. The next "
                "round trains on their labels too."
            )
        _keep_secret(state_folder(restore.folder), building)
        if restore.backup is not None:
            bring_back_models(project, restore.former, report)
        _tell(project, place, taken, restore)


def _begin_ledger(restore: Restore, place: Place) -> None:
    path, backup = restore.building / LEDGER, restore.backup
    restore.report.campaign = place.campaign
    if backup is None:
        with Ledger(path) as ledger, ledger.write():
            ledger.put("campaign", place.campaign)
        return
    copy_ledger(backup.ledger, path, path, restore.progress)
    with Ledger(path):
        pass  # brings its schema up to date
    made = f", made {backup.made_at}" if backup.made_at else ""
    restore.report.restored.append(
        f"ledger of {backup.folder}{made}: {counted(backup.rounds, 'round')}, {counted(backup.answers, 'answer')}"
    )


def _keep_secret(former: Path, building: Path) -> None:
    """What Label Studio shows to `curator serve` stays good where it was not lost."""
    kept = former / SECRET
    if kept.is_file():
        write_whole(building / SECRET, kept.read_bytes(), private=True)


def _tell(project: Project, place: Place, taken: Taken, restore: Restore) -> None:
    """Counts, and what cannot be known."""
    ledger, report = project.ledger, restore.report
    report.counts = {
        "items": project.pool.n_items,
        "rounds": queries.rounds.last_round_id(ledger),
        "questions": queries.questions.count_questions(ledger),
        "holdout": len(queries.holdout.holdout_ids(ledger)),
        "answers": queries.answers.count_answers(ledger),
        "labels": queries.labels.count_labeled(ledger),
        "spent": sum_known(queries.costs.spend(ledger).values()),
    }
    if taken.questions:
        report.restored.append(
            f"{counted(taken.questions, 'question')} read back from {project.labeler.where()}"
        )
        rounds = queries.rounds.rounds_by_strategy(ledger, RESTORED)
        report.missing.append(_unknown(rounds, restore.backup))
    others = sum(n for campaign, n in place.tasks.items() if campaign not in (place.campaign, None))
    if others:
        report.notes.append(f"Left out: {counted(others, 'task')} there from other campaigns.")
    if place.tasks[None]:
        report.notes.append(f"Left out: {counted(place.tasks[None], 'task')} there not made by curator.")


def _unknown(rounds: list[int], backup: Backup | None) -> str:
    """What no labeler keeps of its questions and answers."""
    since = "before the loss" if backup is None else "between the backup and the loss"
    of = f" of {numbered('round', rounds)}" if rounds else ""
    return (
        f"No labeler keeps the strategy and the scores{of}, the suggestions, the neighbours that were shown, the forecasts, what "
        f"each round gained, or its model: these stay unknown. So does what was edited or deleted {since}: a deleted "
        "answer's price is not counted, and the item of a deleted question may be asked about again. Prices are those of "
        "curator.toml as it is now; import invoices again with `curator cost import`."
    )


def _check_items(project: Project) -> None:
    """Every item that the ledger names has to be in the pool."""
    named = queries.questions.named_items(project.ledger)
    hashes = as_hashes(digest(item_id.encode("utf-8", "surrogatepass")) for item_id in named)
    unknown = [named[at] for at in np.flatnonzero(project.pool.find(hashes) < 0)]
    if unknown:
        raise DataError(
            f"{len(unknown):,} items in the ledger are in no data file: {listed(unknown, 5)}. Please {ALL_FILES}."
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


def _free_name(state: Path) -> Path:
    """Where the former state goes."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    names = (f".curator.lost-{stamp}" + (f"-{number}" if number > 1 else "") for number in count(1))
    return next(path for name in names if not (path := state.with_name(name)).exists())


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
