"""`curator init`: one at a time, undone only as far as it was made, and begun anew where it was killed."""

import shutil
import threading

import pytest
from support.projects import dump, make_project, write_pool

import curator.start.create
from curator.config import CONFIG_NAME
from curator.errors import ConfigError, DataError, LockedError
from curator.files import project_lock
from curator.ledger.store import Ledger
from curator.progress import NoProgress
from curator.project.project import Project
from curator.rounds.run import run_round
from curator.start.beginning import refuse_existing
from curator.start.create import init_project
from curator.start.options import InitOptions

_LONG = 500  # seconds; only a fault takes as long


@pytest.fixture
def data(tmp_path):
    return write_pool(tmp_path / "pool.jsonl", 24)


def init(folder, data, **more):
    options = {"price": "0.08", "labeler": "replay", "batch": 4, "holdout": "4", **more}
    return init_project(InitOptions(name="p", data=data, **options), folder, NoProgress())


def paused(monkeypatch, name):
    """Hold a step of `init` up; returns events: it is there, it may go on."""
    there, go_on = threading.Event(), threading.Event()
    step = getattr(curator.start.create, name)

    def wait(*args, **more):
        there.set()
        assert go_on.wait(_LONG)
        return step(*args, **more)

    monkeypatch.setattr(curator.start.create, name, wait)
    return there, go_on, step


@pytest.mark.parametrize("step", ["make_plan", "load_data", "_begin", "render_config"])
def test_of_two_at_once_one_makes_the_project_and_keeps_it(tmp_path, data, monkeypatch, step):
    """Held up while planning, it finds the other's project; held up while it makes one, the other is refused."""
    folder = tmp_path / "p"
    there, go_on, original = paused(monkeypatch, step)
    errors = []

    def first():
        try:
            init(folder, data)
        except ConfigError as exc:
            errors.append(exc)

    thread = threading.Thread(target=first)
    thread.start()
    assert there.wait(_LONG)
    monkeypatch.setattr(curator.start.create, step, original)
    if step == "make_plan":
        init(folder, data)
        with Project(folder) as project:
            run_round(project)
            run_round(project)
        before = dump(folder)
    else:
        with pytest.raises(LockedError, match="curator init"):
            init(folder, data)
    go_on.set()
    thread.join(_LONG)
    if step == "make_plan":
        assert "already holds a project" in str(errors[0])
        assert dump(folder) == before
    else:
        assert errors == []
    assert (folder / CONFIG_NAME).exists()
    with Project(folder) as project:
        assert project.pool.n_items == 24


def test_a_failure_leaves_everything_of_others(tmp_path, data):
    """Files beside it and inside .curator; folders that were there stay, those made for it go."""
    folder = tmp_path / "deep" / "p"
    (folder / ".curator").mkdir(parents=True)
    for path in (folder / "mine.txt", folder / ".curator" / "mine.txt"):
        path.write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError):
        init(folder, data, holdout="24")  # found out when the pool is read
    assert {path.name for path in folder.rglob("*") if not path.name.startswith("lock")} == {
        ".curator",
        "mine.txt",
    }
    assert (folder / ".curator" / "mine.txt").read_text(encoding="utf-8") == "mine"
    with pytest.raises(ConfigError):
        init(tmp_path / "new" / "deeper" / "p", data, holdout="24")
    assert not (tmp_path / "new").exists()
    init(folder, data)
    assert (folder / ".curator" / "mine.txt").exists()


def test_a_failure_before_the_project_is_complete_takes_it_back(tmp_path, data, monkeypatch):
    """Embeddings that cannot be computed would fail again; a Ctrl-C meanwhile leaves a project to go on with."""
    for error, kept in ((DataError("no"), False), (KeyboardInterrupt(), True)):
        folder = tmp_path / f"p-{kept}"
        monkeypatch.setattr(Project, "encode", lambda _self, error=error: (_ for _ in ()).throw(error))
        with pytest.raises(type(error)):
            init(folder, data)
        assert folder.exists() == kept
        monkeypatch.undo()
    with Project(tmp_path / "p-True") as project:
        assert run_round(project).opened == 1


@pytest.mark.parametrize("left", ["nothing", "empty", "no tables", "some tables", "all but curator.toml"])
def test_the_same_command_after_a_kill_begins_anew(tmp_path, data, left):
    """Wherever it was killed: with a pool and no ledger, with half a ledger, just before curator.toml."""
    folder = make_project(tmp_path / "p", data=data, n=24, batch=4, holdout="4")
    (folder / CONFIG_NAME).unlink()
    ledger = folder / ".curator" / "ledger.db"
    (folder / ".curator" / "lock").write_text('{"pid": 1}', encoding="utf-8")
    if left != "all but curator.toml":
        ledger.unlink()
    if left == "empty":
        ledger.touch()
    elif left == "no tables":
        import sqlite3

        sqlite3.connect(ledger).execute("pragma user_version = 1").connection.close()
    elif left == "some tables":
        with Ledger(ledger) as opened:
            opened.execute("drop view gain")
            opened.execute("drop table verdicts")
    init(folder, data)
    with Project(folder) as project:
        assert run_round(project).opened == 1


@pytest.mark.parametrize("damage", [None, "torn", "wal"])
def test_a_ledger_that_was_used_is_never_taken_for_a_beginning(tmp_path, data, damage):
    """Also one that is damaged, or empty beside a WAL."""
    folder = make_project(tmp_path / "p", data=data, n=24, batch=4, holdout="4")
    with Project(folder) as project:
        run_round(project)
    (folder / CONFIG_NAME).unlink()
    ledger = folder / ".curator" / "ledger.db"
    if damage == "torn":
        ledger.write_bytes(ledger.read_bytes()[:5000])
    elif damage == "wal":
        shutil.copy(ledger, ledger.with_name("ledger.db-wal"))
        ledger.write_bytes(b"")
    before = {path.name: path.read_bytes() for path in (folder / ".curator").glob("ledger.db*")}
    with pytest.raises(ConfigError, match="holds a ledger"):
        init(folder, data)
    assert {name: (folder / ".curator" / name).read_bytes() for name in before} == before


def test_another_command_that_holds_the_folder_is_named(tmp_path, data):
    """A restore, say; and nothing is removed from under it."""
    state = tmp_path / "p" / ".curator"
    (state / "pool").mkdir(parents=True)
    refuse_existing(tmp_path / "p", state)
    with project_lock(state / "lock", "restore"), pytest.raises(LockedError, match="curator restore"):
        init(tmp_path / "p", data)
    assert (state / "pool").exists()
