"""Keeping a campaign well: doctor, backup, restore."""
