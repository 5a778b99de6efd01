"""What the adapters raise.

IntegrationError
├── LabelerError     the labeler refused, is away, or answered nonsense
│   └── HeldError    somebody else runs the campaign there
└── EncoderError     an encoder cannot be loaded, or an item cannot be encoded
"""


class IntegrationError(Exception):
    """Something outside curator failed; the message says what, where and what to do."""


class LabelerError(IntegrationError):
    """The labeler could not do what was asked.

    Attributes:
        maybe_done: the request may have taken effect although no good reply came back (a time-out, a lost
            connection, a 5xx of a proxy): ask `Labeler.find` before sending anything again.
        away: nothing answered, or only to say that it cannot just now (a 5xx, too many requests): the same may
            work later, so it is worth waiting for.
    """

    def __init__(self, message: str, *, maybe_done: bool = False, away: bool = False) -> None:
        super().__init__(message)
        self.maybe_done = maybe_done
        self.away = away


class HeldError(LabelerError):
    """The campaign is run from somewhere else.

    Attributes:
        holder: who runs it, as the labeler has noted.
    """

    def __init__(self, message: str, *, holder: str) -> None:
        super().__init__(message)
        self.holder = holder


class EncoderError(IntegrationError):
    """An encoder cannot be loaded, or an item cannot be encoded."""
