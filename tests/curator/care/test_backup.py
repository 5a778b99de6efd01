"""`curator backup`: one moment of the ledger, whole or not at all, while others write."""

import json
import shutil
import sqlite3
from contextlib import contextmanager

import pytest
from support.projects import dump, make_project
from typer.testing import CliRunner

from curator.care import backup as module
from curator.care.backup import check_backup, make_backup
from curator.cli.app import app
from curator.errors import ConfigError, LedgerError
from curator.ledger.store import Ledger
from curator.project.project import Project
from curator.rounds.run import run_round


@pytest.fixture
def project(tmp_path):
    """A project whose first questions are out."""
    folder = make_project(tmp_path / "p", n=160, batch=8, holdout="30")
    with Project(folder) as opened:
        run_round(opened)
    return folder


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def ledger_of(folder):
    return folder / ".curator" / "ledger.db"


def content(path):
    with sqlite3.connect(path) as db:
        lines = list(db.iterdump())
    db.close()
    return lines


class Writing:
    """A `Progress` that writes to the ledger between any two steps of a copy, as another curator would."""

    def __init__(self, folder):
        self.folder, self.writes, self.total, self.advanced = folder, 0, None, 0

    @contextmanager
    def bar(self, label, total):
        self.total = total
        with Ledger(ledger_of(self.folder)) as ledger:

            def advance(pages):
                self.advanced += pages
                with ledger.write():
                    self.writes += 1
                    ledger.put(f"written during the copy {self.writes}", "x" * 3000)

            yield advance


def test_a_backup_is_the_ledger_and_the_configuration_and_a_campaign_goes_on_from_it(project, tmp_path):
    """Both files in one folder; the state folder's copies replaced by them, the next round is the same as ever."""
    done = run("backup", tmp_path / "b", "--project", project, "--json")
    assert done.exit_code == 0, done.stderr
    said = json.loads(done.stdout)
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == [
        "backup.json",
        "curator.toml",
        "ledger.db",
    ]
    assert (tmp_path / "b" / "curator.toml").read_bytes() == (project / "curator.toml").read_bytes()
    assert content(tmp_path / "b" / "ledger.db") == content(ledger_of(project))
    assert said["rounds"] == 1
    assert said["has_config"] is True
    assert "pool, embeddings, models" in said["not_in_it"]
    again = shutil.copytree(project, tmp_path / "again")
    for folder in (project, again):
        if folder == again:
            ledger_of(folder).unlink()
            shutil.copy(check_backup(tmp_path / "b").ledger, ledger_of(folder))
        with Project(folder) as opened:
            run_round(opened)
    assert dump(again) == dump(project)


def test_the_copy_is_of_one_moment_while_others_write(project, tmp_path, monkeypatch):
    """Writes between the steps of the copy neither get into it, nor make it begin again, nor wait for it."""
    monkeypatch.setattr(module, "_PAGES", 3)
    before = content(ledger_of(project))
    writing = Writing(project)
    made = make_backup(project, tmp_path / "b", progress=writing)
    assert writing.writes > 5
    assert writing.advanced == writing.total
    assert content(made.ledger) == before
    with Ledger(ledger_of(project)) as ledger:
        assert ledger.scalar("select count(*) from state where key like 'written%'") == writing.writes


def test_a_backup_is_one_plain_file_that_a_read_only_place_can_hold(project, tmp_path):
    """No WAL, no side files, also after it was looked at."""
    made = make_backup(project, tmp_path / "b")
    with sqlite3.connect(made.ledger) as db:
        assert db.execute("pragma journal_mode").fetchone() == ("delete",)
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)
    db.close()
    assert check_backup(made.folder) == made
    assert sorted(path.name for path in made.folder.iterdir()) == ["backup.json", "curator.toml", "ledger.db"]


