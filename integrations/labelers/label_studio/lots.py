"""Requests that get through: a proxy in front of a server takes none above some size, and only says so afterwards."""

from collections.abc import Callable, Sequence

from integrations.errors import LabelerError


class TooLargeError(LabelerError):
    """The server, or a proxy in front of it, takes no request of this size (HTTP 413). Nothing of it was stored."""


class Lots:
    """Sends things in lots of so many bytes; smaller ones once a lot was refused as too large.

    Args:
        most_bytes: of a lot to begin with.
        most_things: in a lot.
    """

    def __init__(self, most_bytes: int, most_things: int) -> None:
        self._most_bytes = most_bytes
        self._most_things = most_things

    def send(self, sizes: Sequence[int], send_lot: Callable[[slice], None]) -> None:
        """Send everything, in order.

        Args:
            sizes: bytes of each thing.
            send_lot: sends those of a slice.

        Raises:
            TooLargeError: a single thing is refused. What stands before it has been sent.
        """
        start = 0
        while start < len(sizes):
            lot = slice(start, self._end(sizes, start))
            try:
                send_lot(lot)
            except TooLargeError:
                if lot.stop - lot.start == 1:
                    raise
                self._most_bytes = max(1, sum(sizes[lot]) // 2)
            else:
                start = lot.stop

    def _end(self, sizes: Sequence[int], start: int) -> int:
        """Behind the last thing that still fits; at least one always does."""
        size, end = sizes[start], start + 1
        while end < len(sizes) and end - start < self._most_things and size + sizes[end] <= self._most_bytes:
            size += sizes[end]
            end += 1
        return end
