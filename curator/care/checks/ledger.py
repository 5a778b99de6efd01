"""The ledger: is it whole, of this version, and does it fit the clock and the configuration."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

from curator.config import Config
from curator.errors import CuratorError
from curator.ledger import queries
from curator.ledger.faults import MEND
from curator.ledger.health import newest_time, reading, schema_versions, strange_times, why_unusable
from curator.pool.problems import counted
from integrations.findings import Finding, fail, ok, warn

_CLOCK_TOLERANCE = timedelta(seconds=60)


def check_ledger(path: Path, config: Config | None) -> list[Finding]:
    """Everything about the ledger at `path`; the hold-out only where curator.toml can be read."""
    if not path.is_file():
        return [fail("ledger", f"{path} is missing", MEND)]
    try:
        problem = why_unusable(path, full=True)
        if problem is not None:
            return [fail("ledger", f"{path} is damaged: {problem}", MEND)]
        with reading(path) as opened:
            return _contents(path, opened, config)
    except (CuratorError, OSError) as exc:
        return [fail("ledger", str(exc), "Fix this, then run `curator doctor` again.")]


def _contents(path: Path, opened: sqlite3.Connection, config: Config | None) -> list[Finding]:
    applied, known = schema_versions(opened)
    unknown = [name for name in applied if name not in known]
    if unknown:
        return [
            fail(
                "ledger",
                f"{path} was written by a newer curator ({', '.join(unknown)})",
                "Install that version.",
            )
        ]
    mode = opened.execute("pragma journal_mode").fetchone()[0]
    behind = len(known) - len(applied)
    detail = f"whole, {path.stat().st_size:,} bytes, schema {applied[-1]}, journal {mode}"
    if behind:
        # its tables may lack what is asked below
        return [
            ok(
                "ledger",
                f"{detail}; the next command brings it up to date ({counted(behind, 'migration')} behind)",
            )
        ]
    return [
        ok("ledger", detail),
        _times(opened),
        *([_holdout(opened, config)] if config else []),
    ]


def _times(opened: sqlite3.Connection) -> Finding:
    """Every time must be one that curator writes, and none lie in the future."""
    strange = strange_times(opened)
    if strange:
        return fail("clock", f"the ledger holds timestamps that cannot be read: {'; '.join(strange)}", MEND)
    return _clock(newest_time(opened))


def _clock(newest: str | None) -> Finding:
    """A clock that went back leaves the ledger's newest entries in the future."""
    now = datetime.now(UTC)
    if newest is not None and datetime.fromisoformat(newest) > now + _CLOCK_TOLERANCE:
        return warn(
            "clock",
            f"it says {now:%Y-%m-%d %H:%M} UTC, but the ledger's newest entry is from {newest}: one of the two clocks was wrong",
            "Set the clock (NTP). Nothing is lost, since rounds are numbered; only the times in the ledger mislead.",
        )
    return ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC, not before the ledger's newest entry")


def _holdout(opened: sqlite3.Connection, config: Config) -> Finding:
    drawn, labeled = queries.unopened.count_holdout(opened)
    if drawn:
        return ok("hold-out", f"{drawn:,} items, {labeled:,} labeled")
    if queries.unopened.count_rounds(opened):
        return fail("hold-out", "none, although rounds have begun: no gain can be measured", MEND)
    return ok("hold-out", f"the first round draws {config.holdout.size:,} items")
