"""Curator's own strategies: named in the plan, and chosen by the player."""

from benchmarks.efficiency.contender import Library

from strategies.registry import SCORERS, SELECTORS

CURATOR = Library("curator", "strategies", dict.fromkeys((*SCORERS, *SELECTORS)))
