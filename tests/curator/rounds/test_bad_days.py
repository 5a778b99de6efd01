"""Bad days of a ledger: full and read-only disks, damaged and truncated files, lost WALs, locks, clocks that jump.

Each time: one clear line that says what to do, nothing lost, and afterwards the campaign goes on as if nothing had been.
"""

import json
import re
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from support.crash import run_round_in_child
from support.projects import dump, make_project
from support.small_disk import can_mount, run_on_small_disk
from typer.testing import CliRunner

from curator.care.backup import make_backup
from curator.cli.app import app
from curator.errors import CuratorError, LedgerError
from curator.ledger import store
from curator.ledger.health import why_unusable
from curator.ledger.store import Ledger
from curator.project.project import Project
from curator.rounds.run import run_round


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """A fresh project, and what undisturbed calls of `curator round` make of it: after[0], after[1], after[2]."""
    root = tmp_path_factory.mktemp("bad-days")
    after = [make_project(root / "after-0", n=160, batch=8, holdout="30")]
    for call in (1, 2):
        after.append(root / f"after-{call}")
        shutil.copytree(after[-2], after[-1])
        with Project(after[-1]) as project:
            run_round(project)
    return after


@pytest.fixture
def begun(campaign, tmp_path):
    """A copy of the project after its first call: questions are out."""
    return shutil.copytree(campaign[1], tmp_path / "p")


def ledger_of(folder):
    return folder / ".curator" / "ledger.db"


def refused(folder, *command):
    """What a command says that fails with exit code 1, which is one line and no traceback."""
    done = CliRunner().invoke(app, [*command, "--project", str(folder)])
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(said) == 1
    return said[0]


def root_page(folder, name):
    """Offset and size of the root page of a table or index in the file."""
    with Ledger(ledger_of(folder)) as ledger:
        size = ledger.scalar("pragma page_size")
        return (ledger.scalar("select rootpage from sqlite_master where name = ?", [name]) - 1) * size, size


def overwrite(path, at, content):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


def damage_page(name, content, folder):
    """Overwrite the root page of a table or index."""
    at, size = root_page(folder, name)
    overwrite(ledger_of(folder), at, (content * size)[:size])


def damage_index_entry(folder):
    """Change one key within an index, and nothing of its structure: only a comparison with the table shows it."""
    with Ledger(ledger_of(folder)) as ledger:
        key = ledger.scalar("select key from questions order by key limit 1").encode()
        index = ledger.scalar(
            "select name from sqlite_master where type = 'index' and tbl_name = 'questions' and sql is null"
        )
    at, size = root_page(folder, index)
    page = ledger_of(folder).read_bytes()[at : at + size]
    assert page.count(key) == 1, "the index of so few questions is one page"
    overwrite(ledger_of(folder), at + page.index(key), b"!" + key[1:])


def cut(keep, folder):
    with ledger_of(folder).open("r+b") as file:
        file.truncate(int(ledger_of(folder).stat().st_size * keep))


