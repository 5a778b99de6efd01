"""Campaigns on texts of unequal length, paid by the hour, with and without looking at what an item costs."""
