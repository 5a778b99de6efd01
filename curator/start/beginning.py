"""Where `curator init` makes a project: held by one process, cleared of a beginning that was killed, undone after an error.

Nothing is removed but what a beginning makes: the parts below, in a folder that is locked, while no ledger there holds
anything that was asked, answered or paid.
"""

import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from curator.config import CONFIG_NAME
from curator.errors import ConfigError, CuratorError, DataError
from curator.files import KERNEL, project_lock
from curator.ledger import queries
from curator.ledger.health import reading
from integrations.errors import EncoderError

_LEDGER = "ledger.db"
_FOLDERS = ("pool", "embeddings")
_FILES = (_LEDGER, f"{_LEDGER}-wal", f"{_LEDGER}-shm", f"{_LEDGER}-journal")
_LOCK = ("lock", f"lock{KERNEL}")
_OF_A_BEGINNING = frozenset({"state", "holdout"})  # tables with rows before the first round
_TRIES = 10  # to hold a folder that another process removes at that moment


def check_unicode(options: Mapping[str, object]) -> None:
    """Make sure that what was given can be kept: names of files, of columns and addresses go into curator.toml.

    Raises:
        ConfigError: some of it is no UTF-8.
    """
    odd = []
    for name, value in options.items():
        for text in value if isinstance(value, tuple) else (value,):
            try:
                str(text).encode()
            except UnicodeEncodeError:
                odd.append(f"  {name}: {str(text)!r}")
    if odd:
        raise ConfigError(
            "These are not UTF-8, so curator.toml cannot hold them:\n" + "\n".join(odd) + "\n"
            "Give files and columns UTF-8 names, and set a UTF-8 locale (LANG=C.UTF-8), then run again."
        )


def refuse_existing(folder: Path, state: Path) -> None:
    """Make sure that a project can be made in `folder`.

    Raises:
        ConfigError: there is one, or what is left of one that was used.
    """
    if (folder / CONFIG_NAME).exists():
        raise ConfigError(
            f"{folder} already holds a project ({CONFIG_NAME}). Add data with `curator add PATH`, start the new one "
            f"elsewhere with --project DIR, or move {CONFIG_NAME} and .curator away to start over."
        )
    if not _is_unused(state / _LEDGER):
        raise ConfigError(
            f"{state} holds a ledger but {folder} has no {CONFIG_NAME}. Put the {CONFIG_NAME} back, "
            "or move .curator away before starting over."
        )


@contextmanager
def held_for_init(folder: Path, state: Path) -> Iterator[None]:
    """Inside, `folder` is this process's alone to make a project in; after an error it is as it was before, or a project.

    Raises:
        ConfigError: somebody made a project there meanwhile.
        LockedError: somebody is making one.
        OSError: the folder cannot be made or written.
    """
    made: list[Path] = []
    try:
        with _locked(state, made):
            refuse_existing(folder, state)
            _remove_parts(state)  # of a beginning that was killed
            try:
                yield
            except BaseException as error:
                # Also on Ctrl-C. With curator.toml there, it is a project, and `curator round` goes on with embeddings
                # that are missing; but what fails on account of the items or the encoder would fail the next time too.
                if (folder / CONFIG_NAME).exists() and not isinstance(error, DataError | EncoderError):
                    made.clear()
                    raise
                (folder / CONFIG_NAME).unlink(missing_ok=True)
                _remove_parts(state)
                if state in made:
                    # While they are held: nobody can hold them anew meanwhile. Windows keeps what is open.
                    for name in _LOCK:
                        with suppress(OSError):
                            (state / name).unlink(missing_ok=True)
                raise
    except BaseException:
        for empty in reversed(made):
            with suppress(OSError):  # somebody may have put a file there meanwhile
                empty.rmdir()
        raise


@contextmanager
def _locked(state: Path, made: list[Path]) -> Iterator[None]:
    """Make the folders that are missing, the state's last, and hold that one; `made` gets those that were made."""
    with ExitStack() as held:
        for attempt in range(_TRIES):
            for missing in [path for path in (*reversed(state.parents), state) if not path.exists()]:
                with suppress(FileExistsError):
                    missing.mkdir()
                    made.append(missing)
            try:
                held.enter_context(project_lock(state / _LOCK[0], "init"))
                break
            except FileNotFoundError:  # another `init` has failed just now, and taken its folders away
                if attempt == _TRIES - 1:
                    raise
        yield


def _is_unused(ledger: Path) -> bool:
    """Whether nothing was ever asked, answered or paid by a ledger; also where there is none."""
    if not ledger.is_file():
        return True
    wal = ledger.with_name(f"{ledger.name}-wal")
    if not ledger.stat().st_size:  # killed before the first table was; or torn, and then a WAL holds the rest
        return not wal.exists() or not wal.stat().st_size
    try:
        with reading(ledger) as opened:
            return _OF_A_BEGINNING.issuperset(queries.unopened.filled_tables(opened))
    except (CuratorError, sqlite3.Error):
        return False  # damaged: then what it holds is for `curator restore` to say


def _remove_parts(state: Path) -> None:
    for name in _FOLDERS:
        shutil.rmtree(state / name, ignore_errors=True)
    for name in _FILES:
        (state / name).unlink(missing_ok=True)
