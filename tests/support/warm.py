"""A program `curator` that starts in a tenth of a second: each call is a fork of a process that has imported what rounds need.

For tests whose point is what a command does in a shell, and not how it starts. The fork has the arguments, environment, folder
and streams of whoever calls, and the caller ends with the exit code of the command.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_BROKEN = 70  # exit code of a call whose fork was killed
# Without `site` it starts in hundredths of a second.
_PROGRAM = """#!/bin/sh
exec "{python}" -I -S -c '
import json, os, socket, sys
call = socket.socket(socket.AF_UNIX)
call.connect("{door}")
told = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(call, [len(told).to_bytes(8, "big")], [0, 1, 2])
call.sendall(told)
code = call.recv(1)
sys.exit(code[0] if code else {broken})
' "$@"
"""


@contextmanager
def warm_curator(folder: Path) -> Iterator[Path]:
    """The program, `folder`/curator; it works for as long as the context lasts."""
    door, program = folder / "door", folder / "curator"
    program.write_text(_PROGRAM.format(python=sys.executable, door=door, broken=_BROKEN), encoding="utf-8")
    program.chmod(0o755)
    command = [sys.executable, "-m", "support.warm", str(door)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield program
        server.stdin.close()


def serve(door: str) -> None:
    """A fork for each call at the door, until the input ends."""
    import faiss  # noqa: F401
    import sklearn.linear_model  # noqa: F401
    import torch  # noqa: F401

    import curator.cli.app
    import curator.rounds.run  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(door)
        listener.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            if sys.stdin in select.select([listener, sys.stdin], [], [])[0]:
                return
            call = listener.accept()[0]
            if os.fork() == 0:
                _answer(call)
            call.close()


def _answer(call: socket.socket) -> None:
    """Be the command that the caller asks for."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, streams, _flags, _address = socket.recv_fds(call, 8, 3)
    size, told = int.from_bytes(head, "big"), b""
    while len(told) < size:
        told += call.recv(size - len(told))
    words, folder, environment = json.loads(told)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["curator", *words]
    from curator.cli import main

    code: object = 1
    try:
        main()
        code = 0
    except SystemExit as done:
        code = done.code or 0
    finally:
        sys.stdout.flush()
        call.sendall(bytes([code if isinstance(code, int) else 1]))
        os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1])
