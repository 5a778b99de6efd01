"""The ledger: schema, the open file, and what is asked of it."""
