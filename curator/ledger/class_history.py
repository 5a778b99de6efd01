"""How the classes of a campaign changed, and what a name that was given earlier means today.

Answers stay in the ledger as they came. What a name in one of them means is found by going through the changes that came
after it: a class that was renamed or merged has another name now; one that was split, or that another was carved from,
says too little, and whoever gave it has to be asked again.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Self, cast

from curator.ledger.store import Ledger, Row

Kind = Literal["start", "add", "rename", "merge", "split"]
Asks = Literal["nothing", "hold-out", "all"]
Role = Literal["train", "holdout"]


@dataclass(frozen=True)
class Change:
    """One change of the classes.

    Attributes:
        id: 0 for the classes that the campaign began with, then 1, 2, ...
        kind: what was done.
        sources: names before: the old one, those that were merged, the one that was split or carved from.
        targets: names after: the new one, the merged one, the parts, what was added.
        asks: whose earlier answers no longer say enough: nobody's, all on the hold-out, or all that name a source.
        classes: all classes after it, in order.
        measured: the newest round measured before it.
        changed_at: UTC, in the form of the labelers' times, so that the two compare as text.
    """

    id: int
    kind: Kind
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    asks: Asks
    classes: tuple[str, ...]
    measured: int = 0
    changed_at: str = ""

    def apply(self, name: str | None, role: Role) -> tuple[str | None, bool]:
        """What an answer from before it says afterwards.

        Args:
            name: a class; None = the annotator could not tell.
            role: of the item.

        Returns:
            The name, and whether it says enough.
        """
        if self.kind in ("rename", "merge") and name in self.sources:
            return self.targets[0], True
        if self.asks == "hold-out":
            return name, role != "holdout"
        return name, not (self.asks == "all" and name in self.sources)

    def row(self) -> Row:
        """As `class_changes` keeps it."""
        lists = {"sources": self.sources, "targets": self.targets, "classes": self.classes}
        return {**vars(self), **{key: json.dumps(value, ensure_ascii=False) for key, value in lists.items()}}

    def sentence(self, *, done: bool = True) -> str:
        """What was done, or would be, for people."""
        was, were = ("was", "were") if done else ("would be", "would be")
        old, new = (", ".join(map(repr, names)) for names in (self.sources, self.targets))
        match self.kind:
            case "rename":
                return f"{old} {was} renamed {new}"
            case "merge":
                return f"{old} {were} merged into {new}"
            case "split":
                return f"{old} {was} split into {new}"
            case "add":
                return f"{new} {was} added" + (f", carved from {old}" if old else "")
            case _:
                return f"the campaign began with {', '.join(map(repr, self.classes))}"


@dataclass(frozen=True)
class Meaning:
    """What an earlier answer says today.

    Attributes:
        label: one of today's classes; None: the annotator could not tell, or it is not known.
        outdated: the change since which it no longer says enough; None: it does.
    """

    label: str | None
    outdated: int | None = None


@dataclass(frozen=True)
class History:
    """All changes, the start first. Empty before anything was asked or imported."""

    changes: tuple[Change, ...]

    @classmethod
    def read(cls, ledger: Ledger) -> Self:
        """From the ledger."""
        rows = ledger.rows("select * from class_changes order by id")
        return cls(tuple(_change(row) for row in rows))

    @property
    def newest(self) -> int:
        """The number of the last change; 0 while there was none."""
        return max(0, len(self.changes) - 1)

    @property
    def classes(self) -> tuple[str, ...]:
        """Today's classes, in order; empty where nothing is known yet."""
        return self.changes[-1].classes if self.changes else ()

    def since(self, version: int) -> tuple[Change, ...]:
        """The changes after `version`."""
        return self.changes[version + 1 :]

    def version_of_answer(self, asked_under: int, given_at: str | None) -> int:
        """The last change that an annotator can have known of.

        A question that was sent after a change shows the classes after it, whatever the clocks say; of one that was out
        already, the labeler's time of the answer decides.

        Args:
            asked_under: the last change before the question was sent.
            given_at: the labeler's time of the answer.
        """
        seen = [change.id for change in self.changes if (given_at or "") >= change.changed_at]
        return max([asked_under, *seen])

    def version_of_model(self, round_id: int) -> int:
        """The last change before a round was measured."""
        return max((change.id for change in self.changes if change.measured < round_id), default=0)

    def version_of_classes(self, classes: Iterable[str]) -> int | None:
        """The newest version with just these classes, in this order; None: there was none."""
        wanted = tuple(classes)
        return max((change.id for change in self.changes if change.classes == wanted), default=None)

    def meaning(self, name: str | None, version: int, role: Role) -> Meaning:
        """What an answer given under `version` says today.

        Args:
            name: a class, also one that was shown on a page opened before a change; None = cannot tell.
            version: see `version_of_answer`.
            role: of the item.
        """
        begin = version if name is None else self._nearest(name, version)
        if begin is None:
            return Meaning(name if name in self.classes or not self.changes else None)
        for change in self.since(begin):
            name, enough = change.apply(name, role)
            # Who gave an old name under newer classes knew of these, but cannot have meant a part of what was split.
            if not enough and (change.id > version or change.kind == "split"):
                return Meaning(None, change.id)
        return Meaning(name)

    def meaning_of_classes(self, classes: tuple[str, ...]) -> list[str | None]:
        """What each class of an earlier list is called today, for training labels; None: it says too little."""
        version = self.version_of_classes(classes)
        if version is None:  # edited by hand before anything was asked
            return [name if name in self.classes else None for name in classes]
        return [self.meaning(name, version, "train").label for name in classes]

    def successor(self, name: str, version: int) -> str:
        """The class of today that a column of probabilities counts for: of one that was split, its first part."""
        for change in self.since(version):
            if change.kind in ("rename", "merge", "split") and name in change.sources:
                name = change.targets[0]
        return name

    def former(self) -> dict[str, str | None]:
        """Every name that is no class any more -> today's class for it; None: it says too little."""
        today = set(self.classes)
        found: dict[str, str | None] = {}
        for change in self.changes:
            for name in change.classes:
                if name not in today:
                    found[name] = self.meaning(name, change.id, "train").label
        return found

    def between(self, before: int, after: int) -> tuple[Change, ...]:
        """The changes that came after a round was measured and before another was."""
        return tuple(change for change in self.changes[1:] if before <= change.measured < after)

    def _nearest(self, name: str, version: int) -> int | None:
        """The version in which a name was a class: this one, the newest before it, or the first after it."""
        having = [change.id for change in self.changes if name in change.classes]
        return max((at for at in having if at <= version), default=min(having, default=None))


