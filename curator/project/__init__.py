"""The door to a campaign: its folder, settings, pool, ledger, model and labeler."""
