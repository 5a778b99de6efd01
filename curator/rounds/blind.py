"""Which items are asked about without the model's suggestion, so that it can be seen what suggestions do."""

import hashlib


def is_blind(item_id: str, seed: int, share: float) -> bool:
    """Whether an item is in the blind share.

    It depends on the item and the campaign's seed alone: chance decides, not what the model thinks of the item,
    and whoever asks again gets the same answer.

    Args:
        item_id: of the item.
        seed: of the campaign.
        share: of the items that are blind, 0 to 1.
    """
    return _fraction(f"blind:{seed}:{item_id}") < share


def wants_several(item_id: str, seed: int, share: float) -> bool:
    """Whether an item is in the share that several annotators answer; drawn apart from the blind share."""
    return _fraction(f"overlap:{seed}:{item_id}") < share


def _fraction(text: str) -> float:
    """A number from 0 to below 1, evenly spread over texts."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
