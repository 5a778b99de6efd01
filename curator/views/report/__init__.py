"""The report: what the ledger, the pool and the newest model say, as one page and as JSON."""
