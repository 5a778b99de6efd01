"""Stories that are told on a small disk, each in a process of its own: prints what happened as one line of JSON."""

import json
import shutil
import sys
from pathlib import Path

from support.projects import dump, make_project, write_pool
from support.small_disk import Filler, remount
from typer.testing import CliRunner

from curator.cli.app import app


def curator(*args: object) -> dict[str, object]:
    """One command; its exit code and what it said."""
    done = CliRunner().invoke(app, [str(arg) for arg in args])
    crash = None if done.exception is None or isinstance(done.exception, SystemExit) else repr(done.exception)
    return {
        "code": done.exit_code,
        "said": done.stderr + done.stdout,
        "crash": crash,
    }


def full(disk: Path, elsewhere: Path) -> dict[str, object]:
    """Two rounds with the disk full at every size of what is left; then with room."""
    expected = elsewhere / "expected"
    shutil.copytree(disk / "p", expected)
    calls = []
    filler = Filler(disk)
    for _ in range(2):
        for kilobytes in (0, 16, *range(32, 256, 8)):
            filler.leave(kilobytes * 1024)
            calls.append(curator("round", "--project", disk / "p"))
            if calls[-1]["code"] == 0:
                break
        filler.empty()
        if calls[-1]["code"] != 0:
            calls.append(curator("round", "--project", disk / "p"))
        curator("round", "--project", expected)
    return {"calls": calls, "same": dump(disk / "p") == dump(expected)}


def read_only(disk: Path, elsewhere: Path) -> dict[str, object]:
    """A round, a doctor and a backup on a disk that was mounted read-only, and a round when it is writable again."""
    remount(disk, "ro")
    calls = [
        curator("round", "--project", disk / "p"),
        curator("status", "--offline", "--project", disk / "p"),
    ]
    seen = curator("doctor", "--project", disk / "p")
    backed_up = curator("backup", elsewhere / "b", "--project", disk / "p")
    remount(disk, "rw")
    calls.append(curator("round", "--project", disk / "p"))
    return {"calls": calls, "doctor": seen, "backup": backed_up}


def init(disk: Path, elsewhere: Path) -> dict[str, object]:
    """`curator init` with tfidf embeddings at every size of what is left; then the first round with room."""
    shutil.rmtree(disk / "p")
    data = write_pool(elsewhere / "pool.jsonl", 3000)
    filler, calls = Filler(disk), []
    for kilobytes in (0, 8, 64, 128, 192, 256, 320, 512, 1024, 2048, 3072):
        filler.leave(kilobytes * 1024)
        calls.append(
            curator(
                "init", "x", "--data", data, "--price", "0.08", "--labeler", "replay", "--encoder", "tfidf",
                "--holdout", "60", "--batch", "20", "--project", disk / "p",
            )
        )  # fmt: skip
        calls[-1]["left"] = sorted(path.name for path in disk.glob("p/*"))
        if calls[-1]["left"]:
            break
    filler.empty()
    calls.append(curator("round", "--project", disk / "p"))
    calls[-1]["left"] = []
    return {"calls": calls}


def backup(disk: Path, elsewhere: Path) -> dict[str, object]:
    """A backup onto a disk that has no room for it; the older one there must survive."""
    curator("backup", disk / "b", "--project", disk / "p")
    before = {path.name: path.read_bytes() for path in (disk / "b").iterdir()}
    Filler(disk).leave(32 * 1024)
    call = curator("backup", disk / "b", "--project", disk / "p", "--force")
    after = {path.name: path.read_bytes() for path in (disk / "b").iterdir()}
    return {"call": call, "kept": before == after, "there": sorted(path.name for path in disk.iterdir())}


def main() -> None:
    """`python -m support.disk_stories DISK ELSEWHERE STORY`."""
    disk, elsewhere, story = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    make_project(disk / "p", n=160, batch=8, holdout="30", data=write_pool(elsewhere / "small.jsonl", 160))
    sys.stdout.write(json.dumps(globals()[story](disk, elsewhere)))


if __name__ == "__main__":
    main()
