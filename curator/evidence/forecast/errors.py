"""Why no forecast is made."""

from curator.errors import CuratorError


class ForecastRefusedError(CuratorError):
    """A forecast that would be a guess; `reason` is short enough for a table, the message says what to do."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
