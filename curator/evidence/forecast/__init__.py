"""Forecast of a learning curve: an average over families that all level off, with intervals that were back-tested."""