def comparable(changes: Iterable[Change]) -> bool:
    """Whether what was measured before these changes can be counted by the classes after them."""
    return all(change.asks == "nothing" for change in changes)


def begin_history(ledger: Ledger, classes: tuple[str, ...]) -> None:
    """Note the classes that a campaign begins with, once; until something is asked or imported they may still change.

    To be called inside a `write`.
    """
    start = Change(0, "start", (), (), "nothing", classes, changed_at=now())
    ledger.execute("delete from class_changes where id = 0")
    ledger.insert("class_changes", [start.row()])


def may_begin_anew(ledger: Ledger) -> bool:
    """Whether the classes of curator.toml are the campaign's, whatever they are.

    So it is while nothing that names a class is in the ledger; and when it was restored without a backup, which alone knows
    of changes.
    """
    return bool(
        ledger.scalar(
            "select not exists (select 1 from class_changes) or not (exists (select 1 from rounds) "
            "or exists (select 1 from imported_labels) or exists (select 1 from class_changes where id > 0))"
        )
    )


def now() -> str:
    """The time as the labelers write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _change(row: Row) -> Change:
    return Change(
        id=int(row["id"]),
        kind=cast("Kind", row["kind"]),
        sources=tuple(json.loads(row["sources"])),
        targets=tuple(json.loads(row["targets"])),
        asks=cast("Asks", row["asks"]),
        classes=tuple(json.loads(row["classes"])),
        measured=int(row["measured"]),
        changed_at=str(row["changed_at"]),
    )
