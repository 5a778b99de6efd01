"""What the strategies raise.

StrategyError
├── StrategyInputError      the arrays or numbers handed in cannot be used (also a ValueError)
└── UnknownStrategyError    no strategy has this name (also a KeyError)
"""


class StrategyError(Exception):
    """A strategy cannot do what was asked; the message says what was expected, what came and what to do."""


class StrategyInputError(StrategyError, ValueError):
    """The arrays or numbers handed to a strategy cannot be used."""


class UnknownStrategyError(StrategyError, KeyError):
    """No strategy has this name."""

    def __str__(self) -> str:
        # KeyError shows the repr of its argument: quotes and escapes around a sentence meant for people.
        return str(self.args[0])
