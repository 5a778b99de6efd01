"""Simulated campaigns with a random arm, and the random campaigns they are judged against."""
