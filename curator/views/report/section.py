"""What a section of the page is: one class that gathers its numbers, and says how they are drawn."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypedDict

from curator.ledger.store import Ledger, Row
from curator.project.project import Project
from curator.tasks.registry import metric_title
from curator.tasks.task import Task
from curator.views.report.figures import Figure
from curator.views.report.holdout import Holdout
from curator.views.report.outlook import Forecast


class OpenRound(TypedDict):
    """The round that waits for answers."""

    round: int
    asked: int
    answered: int


class Facts(TypedDict):
    """What the project is, and how far; `is_share_right`: its metric is the share of items that are right, `share_right` its name."""

    name: str
    kind: str
    classes: int
    task: str
    metric: str
    is_share_right: bool
    share_right: str
    currency: str
    items: int
    labels: int
    holdout_items: int
    holdout_labeled: int
    round: int
    looks: int
    seeds: int
    fewest_items: int
    target_gain: float
    open_round: OpenRound | None


@dataclass(frozen=True)
class Head:
    """What every section may refer to. Amounts are micro-units of the currency; shares and metrics are 0-1.

    Attributes:
        project: what is reported on.
        missing: what cannot be shown yet or any more, and why; sections add to it while they gather.
        rounds: measured rounds.
        forecast: the way ahead; None: none was made.
        written_at: UTC, ISO 8601.
        curator: version.
    """

    project: Facts
    missing: list[str]
    rounds: list[Row]
    forecast: Forecast | None
    written_at: str
    curator: str

    @property
    def metric(self) -> str:
        """The metric for people."""
        return metric_title(self.project["metric"])

    @property
    def currency(self) -> str:
        """Of all amounts."""
        return self.project["currency"]


@dataclass(frozen=True)
class Campaign:
    """What sections are gathered from.

    Attributes:
        project: opened; is only read.
        head: what is known of it already.
        comparisons: rounds against earlier ones, by the project's metric.
        holdout: as the newest measured model saw it; None: there is none, or its probabilities are gone.
    """

    project: Project
    head: Head
    comparisons: list[Row]
    holdout: Holdout | None

    @property
    def ledger(self) -> Ledger:
        """Of the project."""
        return self.project.ledger

    @property
    def task(self) -> Task:
        """What a label is."""
        return self.project.task

    @property
    def last_round(self) -> int:
        """The number of the last measured round; 0: there is none."""
        return self.head.project["round"]


class Section(ABC):
    """One section, a frozen dataclass: its fields, all of plain values, are its part of the report's JSON.

    Its template stands beside its module and has its name; there it is `s`, the head `r`.
    """

    needs_rounds: ClassVar[bool] = True  # nothing is shown before a round is measured

    @classmethod
    def template(cls) -> str:
        """The name of its template."""
        return f"{cls.__module__.rpartition('.')[2]}.html"

    @classmethod
    @abstractmethod
    def gather(cls, campaign: Campaign) -> Self:
        """Read its numbers; what is missing is added to the head's `missing`."""

    def is_shown(self, head: Head) -> bool:
        """Whether there is anything to show, be it that there is nothing yet."""
        return bool(head.rounds) or not self.needs_rounds

    def figures(self, head: Head) -> dict[str, Figure]:  # noqa: ARG002 - for those who need it
        """Every plot that there are numbers for, by the name of its place in the template."""
        return {}

    def images(self) -> Sequence[str]:
        """Image files that it shows small, the most important first."""
        return ()

    def points(self) -> Sequence[dict[str, Any]]:
        """Items that hovering shows: `id`, `note` and `content`."""
        return ()
