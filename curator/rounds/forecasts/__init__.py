"""Forecasts that a campaign keeps, and how they did."""
