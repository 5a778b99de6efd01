"""People: who answered is told by a number at a server; names are only shown, and may change, or be taken away.

An answer keeps the person it was first stored with, whatever the server says later: so people who leave, are renamed or
deleted edit nothing. And a server that has moved to another address is recognised by the answers it holds.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import count

from curator.ledger.store import Ledger, Row
from integrations.labelers.protocol import Answer, Identity

BEFORE = ""  # origin of numbers from ledgers that did not keep it
NAMED = "name"  # origin of people of whom a labeler tells the name alone
UNKNOWN = "unknown"  # origin of people of whom nothing is known


@dataclass(frozen=True)
class Given:
    """An answer at the labeler, and what the ledger holds of it.

    Attributes:
        answer: as it is now.
        held: the newest version in the ledger; None: it is new.
        source_id: what the ledger calls it.
        person: whose it is; 0 = not assigned yet.
    """

    answer: Answer
    held: Row | None
    source_id: str
    person: int = 0


@dataclass
class _Person:
    id: int
    annotator: str
    names: list[str]
    new: bool = False
    numbers: list[Identity] = field(default_factory=list)


class People:
    """Everybody who has answered so far. Changes are kept until `write`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._people = {
            int(row["id"]): _Person(row["id"], row["annotator"], json.loads(row["names"]))
            for row in ledger.rows("select * from people order by id")
        }
        self._of: dict[Identity, int] = {}
        for row in ledger.rows("select * from identities order by rowid"):
            self._link(Identity(row["origin"], row["number"]), int(row["person"]))
        self._linked: list[Identity] = []

    def assign(self, questions: Sequence[Sequence[Given]]) -> dict[str, int]:
        """Say whose each answer is.

        Args:
            questions: the answers of each question of a pull.

        Returns:
            Source id in the ledger -> person.
        """
        apart = self._two_in_one(questions)
        for given in (given for question in questions for given in question):
            self._recognise(given, apart)
        origins = {g.answer.identity.origin for q in questions for g in q if g.answer.identity}
        found: dict[str, int] = {}
        for question in questions:
            nobody = {self._held(given) for given in question}
            for given in question:
                answer, held = given.answer, self._held(given)
                if answer.identity in apart or held is None:
                    held = self._person_of(answer, nobody, only_origin=len(origins) == 1)
                    nobody.add(held)
                found[given.source_id] = held
                # A copy is held as its author's, and carries the name of whoever imported it.
                named = held if answer.identity is None else self._of.get(answer.identity)
                if answer.annotator and named is not None:
                    self._call(named, answer.annotator)
        return found

    def write(self) -> None:
        """Put people, names and what they are called into the ledger; answers and costs follow a new name."""
        before = {person.id: person.annotator for person in self._people.values()}
        self._name_apart()
        self._ledger.execute(
            "insert into people (id, annotator, name, names) select value ->> 0, value ->> 1, value ->> 2, value ->> 3 "
            "from json_each(?) where true on conflict (id) do update set annotator = excluded.annotator, "
            "name = excluded.name, names = excluded.names",
            [
                json.dumps(
                    [
                        [
                            p.id,
                            p.annotator,
                            p.names[-1] if p.names else "",
                            json.dumps(p.names, ensure_ascii=False),
                        ]
                        for p in self._people.values()
                    ]
                )
            ],
        )
        for one in self._linked:
            self._ledger.execute(
                "insert or replace into identities (origin, number, person) values (?, ?, ?)",
                [one.origin, one.number, self._of[one]],
            )
        self._linked = []
        renamed = {
            before[person.id]: person.annotator
            for person in self._people.values()
            if not person.new and before[person.id] != person.annotator
        }
        if renamed:
            for table in ("answers", "costs"):
                self._ledger.execute(
                    f"update {table} set annotator = name.value from json_each(?) name where {table}.annotator = name.key",  # noqa: S608 - our own names
                    [json.dumps(renamed)],
                )

    def is_of(self, held: Row, answer: Answer) -> bool:
        """Whether the author of an answer is known to be that of a held one."""
        return answer.identity is not None and self._of.get(answer.identity) == held["person"]

    def is_of_another(self, held: Row, answer: Answer) -> bool:
        """Whether a held answer has another author for certain, from another server: it cannot be the same answer."""
        number = answer.identity
        if number is None or held["person"] is None or held["copy_of"] is not None:
            return False
        author = self._people[int(held["person"])]
        return self._of.get(number) not in (None, author.id) and not any(
            other.origin in (number.origin, BEFORE, UNKNOWN) for other in author.numbers
        )

    def annotator(self, person: int) -> str:
        """What a person is called, after `write`."""
        return self._people[person].annotator

    def _held(self, given: Given) -> int | None:
        """Whose the ledger says it is; None: it does not, or only that nobody knows, while now somebody does."""
        if given.held is None or given.held["person"] is None:
            return None
        person = int(given.held["person"])
        known = given.answer.identity is not None or bool(given.answer.annotator)
        unknown = any(number.origin == UNKNOWN for number in self._people[person].numbers)
        return None if known and unknown else person

    def _two_in_one(self, questions: Sequence[Sequence[Given]]) -> set[Identity]:
        """Numbers of other servers that were taken for one person, until both answered one question."""
        apart: set[Identity] = set()
        for question in questions:
            by: dict[int, list[Identity]] = defaultdict(list)
            for given in question:
                held = self._held(given)
                if held is not None and given.answer.identity and given.answer.import_id is None:
                    by[held].append(given.answer.identity)
            for person, numbers in by.items():
                first = next((n for n in numbers if self._of.get(n) == person), numbers[0])
                apart |= {
                    n for n in numbers if n.origin != first.origin and self._of.get(n) in (None, person)
                }
        for number in sorted(apart, key=lambda n: (n.origin, n.number)):
            if number in self._of:
                self._people[self._of[number]].numbers.remove(number)
            self._link(number, self._new())
            self._linked.append(number)
        return apart

    def _recognise(self, given: Given, apart: set[Identity]) -> None:
        """Learn a number by an answer whose author is known, unless that person has another number there."""
        number, held = given.answer.identity, self._held(given)
        if number is None or held is None or number in self._of or number in apart or given.answer.import_id:
            return
        if not any(other.origin == number.origin for other in self._people[held].numbers):
            self._link(number, held)
            self._linked.append(number)

    def _person_of(self, answer: Answer, there: Collection[int | None], *, only_origin: bool) -> int:
        """Whose an answer is that no held one tells of; `there` are those who answered the same question."""
        number = answer.identity
        if number is None and answer.annotator:
            number = Identity(NAMED, answer.annotator)
        if number is None:
            # Two answers of which nobody knows whose they are count as those of two people: it was asked for two.
            numbers = (Identity(UNKNOWN, str(n)) for n in count(1))
            number = next(n for n in numbers if self._of.get(n) not in there or n not in self._of)
        if number not in self._of:
            former = (
                self._of.get(Identity(BEFORE, number.number))
                if number.origin not in (NAMED, UNKNOWN)
                else None
            )
            # A number of before is of the one server there was then; nobody else has claimed it.
            if former is None or not only_origin or len(self._people[former].numbers) > 1:
                former = self._new()
            self._link(number, former)
            self._linked.append(number)
        return self._of[number]

    def _new(self) -> int:
        number = max(self._people, default=0) + 1
        self._people[number] = _Person(number, "", [], new=True)
        return number

    def _link(self, number: Identity, person: int) -> None:
        self._of[number] = person
        self._people[person].numbers.append(number)

    def _call(self, person: int, name: str) -> None:
        names = self._people[person].names
        if not names or names[-1] != name:
            if name in names:
                names.remove(name)
            names.append(name)

    def _name_apart(self) -> None:
        """What everybody is called: the name, with where it is from when several people have it."""
        plain = {person.id: _plain_name(person) for person in self._people.values()}
        several = {name for name, n in Counter(plain.values()).items() if n > 1}
        taken: set[str] = set()
        for person in self._people.values():
            name = plain[person.id]
            newest = person.numbers[-1] if person.numbers else Identity(BEFORE, str(person.id))
            if name in several and newest.origin:
                name = f"{name} ({newest.origin})"
            if name in taken:
                name = f"{name} ({newest.number})"
            person.annotator = name
            taken.add(name)


def _plain_name(person: _Person) -> str:
    if person.names:
        return person.names[-1]
    newest = person.numbers[-1] if person.numbers else Identity(BEFORE, str(person.id))
    if newest.origin == UNKNOWN:
        return UNKNOWN if newest.number == "1" else f"{UNKNOWN} {newest.number}"
    return f"user-{newest.number}"
