"""Turns what curator raises into one clear message and an exit code."""

import sqlite3
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
    except sqlite3.Error as exc:
        raise _exit(
            f"The ledger could not be read or written: {exc}. Nothing of this step was kept; "
            "check the disk (space, permissions) and run again.",
            1,
        ) from exc
    except OSError as exc:
        raise _exit(
            f"{exc.filename or 'A file'}: {exc.strerror or exc}. Check the path and the disk, then run again.",
            1,
        ) from exc
    except KeyboardInterrupt as exc:
        raise _exit("Stopped. Run the same command again to continue.", 130) from exc


def _exit(message: str, code: int) -> typer.Exit:
    typer.secho("Error: ", fg="red", err=True, nl=False)
    typer.echo(message, err=True)
    return typer.Exit(code)
