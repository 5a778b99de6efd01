"""The ledger: one SQLite file (WAL) that holds all that money touched."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from sqlite_utils import Database

from curator.errors import LedgerError
from curator.ledger.schema import migrations

Row = dict[str, Any]


def utc_now() -> str:
    """The time as the ledger writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Ledger:
    """An open ledger. Every change goes through `write`, so that each step happens whole or not at all."""

    def __init__(self, path: Path) -> None:
        """Open the ledger at `path`, creating it and bringing its schema up to date.

        Raises:
            LedgerError: the file is not a ledger, is damaged, or cannot be written.
        """
        self.path = path
        try:
            self._db = Database(sqlite3.connect(path, timeout=30))
            self._db.enable_wal()
            # A paid answer must survive a power cut, not only a killed process.
            self._db.conn.execute("pragma synchronous = full")
            self._db.conn.execute("pragma foreign_keys = on")
            migrations.apply(self._db)
        except sqlite3.Error as exc:
            raise LedgerError(
                f"{path} cannot be opened as a ledger: {exc}. If it is damaged, put a backup in its place; "
                "if the disk is full or read-only, mend that and run again."
            ) from exc

    def close(self) -> None:
        """Close the file; the ledger cannot be used afterwards."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @contextmanager
    def write(self) -> Iterator[Self]:
        """Everything inside is written together, or not at all."""
        with self._db.atomic():
            yield self

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Add rows; one that is there already is an error."""
        self._db.table(table).insert_all(rows)

    def update(self, table: str, pk: Any, **values: Any) -> None:
        """Change columns of one row."""
        self._db.table(table).update(pk, values)

    def execute(self, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> None:
        """Run a statement that changes rows."""
        self._db.conn.execute(sql, params)

    def rows(self, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        """What a query returns, as dictionaries."""
        cursor = self._db.conn.execute(sql, params)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def one(self, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> Row | None:
        """The first row of a query, or None."""
        found = self.rows(sql, params)
        return found[0] if found else None

    def scalar(self, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> Any:
        """The first column of the first row, or None."""
        row = self._db.conn.execute(sql, params).fetchone()
        return None if row is None else row[0]

    def get(self, key: str) -> str | None:
        """A fact about the campaign."""
        value = self.scalar("select value from state where key = ?", [key])
        return None if value is None else str(value)

    def put(self, key: str, value: str) -> None:
        """Set a fact about the campaign."""
        self.execute(
            "insert into state (key, value) values (?, ?) on conflict (key) do update set value = excluded.value",
            [key, value],
        )
