"""Statistics of a hold-out and of curves: arrays in, numbers out; nothing here knows a price, a ledger or a project."""
