"""What curator raises at the people who use it.

    CuratorError                a failure that the message explains           exit code 1
    ├── DataError               a file or a row that cannot be used           exit code 1
    ├── LedgerError             the ledger cannot be opened or trusted        exit code 1
    ├── LockedError             another `curator` works on this project       exit code 1
    └── ConfigError             wrong usage, or a wrong value in curator.toml exit code 2

`strategies.StrategyError` and `integrations.IntegrationError` are the roots of the two packages that
may not import this one; the command line treats all three alike.
"""


class CuratorError(Exception):
    """Something went wrong that the message explains, with what to do next."""

    exit_code = 1


class DataError(CuratorError):
    """A data file cannot be used; the message names file, row, column and the way out."""


class LedgerError(CuratorError):
    """The ledger cannot be opened, or says something that cannot be."""


class LockedError(CuratorError):
    """Another process holds the project."""


class ConfigError(CuratorError):
    """Wrong usage, or a value in curator.toml that cannot be."""

    exit_code = 2
