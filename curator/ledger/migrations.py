"""The steps that a ledger's schema has taken and has yet to take.

sqlite-utils applies them. It is loaded for that alone: where pandas is installed it loads pandas too, and every command would
wait a second for it. A ledger that is up to date is opened by what the standard library has.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database

    Step = Callable[[Database], None]
_TABLE = "_sqlite_migrations"  # where sqlite-utils keeps what was applied


class Migrations:
    """Numbered steps, each a function decorated by this."""

    def __init__(self, name: str) -> None:
        """Begin an empty set, called `name` in the file."""
        self.name = name
        self._steps: list[Step] = []

    def __call__(self) -> Callable[[Step], Step]:
        """Decorate the next step."""

        def add(step: Step) -> Step:
            self._steps.append(step)
            return step

        return add

    @property
    def names(self) -> list[str]:
        """Of all steps, in order."""
        return [step.__name__ for step in self._steps]

    def applied(self, opened: sqlite3.Connection) -> list[str]:
        """Names of the steps that a file has taken, in order; none where it is no ledger."""
        if not opened.execute("select 1 from sqlite_master where name = ?", [_TABLE]).fetchone():
            return []
        found = opened.execute(
            f"select name from {_TABLE} where migration_set = ? order by rowid",  # noqa: S608 - a name of ours
            [self.name],
        )
        return [str(name) for (name,) in found]

    def apply(self, opened: sqlite3.Connection, *, stop_before: str | None = None) -> None:
        """Take the steps that are missing, each in a transaction, up to `stop_before`."""
        if stop_before is None and not set(self.names) - set(self.applied(opened)):
            return
        from sqlite_utils import Database
        from sqlite_utils import Migrations as Applying

        steps = Applying(self.name)
        for step in self._steps:
            steps()(step)
        steps.apply(Database(opened), stop_before=stop_before)
