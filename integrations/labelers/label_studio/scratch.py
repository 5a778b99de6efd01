"""Folders for one run, named after the process that uses them, so that those of dead users can be cleared."""

import os
import re
import shutil
import tempfile
from pathlib import Path

from integrations.labelers.label_studio.process import ProcessId

RECORD = "server.pid"  # in such a folder: the server that runs on it
_STOP_SECONDS = 5.0


def make_scratch(parent: Path, kind: str) -> Path:
    """A new folder that belongs to this process; `kind` begins its name. Only its owner may look inside."""
    me = ProcessId.of(os.getpid())
    assert me is not None  # noqa: S101 - who asks is there
    return Path(tempfile.mkdtemp(prefix=f"{kind}-{me.pid}-{me.started}-", dir=parent))


def clear_scratch(parent: Path) -> None:
    """Remove the folders whose users died (kill -9), and end the servers that they left running."""
    for path in parent.iterdir():
        name = re.fullmatch(r"[a-z]+-(\d+)-([0-9a-f]{16})-.*", path.name)
        if name is None or ProcessId(int(name[1]), name[2]).is_alive:
            continue
        server = ProcessId.read(path / RECORD)
        if server is None or server.end(_STOP_SECONDS):
            shutil.rmtree(path, ignore_errors=True)
