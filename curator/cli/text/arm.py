"""How the random arm looks on a terminal: what was saved, and how good the model is on the live pool."""

from typing import TYPE_CHECKING

from curator.money.savings import MEASURED, sentence

if TYPE_CHECKING:
    from curator.views.status import Status  # loads torch


def arm_lines(status: "Status") -> list[str]:
    """One line for savings, one for the live pool, one where batches are not chosen as configured."""
    if not status.gain:
        return []
    told = sentence(status.savings, status.currency)
    if status.gain[-1]["metric"] != "accuracy" and status.savings and status.savings["status"] == MEASURED:
        told += " (judged by accuracy)"
    lines = [told[0].upper() + told[1:]]
    seen = status.pool_accuracy
    if seen is not None:
        lines.append(
            f"Accuracy on the live pool: {seen.value:.3f} (95%: {seen.low:.3f} to {seen.high:.3f}), "
            f"by {seen.items} random items that the models had not seen"
        )
    if status.fallback:
        lines.append(status.fallback)
    return lines
