"""`curator` as typed, in this process."""

from click.testing import Result
from typer.testing import CliRunner

from curator.cli.app import app


def run(*args: object, code: int = 0) -> Result:
    """Run `curator ARGS`; the exit code must be as expected."""
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exit_code == code, f"{result.stdout}\n{result.stderr}\n{result.exception!r}"
    return result