def test_nothing_is_overwritten_without_force_and_only_backups_with_it(project, tmp_path):
    """An older backup, a file, a folder of somebody's: each stays."""
    target = tmp_path / "b"
    make_backup(project, target)
    before = (target / "ledger.db").read_bytes()
    with Ledger(ledger_of(project)) as ledger, ledger.write():
        ledger.put("new", "1")
    done = run("backup", target, "--project", project)
    assert done.exit_code == 2
    assert "--force" in done.stderr
    assert (target / "ledger.db").read_bytes() == before
    assert run("backup", target, "--project", project, "--force").exit_code == 0
    assert content(target / "ledger.db") == content(ledger_of(project))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work", encoding="utf-8")
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for mine in ("mine", "file"):
        with pytest.raises(ConfigError, match="is not a backup"):
            make_backup(project, tmp_path / mine, force=True)
    assert (tmp_path / "mine" / "thesis.txt").exists()
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".b")]


def test_places_that_cannot_be_say_why(project, tmp_path):
    """Inside of what would be lost with it, in a folder that is not there, of a project that is none."""
    with pytest.raises(ConfigError, match="would be lost together with"):
        make_backup(project, project / ".curator" / "b")
    with pytest.raises(ConfigError, match="is not a folder"):
        make_backup(project, tmp_path / "no" / "b")
    with pytest.raises(ConfigError, match="There is no ledger to back up"):
        make_backup(tmp_path, tmp_path / "b")


def test_a_failed_replacement_leaves_the_older_backup(project, tmp_path, monkeypatch):
    """A rename that fails at the very end puts the older one back; a damaged ledger never gets that far."""
    target = tmp_path / "b"
    made = make_backup(project, target)
    rename = module.Path.rename

    def refusing(self, to):
        if to == target and self != target and (self / "curator.toml").exists() and not refused:
            refused.append(self)
            raise OSError(5, "Input/output error")
        return rename(self, to)

    refused = []
    monkeypatch.setattr(module.Path, "rename", refusing)
    with pytest.raises(OSError, match="Input/output"):
        make_backup(project, target, force=True)
    monkeypatch.undo()
    assert refused
    assert check_backup(target) == made
    ledger_of(project).write_bytes(b"")
    with pytest.raises(LedgerError, match=r"is damaged.*No backup was made"):
        make_backup(project, target, force=True)
    assert check_backup(target) == made
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "p"]


def test_a_broken_or_missing_configuration_is_no_reason_to_lose_the_ledger(project, tmp_path):
    """It is copied as it is, or it is said that there is none."""
    (project / "curator.toml").write_text("[[[", encoding="utf-8")
    assert make_backup(project, tmp_path / "broken").config.read_text("utf-8") == "[[["
    (project / "curator.toml").unlink()
    done = run("backup", tmp_path / "missing", "--project", project)
    assert done.exit_code == 0
    assert "no curator.toml" in done.stdout
    assert check_backup(tmp_path / "missing").has_config is False


def test_a_backup_is_checked_before_anybody_relies_on_it(project, tmp_path):
    """Not one, damaged, of a newer curator, of no campaign: each says so."""
    with pytest.raises(ConfigError, match="is not a backup"):
        check_backup(tmp_path)
    made = make_backup(project, tmp_path / "b")
    assert check_backup(made.folder).campaign == made.campaign != ""
    whole = made.ledger.read_bytes()
    made.ledger.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LedgerError, match=r"The backup .* is damaged .*Use another"):
        check_backup(made.folder)
    for sql, match in (
        ("insert into _sqlite_migrations (migration_set, name, applied_at) values ('curator.ledger','m999','')", "newer"),
        ("delete from state where key = 'campaign'", "belongs to no campaign"),
    ):  # fmt: skip
        made.ledger.write_bytes(whole)
        with sqlite3.connect(made.ledger) as db:
            db.execute(sql)
        db.close()
        with pytest.raises(LedgerError, match=match):
            check_backup(made.folder)
    made.ledger.write_bytes(whole)
    (made.folder / "backup.json").write_text("?", encoding="utf-8")
    assert check_backup(made.folder).answers == made.answers
