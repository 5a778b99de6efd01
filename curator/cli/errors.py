"""Turns what curator raises into one clear message and an exit code."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from curator.errors import CuratorError
from integrations.errors import IntegrationError
from strategies.errors import StrategyError

WAITING = 3  # the open round still needs answers


@contextmanager
def user_errors() -> Iterator[None]:
    """Errors that the user can act on go to stderr without a traceback; exit 1, or 2 for usage and configuration."""
    try:
        yield
    except CuratorError as exc:
        raise _exit(str(exc), exc.exit_code) from exc
    except (IntegrationError, StrategyError) as exc:
        raise _exit(str(exc), 1) from exc
    except OSError as exc:
        raise _exit(_about_files(exc), 1) from exc
    except KeyboardInterrupt as exc:
        raise _exit("Stopped. Run the same command again to continue.", 130) from exc


def _exit(message: str, code: int) -> typer.Exit:
    typer.secho("Error: ", fg="red", err=True, nl=False)
    typer.echo(message, err=True)
    return typer.Exit(code)


def _about_files(exc: OSError) -> str:
    """What the operating system refused, and what to do."""
    # a write that fails does not know its file's name, and a library may pass on a text only
    where = f" ({exc.filename})" if exc.filename else ""
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"No space is left on the disk{where}. What was half-written does not count: free some space and run the "
            "same command again, it goes on from there. `curator doctor` says how much is needed."
        )
    if exc.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return (
            f"Not allowed{where}: {exc.strerror}. Make the file and its folder accessible to this user, "
            "then run again."
        )
    return f"{exc.filename or 'A file'}: {exc.strerror or exc}. Check the path and the disk, then run again."
