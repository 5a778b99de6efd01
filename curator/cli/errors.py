"""Turns what curator raises into one clear message and an exit code."""

import errno
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import typer

from curator.cli.printing import echo
from curator.errors import CuratorError
from integrations.errors import IntegrationError
from integrations.labelers.label_studio.masking import Secrets
from strategies.errors import StrategyError

WAITING = 3  # the open round still needs answers
TOKEN_VARIABLE, SERVE_VARIABLE = "LABEL_STUDIO_API_KEY", "CURATOR_SERVE_SECRET"  # hold secrets
TRACEBACK = "CURATOR_TRACEBACK"  # in the environment: show where an error came up
_NOBODY_READS = 141  # as a shell counts a program that SIGPIPE ended
_ROOT = Path(__file__).resolve().parents[2]
_AGAIN = "What was finished is kept, and the same command continues from there."
_AROUND = 40  # characters before and after one that is not Unicode
_MOST_CHARACTERS = 300  # of what an error says that is not ours


@contextmanager
def user_errors() -> Iterator[None]:
    """Errors go to stderr as sentences, without a traceback; exit 1, or 2 for usage and configuration."""
    _print_what_no_encoding_has()
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except CuratorError as exc:
        raise _exit(str(exc), exc.exit_code) from exc
    except (IntegrationError, StrategyError) as exc:
        raise _exit(str(exc), 1) from exc
    except KeyboardInterrupt as exc:
        raise _exit("Stopped. Run the same command again to continue.", 130) from exc
    except OSError as exc:
        if _nobody_reads(exc):
            raise _hushed() from exc
        raise _exit(_about_files(exc), 1) from exc
    except Exception as exc:
        if os.environ.get(TRACEBACK):
            raise
        raise _exit(_about_the_rest(exc), 1) from exc


def _exit(message: str, code: int) -> typer.Exit:
    try:
        typer.secho("Error: ", fg="red", err=True, nl=False)
        echo(message, err=True)
    except OSError as exc:
        if not _nobody_reads(exc):
            raise
        return _hushed()
    return typer.Exit(code)


def _print_what_no_encoding_has() -> None:
    """A file name that is no UTF-8, or a character that the terminal's encoding lacks, is printed as its code."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None and getattr(stream, "errors", None) in ("strict", "surrogateescape"):
            reconfigure(errors="backslashreplace")


def _nobody_reads(exc: OSError) -> bool:
    """Whether what we print to was closed, as by `| head`; Windows has another number for that."""
    closed = errno.EINVAL if os.name == "nt" else errno.EPIPE
    return exc.errno == closed and exc.filename is None


def _hushed() -> typer.Exit:
    """An exit without a word; what is still to be printed goes nowhere, or Python would complain at its end."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return typer.Exit(_NOBODY_READS)


def _about_files(exc: OSError) -> str:
    """What the operating system refused, and what to do."""
    # a write that fails does not know its file's name, and a library may pass on a text only
    where = f" ({exc.filename})" if exc.filename else ""
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"No space is left on the disk{where}. Half-written files do not count: free some space and run the same "
            "command again; it continues from there. `curator doctor` shows how much is needed."
        )
    if exc.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return (
            f"Not allowed{where}: {exc.strerror}. Make the file and its folder accessible to this user, "
            "then run again."
        )
    if exc.errno == errno.ENAMETOOLONG:
        return (
            f"{_short(exc.filename or 'A file')}: the name is too long for this system. Choose a shorter one."
        )
    return f"{exc.filename or 'A file'}: {exc.strerror or exc}. Check the path and the disk, then run again."


def _about_the_rest(exc: Exception) -> str:
    """What nobody foresaw: what it was, where, and what to do."""
    # nobody has looked yet at what a library says: a server may have quoted a request to it
    said = " ".join(Secrets(*_secrets()).mask(str(exc)).split())
    if isinstance(exc, MemoryError):
        return (
            f"There is not enough memory{f' ({_short(said)})' if said else ''}. {_AGAIN} Close other programs, use a "
            "machine with more, or start with less data."
        )
    if isinstance(exc, RecursionError):
        return "A file is nested too deeply to be read. Check curator.toml and the data files; `curator doctor` helps."
    if isinstance(exc, UnicodeError):
        shown = said
        if isinstance(exc, UnicodeEncodeError | UnicodeDecodeError):
            shown = repr(exc.object[max(0, exc.start - _AROUND) : exc.end + _AROUND])
        return (
            f"A text or a name is not valid Unicode: {_short(shown)}. Name files, folders and columns in UTF-8, and save data "
            "files as UTF-8, then run again."
        )
    return (
        f"Unexpected error ({type(exc).__name__} in {_where(exc)}: {_short(said) or 'no reason given'}). {_AGAIN} "
        f"`curator doctor` looks for damage. If it finds none, this is a bug in curator: please report it, with what "
        f"{TRACEBACK}=1 shows."
    )


def _secrets() -> list[str]:
    return [os.environ[name] for name in (TOKEN_VARIABLE, SERVE_VARIABLE) if os.environ.get(name)]


def _where(exc: Exception) -> str:
    """The last line of our own code that an error passed."""
    for line in reversed(traceback.extract_tb(exc.__traceback__)):
        path = Path(line.filename)
        if any(path.is_relative_to(_ROOT / package) for package in ("curator", "integrations", "strategies")):
            return f"{path.relative_to(_ROOT).as_posix()}, line {line.lineno}"
    return "a library"


def _short(text: object) -> str:
    shown = str(text)
    return shown if len(shown) <= _MOST_CHARACTERS else f"{shown[:_MOST_CHARACTERS]}..."
