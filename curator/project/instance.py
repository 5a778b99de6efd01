"""Who runs a campaign: this folder on this machine, told from a copy of it somewhere else."""

import os
import secrets
import socket
from pathlib import Path

from curator.files import read_json, write_json

VARIABLE = "CURATOR_INSTANCE"
_FILE = "instance.json"


def instance_name(state: Path) -> str:
    """A name for whoever runs the project whose state is kept in `state`.

    A folder that was moved keeps its name. One that was copied gets another, for two copies that go on by themselves
    would ask and pay for the same items twice. Where the folder is a new copy each time, as in a CI job, the
    environment variable CURATOR_INSTANCE names whoever runs it.
    """
    named = os.environ.get(VARIABLE, "").strip()
    if named:
        return " ".join(named.split())
    # Not the host or the device, so that a network drive may be mounted elsewhere. Moved to another disk, or mounted so
    # that inodes change, the folder counts as a copy: `--take-over`, or CURATOR_INSTANCE, says that it is the one.
    inode = state.stat().st_ino
    path = state / _FILE
    try:
        known = read_json(path)
        if known["inode"] == inode:
            return str(known["name"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there yet, or not readable: a name is only a name
    name = f"{socket.gethostname()}:{state.parent} ({secrets.token_hex(3)})"
    write_json(path, {"inode": inode, "name": name})
    return name


def same_place(name: str, other: str) -> bool:
    """Whether two names were given to one folder of one machine, one after the other, as when its state was lost."""
    return name == other or (name.endswith(")") and _place(name) == _place(other))


def _place(name: str) -> str:
    return name.rpartition(" (")[0]
