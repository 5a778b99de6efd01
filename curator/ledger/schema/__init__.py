"""The ledger's schema, as numbered migrations, a module for each release.

A released migration is never edited: the next one is added to the module of the release to come, which imports
`migrations` from the one before.

All money is whole micro-units of the currency (1 USD = 1,000,000). All times are UTC, ISO 8601.
Nothing is ever overwritten that somebody said or was paid for: answers and labels grow by versions,
and what counts now is a view (`live_answers`, `current_labels`).
"""

from curator.ledger.schema.v0_2 import migrations

__all__ = ["migrations"]