DAMAGES = {
    "header": lambda folder: overwrite(ledger_of(folder), 0, b"\0" * 100),
    "schema page": lambda folder: overwrite(ledger_of(folder), 100, b"\xff" * 600),
    "table page, garbage": partial(damage_page, "answers", b"garbage "),
    "table page, zeros": partial(damage_page, "costs", b"\0"),
    "index page, zeros": partial(damage_page, "idx_answers_key", b"\0"),
    "index entry": damage_index_entry,
    "cut in the middle": partial(cut, 0.5),
    "cut within a page": partial(cut, 0.83),
    "emptied": partial(cut, 0),
    "another program's": lambda folder: (
        ledger_of(folder).unlink(),
        sqlite3.connect(ledger_of(folder))
        .executescript("create table notes (text); vacuum;")
        .connection.close(),
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_ledger_is_refused_and_a_backup_goes_on(campaign, begun, tmp_path, damage):
    """Noticed when it is opened, before anything is asked or paid; left as it is; the backup goes on from there."""
    backup = make_backup(begun, tmp_path / "backup")
    damage(begun)
    found = ledger_of(begun).read_bytes()
    for command in ("round", "status"):
        said = refused(begun, command)
        assert "ledger.db is damaged" in said
        assert "curator restore --from BACKUP" in said
    assert ledger_of(begun).read_bytes() == found
    with pytest.raises(LedgerError, match="is damaged"):
        make_backup(begun, tmp_path / "second")
    assert not (tmp_path / "second").exists()
    shutil.copy(backup.ledger, ledger_of(begun))
    with Project(begun) as project:
        run_round(project)
    assert dump(begun) == dump(campaign[2])


def test_a_page_damaged_while_the_ledger_is_open_is_not_misread(begun):
    """The check was when it was opened: what breaks later is refused when it is read."""
    with Ledger(ledger_of(begun)) as ledger:
        with sqlite3.connect(ledger_of(begun)) as other:
            page = other.execute("select rootpage from sqlite_master where name = 'questions'").fetchone()[0]
        other.close()
        overwrite(ledger_of(begun), (page - 1) * 4096, b"\xff" * 4096)
        with pytest.raises(LedgerError, match=r"is damaged.*curator restore"):
            ledger.rows("select * from questions")


@pytest.mark.parametrize("write", [2, 5, 8])
@pytest.mark.parametrize("what", ["deleted", "cut", "garbage"])
def test_a_lost_or_torn_wal_after_a_kill_loses_nothing(campaign, tmp_path, write, what):
    """Each commit goes on into the file at once, so what a kill leaves in the WAL is there already."""
    folder = shutil.copytree(campaign[1], tmp_path / "p")
    assert run_round_in_child(folder, (write, "after")) == -9
    wal = ledger_of(folder).with_name("ledger.db-wal")
    assert wal.stat().st_size > 4096
    if what == "deleted":
        wal.unlink()
        wal.with_name("ledger.db-shm").unlink()
    elif what == "cut":
        with wal.open("r+b") as file:
            file.truncate(wal.stat().st_size - 5000)
    else:
        overwrite(wal, wal.stat().st_size // 2, b"garbage " * 600)
    assert why_unusable(ledger_of(folder)) is None
    # Killed after the last write, nothing is left to do: another call would begin the next cycle.
    if dump(folder) != dump(campaign[2]):
        assert run_round_in_child(folder, None) == 0
    assert dump(folder) == dump(campaign[2])


@pytest.mark.parametrize("call", [1, 2])
def test_a_full_disk_at_every_write_keeps_whole_steps(campaign, tmp_path, call):
    """SQLite's own limit of pages stands for the disk: raised page by page, each write is the one that fails once.

    `pragma max_page_count` holds for a connection only, so the test sets it on the open ledger's.
    """
    folder = shutil.copytree(campaign[call - 1], tmp_path / "p")
    said = []
    for extra in range(200):
        with Project(folder) as project:
            pages = project.ledger.scalar("pragma page_count")
            limit = max(pages, campaign_pages(campaign[call - 1]) + extra)
            project.ledger.execute(f"pragma max_page_count = {limit}")
            try:
                run_round(project)
            except LedgerError as exc:
                said.append(str(exc))
                continue
        break
    assert len(said) >= 2
    assert all(
        re.search("No space is left on the disk of the ledger.*Free some space", line) for line in said
    )
    assert dump(folder) == dump(campaign[call])


def campaign_pages(folder):
    with Ledger(ledger_of(folder)) as ledger:
        return ledger.scalar("pragma page_count")


@pytest.fixture
def story(tmp_path):
    """Tells a story on a small disk of its own."""
    if not can_mount():
        pytest.skip("no root and no user namespaces: no small disk to fill (the test above needs none)")
    (tmp_path / "elsewhere").mkdir()

    def tell(name, size):
        done = run_on_small_disk(
            "support.disk_stories", tmp_path / "disk", size, str(tmp_path / "elsewhere"), name
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert not [call for call in told.get("calls", []) if call["crash"]]
        return told

    return tell


def test_rounds_on_a_disk_that_really_is_full(story):
    """However little is left: one line that says so, and with room again the same ledger as without the trouble."""
    told = story("full", "4m")
    failed = [call["said"] for call in told["calls"] if call["code"]]
    assert [said for said in failed if "No space is left on the disk" not in said or "run" not in said] == []
    assert {call["code"] for call in told["calls"]} == {0, 1}
    assert len(failed) > 8
    assert told["same"]


def test_a_read_only_disk(story):
    """Nothing can be asked, but the ledger can be looked at and brought to safety; then the round goes on."""
    told = story("read_only", "4m")
    (round_, status, again) = told["calls"]
    assert (round_["code"], status["code"]) == (1, 0)
    assert "Read-only file system" in round_["said"]
    assert "accessible to this user" in round_["said"]
    assert "0 of 14 questions" in status["said"] or "labels to train on" in status["said"]
    assert again["code"] == told["backup"]["code"] == 0
    assert told["doctor"]["crash"] is None
    assert re.search(r"FAIL  folder .*Read-only file system", told["doctor"]["said"])
    assert re.search(r"ok    ledger +whole", told["doctor"]["said"])


def test_init_on_a_full_disk_leaves_nothing_or_goes_on(story):
    """Pool, ledger and embeddings are whole or not there: init takes itself back, or the first round encodes the rest."""
    told = story("init", "12m")
    *failed, _ = told["calls"]
    assert [call["code"] for call in told["calls"]] == [1] * len(failed) + [0]
    assert all("No space" in call["said"] for call in failed)
    *nothing_left, embedding = failed
    assert all(call["left"] == [] for call in nothing_left)
    assert embedding["left"] == [".curator", "curator.toml"]
    assert "run `curator round`, which continues" in embedding["said"]


def test_a_backup_onto_a_full_disk_leaves_the_older_one(story):
    """All or nothing, with nothing lying about."""
    told = story("backup", "4m")
    assert told["call"]["code"] == 1
    assert "No space is left on the disk" in told["call"]["said"]
    assert told["kept"]
    assert told["there"] == ["b", "filler", "p"]


def test_a_lock_held_between_sending_and_noting_asks_nothing_twice(campaign, tmp_path, monkeypatch):
    """Another program takes the ledger when questions have just been sent: said, and found out about later."""
    folder = shutil.copytree(campaign[0], tmp_path / "p")
    monkeypatch.setattr(store, "LOCK_SECONDS", 0.1)
    other = sqlite3.connect(ledger_of(folder), isolation_level=None)
    try:
        with Project(folder) as project:
            send = project.labeler.send

            def then_locked(questions):
                sent = send(questions)
                other.execute("begin immediate")
                return sent

            monkeypatch.setattr(project.labeler, "send", then_locked)
            with pytest.raises(
                LedgerError, match=r"Another program has kept the ledger .* locked.*run again"
            ):
                run_round(project)
    finally:
        other.close()
    with Project(folder) as project:
        run_round(project)
    assert dump(folder) == dump(campaign[1])


def test_a_write_waits_its_turn_instead_of_failing_at_once(begun):
    """A write that begins while another one commits waits for it, also when it reads first."""
    with Ledger(ledger_of(begun)) as one, Ledger(ledger_of(begun)) as two:
        with one.write():
            one.put("a", "1")
            assert two.get("a") is None  # readers are free, and see what was before
            two._db.execute("pragma busy_timeout = 50")
            with pytest.raises(LedgerError, match="Another program has kept"), two.write():
                pytest.fail("two writers")
        with two.write():
            assert two.get("a") == "1"
            two.put("a", "2")
        assert one.get("a") == "2"


def test_a_ledger_of_a_newer_curator_is_left_alone(begun):
    """Its tables may mean something else by now."""
    with Ledger(ledger_of(begun)) as ledger, ledger.write():
        ledger.execute(
            "insert into _sqlite_migrations (migration_set, name, applied_at) values ('curator.ledger', 'm999_new', '')"
        )
    said = refused(begun, "round")
    assert "written by a newer curator (it has m999_new)" in said
    assert "Install that version" in said


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_that_jumps_changes_nothing_but_times(campaign, tmp_path, monkeypatch, days):
    """Rounds go by numbers: a clock that goes back or forward a day between two steps leaves the same ledger."""
    folder = shutil.copytree(campaign[1], tmp_path / "p")

    class Jumped(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(days=days)

    monkeypatch.setattr(store, "datetime", Jumped)
    with Project(folder) as project:
        run_round(project)
        (pushed,) = project.ledger.rows("select pushed_at from rounds where id = 2")
    apart = datetime.fromisoformat(pushed["pushed_at"]) - datetime.now(UTC)
    assert abs(apart - timedelta(days=days)) < timedelta(hours=1)
    monkeypatch.undo()
    assert dump(folder) == dump(campaign[2])


def test_every_error_of_the_disk_is_one_line(tmp_path, monkeypatch):
    """What the operating system refuses comes with a way out, whichever file it was."""
    folder = make_project(tmp_path / "p")
    cases = {
        OSError(28, "No space left on device"): "free some space and run the same command again",
        OSError(13, "Permission denied", "/x/y"): r"Not allowed \(/x/y\): Permission denied.*accessible",
        OSError(5, "Input/output error", "/x/y"): "/x/y: Input/output error. Check the path and the disk",
    }
    for error, expected in cases.items():

        def broken(*_args, error=error, **_more):
            raise error

        monkeypatch.setattr("curator.views.export.labeled_rows", broken)
        assert re.search(expected, refused(folder, "export", str(tmp_path / "labels.csv")))
    assert issubclass(LedgerError, CuratorError)
