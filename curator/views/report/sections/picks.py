"""The items of the last batch, each with the reason why it was asked about."""

from dataclasses import dataclass
from typing import Any, Self

from curator.ledger import queries
from curator.project.project import Project
from curator.views.report.section import Campaign, Head, Section
from curator.views.report.words import cut

MOST = 100  # shown; the ledger has them all
_LONGEST = 280  # characters of a text


@dataclass(frozen=True)
class Batch:
    """What a round asked about.

    Attributes:
        round: its number.
        strategy: as configured.
        items: how many it picked.
        picks: the first of them, best first.
    """

    round: int
    strategy: str
    items: int
    picks: list[dict[str, Any]]

    @property
    def shown(self) -> set[str]:
        """The columns that any of them has a value in."""
        return {name for pick in self.picks for name, value in pick.items() if value is not None}


@dataclass(frozen=True)
class Picks(Section):
    """None: nothing was picked yet."""

    batch: Batch | None

    @classmethod
    def gather(cls, campaign: Campaign) -> Self:
        """Of the newest round."""
        return cls(last_batch(campaign.project))

    def is_shown(self, head: Head) -> bool:  # noqa: ARG002
        """Where anything was picked."""
        return self.batch is not None

    def images(self) -> list[str]:
        """Those of the picks."""
        return [pick["content"] for pick in self.batch.picks] if self.batch else []


def last_batch(project: Project) -> Batch | None:
    """The newest round that picked anything; None before there is one."""
    ledger = project.ledger
    round_id = queries.picks.newest_round_with_picks(ledger)
    if round_id is None:
        return None
    row = queries.rounds.round_by_number(ledger, round_id) or {}
    picks = queries.picks.picks_of_round(ledger, round_id, MOST)
    for pick, content in zip(picks, _contents(project, [p["item_id"] for p in picks]), strict=True):
        pick["content"] = content
    return Batch(round_id, _strategy(row), queries.picks.count_picks(ledger, round_id), picks)


def _strategy(row: dict[str, Any]) -> str:
    spec = queries.rounds.strategy_of(row)
    if isinstance(spec, str):
        return spec
    return ", ".join(f"{name} {part:g}" for name, part in spec.items())


def _contents(project: Project, ids: list[str]) -> list[str]:
    """The beginning of each text, or where each image is."""
    return (
        [cut(content, _LONGEST) for content in project.pool.contents(project.pool.rows(ids))] if ids else []
    )
