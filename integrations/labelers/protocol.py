"""What curator asks of whoever answers its questions, and the values that pass between the two.

A labeler is asked in one story, the same for a server, a folder of files and a replay of known labels:

    project = labeler.prepare(spec, project)      create the place to ask in, or check the one that is there
    labeler.find(keys)                            which of these questions are there already?
    labeler.send(questions)                       ask, at most `chunk_size` at a time
    labeler.announce(announcement)                the round is complete over there: let annotators begin
    labeler.pull(cursor)                          what was answered, changed or taken back since

`tests/integrations/test_labeler_contract.py` holds every labeler to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from integrations.labelers.form import Form
from integrations.labelers.single_choice import SINGLE_CHOICE
from integrations.labelers.traits import Traits

Kind = Literal["text", "image"]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the model would answer: shown to the annotator, who may correct it."""

    label: str  # as text, see `integrations.labelers.form`
    score: float  # how sure the model is of `label`, 0 to 1: its probability; low = unsure
    model_version: str


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A labeled item near the one that is asked about, shown for comparison."""

    label: str  # in words
    text: str | None = None
    image: str | None = None  # as in `Question`


@dataclass(frozen=True, slots=True)
class Question:
    """One item as it is put to the labeler.

    Attributes:
        key: ours, unique over all rounds and campaigns; the only identity that is trusted.
        item_id: of the item.
        round: that asks.
        rank: 1 = ask first.
        text: what to read.
        image: path of a local file, or an http(s) or s3 URL.
        suggestion: what the model would answer; None = the annotator sees none.
        role: train or holdout; not for the annotators' eyes.
        why: one line that says why it is asked; "" = nothing to say.
        fields: what else is shown, by name.
        neighbours: labeled items near it, nearest first.
        drawn_with: probability with which the item was drawn, for a sampled hold-out.
    """

    key: str
    item_id: str
    round: int
    rank: int
    text: str | None = None
    image: str | None = None
    suggestion: Suggestion | None = None
    role: Literal["train", "holdout"] = "train"
    why: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    neighbours: tuple[Neighbour, ...] = ()
    drawn_with: float | None = None


@dataclass(frozen=True, slots=True)
class ProjectSpec:
    """What the labeler's project must look like.

    Attributes:
        title: of the project; also what tells it from any other, so it names the campaign.
        kind: what is asked about.
        classes: to choose from, in order.
        cannot_tell: one choice more, which gives no label; "" = none.
        descriptions: class -> what it means.
        hotkeys: class -> key.
        instructions: HTML for the annotators; "" = none.
        shows_fields: questions come with further fields.
        shows_neighbours: questions come with labeled neighbours.
        holder: who runs the campaign. Another one is refused, since two would ask twice.
        take_over: make `holder` the one who runs it, whoever it was.
        former_classes: name that was a class once -> the class it counts for now; None: it says too little. Answers may still
            hold one: they were given before, or on a page that was open then.
        former_lists: the classes as they were before each change.
        former_cannot_tell: the choices that gave no label once.
        form: the kind of label that is asked for.
    """

    title: str
    kind: Kind
    classes: tuple[str, ...]
    cannot_tell: str = ""
    descriptions: Mapping[str, str] = field(default_factory=dict)
    hotkeys: Mapping[str, str] = field(default_factory=dict)
    instructions: str = ""
    shows_fields: bool = False
    shows_neighbours: bool = False
    holder: str = ""
    take_over: bool = False
    former_classes: Mapping[str, str | None] = field(default_factory=dict)
    former_lists: tuple[tuple[str, ...], ...] = ()
    former_cannot_tell: tuple[str, ...] = ()
    form: Form = SINGLE_CHOICE


@dataclass(frozen=True, slots=True)
class Announcement:
    """A round whose questions are all at the labeler.

    Attributes:
        round: its number.
        model_version: whose suggestions annotators see; None = there are none.
        answers_wanted: key -> answers by different annotators, for every question of the round.
    """

    round: int
    model_version: str | None = None
    answers_wanted: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is to a labeler: what stays the same when they change their name, or leave.

    Attributes:
        origin: where the number was given out: the address of a server, or where an export is from.
        number: of the user there.
    """

    origin: str
    number: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it stands at the labeler now.

    Exactly one of four holds: `label` is set; `skipped` is true; `cannot_tell` is true; `problem` says why no
    label could be read. `suggestion` says what became of the model's suggestion, where that is known.
    """

    # Of two answers to one question with the same source_id from one origin, one is an edit of the other.
    source_id: str
    annotator: str  # name, to be shown; "" = not known, or not any more
    label: str | None  # as text, see `integrations.labelers.form`
    skipped: bool
    seconds: float | None  # as the labeler measured it, uncapped; None = not measured
    created_at: str  # UTC, ISO 8601
    updated_at: str  # UTC, ISO 8601
    problem: str | None = None
    cannot_tell: bool = False
    suggestion: Literal["accepted", "changed"] | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)  # JSON, as it came
    identity: Identity | None = None  # of who answered; None = the name is all that is known, if it is
    import_id: str | None = None  # number that it had where it was exported, if it came in by an import


@dataclass(frozen=True, slots=True)
class QuestionAnswers:
    """All answers that one question has at the labeler now: the whole set, so what is missing was deleted."""

    key: str
    external_id: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull brought.

    Attributes:
        questions: the questions that changed since the cursor, each once.
        cursor: hand it to the next pull; None when nothing was ever there.
        complete: every question that is at the labeler is listed; one that was sent and is not here is gone.
        foreign_questions: tasks that are not ours (only known when `complete`).
        foreign_answers: answers to these.
        notes: what a person should know about what was read, or passed over.
    """

    questions: tuple[QuestionAnswers, ...]
    cursor: str | None
    complete: bool
    foreign_questions: int = 0
    foreign_answers: int = 0
    notes: tuple[str, ...] = ()


class Labeler(Protocol):
    """Whoever answers. Every method may raise `LabelerError`."""

    name: str
    traits: Traits  # what it can do, and what it needs
    chunk_size: int  # most questions that one `send` takes
    settle_seconds: float  # how long a request whose reply was lost may still be at work over there

    def prepare(self, spec: ProjectSpec, project: str | None) -> str:
        """Create the project, or check that `project` is there and fits; returns its reference, to be kept."""
        ...

    def find(self, keys: Sequence[str]) -> dict[str, str]:
        """Of these keys, those that are at the labeler, each with its id there."""
        ...

    def send(self, questions: Sequence[Question]) -> dict[str, str]:
        """Ask. Returns key -> id at the labeler for each. Never retries by itself: that could ask twice."""
        ...

    def announce(self, announcement: Announcement) -> None:
        """Let annotators begin with a round: all its questions are there. The same again changes nothing."""
        ...

    def pull(self, cursor: str | None) -> Pulled:
        """What changed since `cursor`; with None everything there is."""
        ...

    def question_count(self) -> int:
        """How many questions are at the labeler in all, tasks that are not ours included."""
        ...

    def answer_count(self) -> int:
        """How many answers the labeler holds in all, skips and answers to foreign tasks included."""
        ...

    def where(self) -> str:
        """Where a person would look: a URL or a folder."""
        ...
