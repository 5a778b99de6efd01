"""What we keep in the description of a project at Label Studio: whose it is, and what we last wrote into it."""

import hashlib
import re
from dataclasses import dataclass, replace
from typing import Self

_CAMPAIGN = "Made by curator for campaign {}. Please leave this and the next lines as they are."
_LINES = {
    "holder": ("Run from: ", re.compile(r"^Run from: (.*)$", re.MULTILINE)),
    "layout": ("Layout: ", re.compile(r"^Layout: (\w+)$", re.MULTILINE)),
    "instructions": ("Instructions: ", re.compile(r"^Instructions: (\w+)$", re.MULTILINE)),
}


@dataclass(frozen=True, slots=True)
class ProjectNotes:
    """Our lines at the end of a description.

    Attributes:
        campaign: fingerprint of the campaign.
        holder: who runs it; "" = nobody has said so.
        layout: fingerprint of the labeling configuration that we wrote; "" = it is not ours.
        instructions: fingerprint of the instructions that we wrote.
    """

    campaign: str
    holder: str = ""
    layout: str = ""
    instructions: str = ""

    @classmethod
    def read(cls, description: str, campaign: str) -> Self:
        """Our lines in `description`, for the campaign named `campaign`."""
        _, ours = _split(description)
        found = {name: pattern.search("\n".join(ours)) for name, (_, pattern) in _LINES.items()}
        values = {name: match.group(1).strip() for name, match in found.items() if match}
        return replace(cls(fingerprint(campaign)), **values)

    def in_description(self, description: str) -> str:
        """The description with these lines in place of older ones."""
        ours = [_CAMPAIGN.format(self.campaign)]
        ours += [f"{start}{value}" for name, (start, _) in _LINES.items() if (value := getattr(self, name))]
        kept, _ = _split(description)
        return "\n".join([*kept, *ours] if not kept or kept[-1] == "" else [*kept, "", *ours])

    def is_in(self, description: str) -> bool:
        """Whether `description` is that of a project made for this campaign."""
        return f"campaign {self.campaign}." in description


def _split(description: str) -> tuple[list[str], list[str]]:
    """The lines that people wrote, and ours: the line that names the campaign, and what follows it of the known kinds.

    A line of theirs that begins as one of ours does, above it, stays theirs.
    """
    lines = description.splitlines()
    mark = _CAMPAIGN.partition("{}")[0]
    first = next((place for place, line in enumerate(lines) if line.startswith(mark)), len(lines))
    starts = (mark, *(start for start, _ in _LINES.values()))
    below = lines[first:]
    theirs = [line for line in below if not line.startswith(starts)]
    return [*lines[:first], *theirs], [line for line in below if line.startswith(starts)]


def fingerprint(text: str) -> str:
    """A short text that stands for a long one."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
