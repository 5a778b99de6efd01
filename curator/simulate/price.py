"""What asking about an item costs: the same for all, or the time that reading it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from curator.amounts import MICRO, parse_amount
from curator.errors import ConfigError

if TYPE_CHECKING:
    from strategies.kernels.types import IntArray

SECONDS_PER_ITEM = 4.0  # to look, decide and click
SECONDS_PER_WORD = 0.25  # 240 words a minute: silent reading of English (Brysbaert 2019, 238)


@dataclass(frozen=True)
class Price:
    """A price per label, or a rate per hour of a reading time.

    Attributes:
        per_label: micro-units; None: time is paid.
        per_hour: micro-units; None: labels are paid.
        seconds_per_item: that any item takes.
        seconds_per_word: that each word adds.
    """

    per_label: int | None
    per_hour: int | None = None
    seconds_per_item: float = SECONDS_PER_ITEM
    seconds_per_word: float = SECONDS_PER_WORD

    @classmethod
    def parse(
        cls,
        price: str | None,
        hourly_rate: str | None,
        seconds_per_item: float = SECONDS_PER_ITEM,
        seconds_per_word: float = SECONDS_PER_WORD,
        currency: str | None = None,
    ) -> Price:
        """That of the command line.

        Raises:
            ConfigError: none or both are given, or one is no amount.
        """
        if (price is None) == (hourly_rate is None):
            raise ConfigError(
                "Say what answers cost: --price 0.08 (per label), or --hourly-rate 25; not both."
            )
        return cls(
            None if price is None else amount(price, "--price", currency),
            None if hourly_rate is None else amount(hourly_rate, "--hourly-rate", currency),
            seconds_per_item,
            seconds_per_word,
        )

    def of(self, words: IntArray) -> IntArray:
        """(n,) micro-units for items of so many words."""
        import numpy as np  # every command reads the constants above

        if self.per_label is not None:
            return np.full(len(words), self.per_label, dtype=np.int64)
        seconds = self.seconds_per_item + self.seconds_per_word * words
        return np.rint((self.per_hour or 0) * seconds / 3600).astype(np.int64)

    @property
    def unequal(self) -> bool:
        """Whether some items cost more than others."""
        return self.per_label is None and self.seconds_per_word > 0


def amount(text: str, option: str, currency: str | None = None) -> int:
    """Micro-units of an option, in `currency` if that is given.

    Raises:
        ConfigError: it is no amount.
    """
    try:
        micro = parse_amount(text, currency)
    except ValueError as exc:
        raise ConfigError(f"{option}: {exc}") from exc
    if micro > 10**9 * MICRO:
        raise ConfigError(f"{option}: {text} is more than {10**9:,}.")
    return micro
