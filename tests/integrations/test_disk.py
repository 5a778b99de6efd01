"""Files that are there whole or not at all, on every system."""

import os
import stat
from pathlib import Path

import pytest

from integrations.disk import new_file, open_to_others, replacing, sync_folder, write_whole


def test_a_file_is_replaced_whole_or_stays_as_it_was(tmp_path):
    """Also on Ctrl-C; what was half-written goes."""
    path = tmp_path / "a.json"
    write_whole(path, b"old")

    def stop(error):
        with replacing(path) as file:
            file.write(b"new")
            raise error

    for error in (OSError("full"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            stop(error)
        assert [(left.name, left.read_bytes()) for left in tmp_path.iterdir()] == [("a.json", b"old")]
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"


def test_nobody_can_prepare_the_name_that_is_written_to(tmp_path, monkeypatch):
    """A link at the name of the temporary file is not followed; another name is another try."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    monkeypatch.setattr("secrets.token_hex", lambda _size: "guessed")
    (tmp_path / ".curator-guessed.tmp").symlink_to(victim)
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "a", b"new")
    assert victim.read_bytes() == b"mine"
    for name in ("a.tmp", ".a.half", ".a.part"):  # names that were used once
        (tmp_path / name).symlink_to(victim)
    monkeypatch.undo()
    write_whole(tmp_path / "a", b"new")
    assert victim.read_bytes() == b"mine"


def test_a_secret_is_private_from_its_first_moment(tmp_path):
    """Whatever the umask, and while it is written."""
    before = os.umask(0)
    try:
        with replacing(tmp_path / "secret", private=True) as file:
            modes = [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()]
            file.write(b"x")
        with new_file(tmp_path / "other", private=True):
            pass
    finally:
        os.umask(before)
    assert modes == [0o600]
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert open_to_others(0o640)
    assert not open_to_others(0o600)


def test_what_a_killed_writer_left_is_cleared(tmp_path):
    """When it is an hour old; not what is being written now, and nothing of anybody else."""
    names = [".curator-old.tmp", ".curator-now.tmp", "notes.tmp"]
    for name in names:
        (tmp_path / name).touch()
    for name in (names[0], names[2]):
        os.utime(tmp_path / name, (0, 0))
    write_whole(tmp_path / "a", b"")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["a", *names[1:]])


def test_a_folder_that_cannot_be_opened_is_no_error(tmp_path, monkeypatch):
    """Windows opens none, and some network file systems sync none."""
    opened = os.open

    def refuse(path: object, *args: int, **more: int) -> int:
        if Path(str(path)).is_dir():
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        write_whole(tmp_path / "a", b"new")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _fd: (_ for _ in ()).throw(OSError(22, "Invalid argument")))
        sync_folder(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda _fd: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    with pytest.raises(OSError, match="Input/output"):
        sync_folder(tmp_path)
    assert (tmp_path / "a").read_bytes() == b"new"
